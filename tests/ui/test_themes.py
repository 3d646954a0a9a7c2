"""Every theme has every colour of ours, and text can be read on it."""

from __future__ import annotations

import pytest
from rich.style import Style
from tests.ui.a_screen import AScreen
from tests.ui.driving import drive
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from hptui.ui.application.settings import Settings
from hptui.ui.look.themes import OWN_COLOURS, SHADES, own_themes

OWN = [theme.name for theme in own_themes()]
STATES = ("running", "complete", "pruned", "fail", "failed", "waiting", "best", "infeasible")


@pytest.mark.parametrize("name", [*OWN, *sorted(BUILTIN_THEMES)])
def test_each_theme_shows_the_screens(name: str) -> None:
    app = drive(
        'press ?\nwait "Keys"\npress esc x\nwait "Delete"',
        home=AScreen,
        settings=Settings(theme=name),
    )
    assert app.theme == name
    for state in STATES:
        assert Style.parse(app.services.state_style(state)).color is not None
    assert {*OWN_COLOURS, *SHADES} <= set(app.services.theme_variables)


def contrast(one: Color, other: Color) -> float:
    """Return WCAG's contrast ratio, from 1 to 21."""
    lights = sorted(
        0.2126 * _linear(each.r) + 0.7152 * _linear(each.g) + 0.0722 * _linear(each.b)
        for each in (one, other)
    )
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def _linear(channel: int) -> float:
    share = channel / 255
    return share / 12.92 if share <= 0.03928 else ((share + 0.055) / 1.055) ** 2.4


@pytest.mark.parametrize("name", OWN)
def test_what_is_written_stands_out_from_the_ground(name: str) -> None:
    app = drive("press n", home=AScreen, settings=Settings(theme=name))
    variables = app.services.theme_variables
    ground = Color.parse(variables["background"])
    for role in [*OWN_COLOURS, "dimmed", "foreground", "footer-key-foreground"]:
        # 4.5 is what WCAG asks for text.
        assert contrast(ground, Color.parse(variables[role])) >= 4.5, role
    assert contrast(ground, Color.parse(variables["disabled"])) >= 2, "disabled"


@pytest.mark.parametrize("name", OWN)
def test_states_have_colours_of_their_own(name: str) -> None:
    app = drive("press n", home=AScreen, settings=Settings(theme=name))
    shown = [
        app.services.state_style(state)
        for state in ("running", "complete", "pruned", "failed", "best")
    ]
    assert len(set(shown)) == len(shown)

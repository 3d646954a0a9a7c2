"""Every theme has every colour of ours, and text can be read on it."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import pytest
from rich.color import ColorSystem
from rich.style import Style
from tests.ui.a_screen import AScreen
from tests.ui.driving import drive
from textual.color import Color
from textual.theme import BUILTIN_THEMES

from hptui.ui.application.settings import Settings
from hptui.ui.look.themes import (
    OWN_COLOURS,
    SHADES,
    colour_of,
    in_sixteen_colours,
    own_themes,
)
from hptui.ui.plots.plot import Plot

OWN = [theme.name for theme in own_themes()]
STATES = ("running", "complete", "pruned", "fail", "failed", "waiting", "best", "infeasible")


class Shown(NamedTuple):
    """What an application had when it had shown some screens."""

    theme: str
    variables: dict[str, str]
    styles: dict[str, str]
    """Of each state."""


@cache
def shown(name: str) -> Shown:
    """Show some screens in a theme."""
    script = 'press ?\nwait "Keys"\npress esc x\nwait "Delete"'
    app = drive(script, home=AScreen, settings=Settings(theme=name))
    services = app.services
    styles = {state: str(services.state_style(state)) for state in STATES}
    return Shown(app.theme, dict(services.theme_variables), styles)


@pytest.mark.parametrize("name", [*OWN, *sorted(BUILTIN_THEMES)])
def test_each_theme_shows_the_screens(name: str) -> None:
    theme, variables, styles = shown(name)
    assert theme == name
    assert all(Style.parse(style).color is not None for style in styles.values())
    assert {*OWN_COLOURS, *SHADES} <= set(variables)


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
    variables = shown(name).variables
    ground = Color.parse(variables["background"])
    for role in [*OWN_COLOURS, "dimmed", "foreground", "footer-key-foreground"]:
        # 4.5 is what WCAG asks for text.
        assert contrast(ground, Color.parse(variables[role])) >= 4.5, role
    assert contrast(ground, Color.parse(variables["disabled"])) >= 2, "disabled"


@pytest.mark.parametrize("name", OWN)
def test_states_have_colours_of_their_own(name: str) -> None:
    states = ("running", "complete", "pruned", "failed", "best")
    styles = shown(name).styles
    assert len({styles[state] for state in states}) == len(states)


@pytest.mark.parametrize("name", OWN)
def test_states_keep_their_colours_on_a_terminal_of_sixteen(name: str) -> None:
    variables = in_sixteen_colours(shown(name).variables)
    ground = Color.parse(variables["background"])

    def seen(variable: str, opacity: float = 1.0) -> int | None:
        colour = ground + colour_of(variables, variable, ground).multiply_alpha(opacity)
        return colour.rich_color.downgrade(ColorSystem.STANDARD).number

    states = ("running", "complete", "pruned", "failed", "waiting", "best", "infeasible")
    of_states = {state: seen(f"state-{state}") for state in states}
    assert len(set(of_states.values())) == len(states)
    roles = ("trial", "best", "pruned", "failed", "running", "infeasible", "selected")
    styles = {role: Plot.ROLE_STYLES[role] for role in roles}
    in_plots = {role: seen(style.color, style.opacity) for role, style in styles.items()}
    assert len(set(in_plots.values())) == len(roles)
    series = {seen(f"chart-series-{number}") for number in range(1, 7)}
    assert len(series) == 6
    written = {*of_states.values(), *in_plots.values(), *series, seen("dimmed"), seen("rule")}
    assert seen("background") not in written
    assert seen("block-cursor-background") not in (
        seen("background"),
        seen("block-cursor-foreground"),
    )

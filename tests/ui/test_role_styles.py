"""The roles of a widget's parts have a look in every theme, and another after a change of theme."""

from __future__ import annotations

import asyncio
import importlib
import pkgutil
from typing import TYPE_CHECKING

import pytest
from textual.color import Color
from textual.theme import BUILTIN_THEMES

import hptui.ui
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.application.settings import Settings
from hptui.ui.look.themes import colour_of, own_themes
from hptui.ui.plots.plot import Plot
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.role_styles import RoleStyled

if TYPE_CHECKING:
    from pathlib import Path

THEMES = [*(theme.name for theme in own_themes()), *sorted(BUILTIN_THEMES)]


def styled_classes() -> list[type[RoleStyled] | type[Plot]]:
    """Return every kind of widget whose parts have roles."""
    for module in pkgutil.walk_packages(hptui.ui.__path__, "hptui.ui."):
        importlib.import_module(module.name)
    new: list[type[RoleStyled] | type[Plot]] = [RoleStyled, Plot]
    found: set[type[RoleStyled] | type[Plot]] = {Plot}
    while new:
        subclasses = new.pop().__subclasses__()
        found |= set(subclasses)
        new += subclasses
    return sorted(found, key=lambda each: each.__name__)


def test_each_role_can_be_seen_in_each_theme(tmp_path: Path) -> None:
    classes = styled_classes()
    looks = {look for each in classes for look in each.ROLE_STYLES.values()}
    assert len(looks) > 20

    class Everything(LineView):
        ROLE_STYLES = {str(index): look for index, look in enumerate(looks)}  # noqa: RUF012

    async def look_at_all() -> None:
        app = HptuiApp(OpenPlace(tmp_path, None, None), settings=Settings())
        async with app.run_test() as pilot:
            widget = Everything()
            await app.screen.mount(widget)
            for theme in THEMES:
                app.theme = theme
                await pilot.pause()
                for role, look in widget.ROLE_STYLES.items():
                    style = widget.style_of(role)
                    assert style.color is not None
                    # The terminal's own pair is called by one name.
                    is_own_pair = style.color.is_default
                    assert is_own_pair or style.color != style.bgcolor, (theme, look)
                    partial = widget.style_of(role, partial=True)
                    assert (partial.bgcolor is None) == (not look.background), (theme, look)
                    assert (partial.color is None) == (not look.color), (theme, look)

    asyncio.run(look_at_all())


def test_another_theme_gives_other_colours_at_once(tmp_path: Path) -> None:
    async def change() -> None:
        app = HptuiApp(OpenPlace(tmp_path, None, None), settings=Settings(theme="hptui-dark"))
        async with app.run_test() as pilot:
            widget = LineView()
            await app.screen.mount(widget)
            widget.show([[("failed", "failed")]])
            await pilot.pause()

            def shown() -> object:
                style = next(iter(widget.render_line(0))).style
                return None if style is None else style.color

            assert shown() == Color.parse(app.services.theme_variables["state-failed"]).rich_color
            before = shown()
            app.theme = "hptui-light"
            await pilot.pause()
            assert shown() == Color.parse(app.services.theme_variables["state-failed"]).rich_color
            assert shown() != before

    asyncio.run(change())


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("plain", Color(17, 34, 51)),
        ("named", Color(17, 34, 51)),
        ("faint", Color(17, 34, 51, 0.5)),
        ("twice", Color(17, 34, 51, 0.25)),
        ("best-seen", Color(255, 255, 255, 0.87)),
        ("of-the-terminal", Color.parse("ansi_red")),
    ],
)
def test_variables_may_name_others_and_have_an_opacity(name: str, expected: Color) -> None:
    variables = {
        "plain": "#112233",
        "named": "$plain",
        "faint": "$plain 50%",
        "twice": "$faint 50%",
        "best-seen": "auto 87%",
        "of-the-terminal": "ansi_red",
    }
    assert colour_of(variables, name, Color(0, 0, 0)) == expected

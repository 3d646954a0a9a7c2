"""The styles of the application, beside what Textual itself reads in the same sheets."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.ui.driving import drive
from textual.css.stylesheet import Stylesheet

from hptui.ui.look import stylesheet

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from hptui.ui.application.app import HptuiApp

SCRIPT = """
wait "hptui"
press ctrl+p
wait "find a command"
press escape
wait "rosenbrock"
press f8
wait "Theme"
"""


def _told(sheet: Stylesheet) -> list[tuple[object, ...]]:
    return [
        (each.selectors, repr(each.styles.get_rules()), each.is_default_rules, each.tie_breaker)
        for each in sheet.rules
    ]


def test_rules_are_textuals_for_each_screen_and_theme(folder: Path) -> None:
    seen: set[str] = set()

    def look(app: HptuiApp) -> None:
        fresh = Stylesheet(variables=app.get_css_variables())
        fresh.source = dict(app.stylesheet.source)
        fresh.parse()
        assert _told(app.stylesheet) == _told(fresh)
        seen.add(repr(_told(fresh)))

    drive(SCRIPT, observe=look)
    assert len(seen) == 3, "without the palette, with it, in another theme"


def test_a_sheet_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    parse = stylesheet.parse

    def counted(scope: str, css: str, *rest: Any, **more: Any) -> Any:
        read.append(css)
        return parse(scope, css, *rest, **more)

    stylesheet.rules_of.cache_clear()
    monkeypatch.setattr(stylesheet, "parse", counted)
    told: list[int] = []
    script = SCRIPT.partition("press f8")[0]
    drive(script, observe=lambda _: told.append(len(read)))
    n_palettes = told[2] - told[0]
    assert 0 < n_palettes < told[0], "those of the palette, once it is shown, and no others"
    drive(script)
    assert len(read) == told[-1]

"""The window's title while a run is on the screen, and the sign at its end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hptui.ui.application.settings import AT_END, AtEnd, read_settings
from hptui.ui.study.run_signs import RunSigns
from hptui.ui.study.run_summary import RunSummary

RUNNING = RunSummary("s", "running", "running", 0.45, "9/20", "", "", "0.5 (#3)", "")
STOPPED = replace(RUNNING, state="stopped", word="not running", best="0.25 (#9)")


@pytest.mark.parametrize(
    ("at_end", "sign"),
    [
        ("nothing", []),
        ("bell", ["\a"]),
        ("notification", ["\x1b]9;s: the run has ended, best 0.25 (#9)\x1b\\"]),
        ("notification-777", ["\x1b]777;notify;s: the run has ended;best 0.25 (#9)\x1b\\"]),
    ],
)
def test_a_run_has_a_title_until_it_ends_which_is_told_once(at_end: AtEnd, sign: list[str]) -> None:
    titles: list[str] = []
    shares: list[str] = []
    written: list[str] = []
    signs = RunSigns(titles.append, shares.append, written.append, at_end)
    assert not signs.show(STOPPED)
    assert not titles, "nobody has seen it run"
    signs.show(RUNNING)
    signs.show(RUNNING)
    signs.show(replace(RUNNING, fraction=None, state="paused", word="paused", best=""))
    # A file that cannot be read for a moment has not ended.
    signs.show(replace(RUNNING, state="trouble"))
    assert not written
    assert signs.show(STOPPED)
    assert not signs.show(STOPPED)
    signs.clear()
    assert list(dict.fromkeys(shares)) == ["1;45", "3;0", ""]
    assert titles == ["45% s: running, best 0.5 (#3)", "s: paused", ""]
    assert written == sign


@pytest.mark.parametrize("value", [*AT_END, "x", 3])
def test_the_setting_is_one_of_a_few(value: object) -> None:
    settings = read_settings({"at-end": value}, Path("settings.toml"))
    is_right = value in AT_END
    assert settings.at_end == (value if is_right else "nothing")
    assert ("at-end" in settings.trouble) != is_right

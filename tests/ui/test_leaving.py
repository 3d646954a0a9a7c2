"""Leaving while several studies run: one question, and nothing is left when an engine refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.ui.a_screen import AScreen
from tests.ui.driving import drive

from hptui.ui.application import leaving
from hptui.ui.application.command_screen import ShownRun
from hptui.ui.application.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


class _Lease:
    is_here = True


def test_several_runs_are_one_question_and_a_refusal_keeps_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone.db"

    class Screen(AScreen):
        PLACE = "studies"

        def runs(self) -> tuple[ShownRun, ...]:
            paths = [*(tmp_path / f"{name}.db" for name in "abcd"), gone]
            return tuple(ShownRun(path, path.stem) for path in paths)

    def running(path: Path, _name: str) -> _Lease | None:
        return None if path == gone else _Lease()

    monkeypatch.setattr(leaving, "running_engine", running)
    app = drive(
        """
        press q
        wait "4 studies run on without it: a, b, c and 1 more."
        press s
        wait "No engine runs a now."
        wait "No engine runs d now."
        press n
        expect "said: new study"
        press q
        wait "Leave hptui?"
        press l
        """,
        home=Screen,
        settings=Settings(),
    )
    assert app.return_code == 0

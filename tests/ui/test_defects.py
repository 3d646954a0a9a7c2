"""Work in a thread that ends by a defect: it is told and kept, and the application goes on."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.ui.a_screen import AScreen
from tests.ui.test_catalogue_feed import write_study

from hptui.cli.commands.application import open_place
from hptui.domain.objective import ObjectiveRef
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.settings import Settings
from hptui.ui.dialogs.questions import MessageDialog
from hptui.ui.driving.drive import play
from hptui.ui.driving.drive_script import read_script, read_size
from hptui.ui.setup import probing
from hptui.ui.setup.setup_screen import SetupScreen
from hptui.ui.studies import study_actions

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from textual.screen import Screen


def fail(*_: object, **__: object) -> int:
    """Fail as nothing should."""
    return 1 // 0


def played(script: str, path: Path, home: Callable[[], Screen[Any]] | None = None) -> HptuiApp:
    """Play a script whose last step a defect ends, and return the application."""
    app = HptuiApp(open_place(str(path)), settings=Settings(), home=home)
    failure = asyncio.run(play(app, read_script(script), size=read_size("100x30"), say=print))
    assert failure is not None
    assert failure.reason == "A defect: ZeroDivisionError: integer division or modulo by zero"
    (defect,) = app.defects
    assert defect.report is not None
    assert "in fail" in defect.report.read_text("utf-8")
    return app


class Failing(AScreen):
    def on_key(self) -> None:
        self.run_worker(fail, thread=True, exit_on_error=False)


class WithDialog(AScreen):
    async def on_mount(self) -> None:
        dialog = MessageDialog("A message", "of a kind")
        await self.app.push_screen(dialog)
        dialog.run_worker(fail, thread=True, exit_on_error=False)


@pytest.mark.parametrize("home", [Failing, WithDialog])
def test_a_defect_in_a_thread_is_told_and_kept(
    home: Callable[[], Screen[Any]], tmp_path: Path
) -> None:
    app = played(
        'press f9\nwait "This is a defect of hptui: ZeroDivisionError" 20s', tmp_path, home
    )
    assert app.failure is None


def test_the_list_of_studies_is_read_again_after_a_defect(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "digits.db", 1.0)
    monkeypatch.setattr(study_actions, "rename", fail)
    script = """
        wait "digits" 20s
        press R
        type x
        press enter
        wait "This is a defect of hptui" 20s
    """
    app = played(script, tmp_path)
    assert app.failure is None


def test_a_form_does_not_wait_for_what_a_defect_has_ended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "objective.py"
    file.write_text("def objective(trial): return trial.suggest_float('x', 0, 1)\n", "utf-8")
    monkeypatch.setattr(probing, "probe", fail)
    home = partial(SetupScreen, ObjectiveRef("file", str(file), "objective", "objective"))
    app = played('wait "Looking for parameters failed by a defect" 20s\npress f1', tmp_path, home)
    assert app.failure is None

"""Editing the space of a study while a real engine runs it."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.e2e.programs import load
from tests.ui.driving import drive
from tests.waiting import wait_for_stored, wait_until

from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.run.start.launch import launch
from hptui.ui.application.settings import Settings
from hptui.ui.study.edit_space import EditSpaceScreen
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from collections.abc import Generator

pytestmark = pytest.mark.usefixtures("clones_programs")

OBJECTIVES = Path(__file__).with_name("objectives_to_set_up.py")


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Path]:
    """A study that waits in its second trial, run by an engine of its own."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "w.db"
    options = ["--storage", str(path), "--jobs", "1", "--seed", "1", "--trials", "4"]
    pid = launch([f"{OBJECTIVES}:waiting", *options], path, "w")
    try:
        wait_until(lambda: (tmp_path / "started-1").exists(), "the second trial")
        # The space that is edited is read from it once.
        wait_for_stored(path, 1, "the first trial")
        yield path
    finally:
        (tmp_path / "go").touch()
        if running_engine(path, "w") is not None:
            os.kill(pid, signal.SIGINT)
        wait_until(lambda: running_engine(path, "w") is None, "the end of the run")


def edit(script: str, file: Path, size: str = "120x36") -> None:
    drive(script, size=size, settings=Settings(), home=lambda: StudyScreen(file, "w"))


def test_what_edits_would_do_is_told_before_they_are_applied(file: Path) -> None:
    edit(
        """
        wait "▶ running" 20s
        press e
        wait "Edit the space of w" 10s
        wait "linear" 10s
        press f5
        wait "No edits yet."
        press enter
        type 9
        wait "but low must not be above high"
        press escape enter
        type 4.5
        press enter
        wait "0 kept, 1 set aside" 10s
        press down =
        wait "Fix kind"
        press down enter
        wait "once applied" 10s
        press f5
        wait "1 set aside." 10s
        expect-not "Edit the space of w"
        """,
        file,
    )
    answer = ask_engine(file, "w", {"op": "space"})
    assert answer["edits"] == {"x": {"low": 4.5}, "kind": {"fixed": {"value": "a"}}}
    edit(
        """
        wait "▶ running" 20s
        press e
        wait "was -5.0" 10s
        press backspace
        wait "set aside once applied" 10s
        press escape
        wait "The edits are not applied yet."
        press n
        wait "Edit the space of w"
        press escape l
        wait "trials"
        expect-not "Edit the space of w"
        """,
        file,
        "80x24",
    )
    assert ask_engine(file, "w", {"op": "space"})["edits"] == answer["edits"]
    (file.parent / "go").touch()
    wait_until(lambda: running_engine(file, "w") is None, "the end of the run")
    before, _, *after = load(file.parent, "w").trials
    assert before.params["x"] < 4.5
    assert len(after) == 2
    assert all(trial.params["x"] >= 4.5 and trial.params["kind"] == "a" for trial in after)


def test_what_the_study_holds_cannot_change(file: Path) -> None:
    edit(
        """
        wait "▶ running" 20s
        press e
        wait "linear" 10s
        press enter
        type 1..5:log
        press enter
        wait "this study holds it on a linear one" 10s
        press f5
        wait "this study holds it on a linear one" 10s
        expect "F6 forks it."
        expect-not "hptui fork"
        press f6
        wait "Fork w"
        wait "w-2 would have" 20s
        press escape
        expect "Edit the space of w"
        """,
        file,
    )
    assert ask_engine(file, "w", {"op": "space"})["edits"] == {}


def test_after_the_end_of_the_engine_the_next_run_is_edited(file: Path) -> None:
    lease = running_engine(file, "w")
    assert lease is not None
    stored = "the first trial in the file, which the engine may write after the next one has begun"
    wait_until(
        lambda: any(trial.state.is_finished() for trial in load(file.parent, "w").trials), stored
    )
    os.kill(lease.pid, signal.SIGKILL)
    wait_until(lambda: running_engine(file, "w") is None, "the end of the engine")
    drive(
        """
        wait "linear"
        press f5
        wait "No edits yet."
        press down enter
        type -4.5
        press enter
        wait "from the next run on, "
        """,
        settings=Settings(),
        home=lambda: EditSpaceScreen(file, "w"),
    )

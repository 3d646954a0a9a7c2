"""Preparing the next run of a study in the application, while nobody runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.study_file import CHOICE, FLOAT, StudyFile
from tests.ui.driving import drive

from hptui.domain.next_run import NextRun
from hptui.storage.read.study_detail import read_study
from hptui.storage.transfer.trial_origin import put_study_attribute
from hptui.ui.application.settings import Settings
from hptui.ui.setup.run_draft import RunDraft
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.usefixtures("clones_programs")


def test_space_trials_and_budget_are_prepared(tmp_path: Path) -> None:
    file = tmp_path / "s.db"
    with StudyFile(file) as built:
        built.add_study("s")
        for number in range(4):
            params = {"x": (number / 4, FLOAT), "kind": (number % 3, CHOICE)}
            built.add_trial(float(number), params=params)
        put_study_attribute(built.connection, 1, "hptui:runs", [{"slots": 3}])
    drive(
        """
        wait "not running  4 trials"
        press e
        wait "Edit the space of s"
        wait "probed"
        press down
        press enter
        type 0.25
        press enter
        wait "from the next run on, 3 kept, 1 set aside once applied."
        press f5
        wait "3 trials kept, 1 set aside, from the next run on."
        press A
        wait "Enqueue a copy of trial"
        press enter
        wait "Trial 4 waits for the next run."
        press b
        wait "For the next run. How many more?"
        press enter
        wait "The next run will have 50 trials"
        wait "next run: 50 trials"
        press b
        wait "The next run has 50 trials. 0 withdraws them. How many more?"
        press ctrl+u
        type 0
        press enter
        wait "as many trials as you give it"
        press b
        wait "For the next run. How many more?"
        press enter
        wait "next run: 50 trials"
        press +
        wait "next run: 50 trials, 4 workers"
        press -
        press -
        wait "next run: 50 trials, 2 workers"
        press space
        wait "This study is not running; r sets up its next run."
        """,
        settings=Settings(),
        home=lambda: StudyScreen(file, "s"),
    )
    detail = read_study(file, "s")
    assert detail.edits == {"x": {"low": 0.25}}
    assert (detail.since, detail.prepared) == ({"x": 4}, NextRun(50, 2))
    storage = optuna.storages.RDBStorage(f"sqlite:///{file}")
    waiting = optuna.load_study(study_name="s", storage=storage).trials[4:]
    storage.engine.dispose()
    assert [trial.state.name for trial in waiting] == ["WAITING"]
    assert "kind" in waiting[0].system_attrs["fixed_params"]


def test_the_form_of_the_next_run_begins_with_what_is_prepared() -> None:
    plain = RunDraft.start(8)
    draft = plain.with_prepared(NextRun(20, 3))
    assert (draft.text("trials"), draft.text("workers")) == ("20", "3")
    # What is prepared counts where no end is typed, so the command needs none.
    assert draft.options() == ["--workers", "3"]
    assert draft.with_text("trials", "100").options() == ["--trials", "100", "--workers", "3"]
    assert plain.with_prepared(NextRun()) == plain

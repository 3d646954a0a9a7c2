"""The failures of a study by their cause: listed, shown in the table, tried again."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import drive

from hptui.domain.causes import NO_REASON, cause_of
from hptui.ui.study.failure_page import (
    FailurePage,
    cause_filter,
    disabled_reason,
    headline,
    read_page,
)
from hptui.ui.study.snapshot import StudySnapshot

if TYPE_CHECKING:
    from pathlib import Path


def error(name: str, message: str) -> dict[str, object]:
    traceback = f"Traceback (most recent call last):\n  File x\n{name}: {message}\x1b[31m\n"
    told = {"kind": "exception", "type": name, "message": message, "traceback": traceback}
    return {"hptui:error": told}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study()
        file.add_trial(1.0, params={"x": (0.5, FLOAT)})
        for number in range(1, 9):
            is_memory = number % 2 == 1
            told = error("MemoryError", f"out of memory at {number:#x}")
            if not is_memory:
                told = error("OSError", f"[bold]No such file: '/data/{number}'\n\x1b[2J")
            file.add_trial(state="FAIL", params={"x": (number / 9, FLOAT)}, attributes=told)
        file.add_trial(state="FAIL")
        file.add_trial(2.0, attributes={"hptui:retry_of": 2})
    return tmp_path / "study.db"


def test_causes_are_listed_and_one_is_shown_in_the_table(path: Path):
    drive(
        """
        wait "11 trials"
        press f
        wait "9 of 11 trials have failed, for 3 causes; 1 was retried."
        expect "MemoryError: out of memory at #"
        expect "no reason was recorded"
        wait "newest trial, #7"
        wait "MemoryError: out of memory at 0x7"
        press j
        wait "newest trial, #8"
        expect "OSError: [bold]No such file: '#'"
        press o
        wait "study  #8"
        press [
        wait "study  #6"
        press escape
        wait "for 3 causes"
        press enter
        wait "4 of 11"
        expect "cause="
        press escape
        wait-not "4 of 11"
        press f
        wait "for 3 causes"
        press G
        press enter
        wait "1 of 11"
        press /
        type number<1000 number<1001 number<1002 number<1003 number<1004 number<1005
        expect "number<1005"
        press enter
        wait "number<1005"
        """,
        path,
        size="80x24",
    )


def test_the_failures_of_a_study_at_rest_wait_for_its_next_run(path: Path):
    drive(
        """
        wait "11 trials"
        press f
        wait "for 3 causes"
        press j
        press r
        wait "Retry 3 failed trials?"
        expect "They wait for the next run of the study."
        press n
        wait-not "Retry 3"
        press r
        wait "Retry 3"
        press r
        wait "The next run will retry 3 failed trials." 60s
        wait "4 were retried"
        press r
        wait "Each of them was already retried."
        wait "* retry all"
        press *
        wait "Retry 5 failed trials?"
        press r
        wait "The next run will retry 5 failed trials" 60s
        wait "9 were retried"
        press *
        press escape
        wait "Waiting 8"
        """,
        path,
    )
    study = optuna.load_study(study_name="study", storage=f"sqlite:///{path}")
    repeated = [
        trial.system_attrs["hptui:retry_of"]
        for trial in study.trials
        if trial.state is optuna.trial.TrialState.WAITING
    ]
    assert repeated == [4, 6, 8, 1, 3, 5, 7, 9]


def test_without_failures_there_is_nothing_to_list(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study()
        file.add_trial(1.0)
    drive('wait "1 trial"\npress f\nwait "No trial has failed."', tmp_path / "study.db")


def test_a_file_that_cannot_be_read_gets_a_sentence(tmp_path: Path):
    page = read_page(tmp_path / "none.db", "study")
    assert "none.db" in headline(page, 3)
    assert len(page) == 0
    assert headline(None, 3) == "Reading the failed trials."
    assert headline(FailurePage(), 3) == "No trial has failed."


def test_the_filter_of_a_cause_means_its_trials(path: Path):
    for group in read_page(path, "study").groups:
        with_quotes = cause_of("exception", 'a"b\\', "|")
        assert cause_filter(with_quotes) == r'cause="exception a\"b\\: |"'
        expected = "state:failed cause:none" if group.cause == NO_REASON else "cause="
        assert cause_filter(group.cause).startswith(expected)


def test_what_cannot_be_done_has_its_reason(path: Path):
    page = read_page(path, "study")
    filled = StudySnapshot(path, "study", is_filled=True, runner="Another program runs it.")
    rest = StudySnapshot(path, "study")
    first = page.groups[0]
    assert disabled_reason("retry-cause", page, first, rest) is None
    assert disabled_reason("retry-cause", page, first, filled) == "Another program runs it."
    assert disabled_reason("filter-cause", page, first, filled) is None
    assert disabled_reason("retry-failed", None, None, rest) == "Reading the failed trials."
    assert disabled_reason("open-newest", FailurePage(), None, rest) == "No trial has failed."
    assert disabled_reason("help", None, None, rest) is None
    assert json.dumps(page.retriable) == "[1, 3, 5, 7, 4, 6, 8, 9]"

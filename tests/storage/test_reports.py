"""Intermediate values, read while the study goes on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from tests.storage.study_file import StudyFile

from hptui.errors import StudyBusyError, StudyFileError
from hptui.storage.read import reports as module
from hptui.storage.read.reports import CurveReader, Reports

if TYPE_CHECKING:
    from pathlib import Path


def read_curve(path: Path, study_name: str, number: int) -> Reports:
    """Return what one trial reported."""
    with CurveReader(path, study_name) as reader:
        return reader.read(number).own


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


def test_the_reports_of_plain_optuna_are_read(path: Path):
    study = optuna.create_study(storage=f"sqlite:///{path}", study_name="plain")
    given = {0: 1.0, 1: math.nan, 2: math.inf, 3: -math.inf, 40: 0.5}
    for _ in range(2):
        trial = study.ask()
        for step, value in given.items():
            trial.report(value, step)
        study.tell(trial, 0.5)
    curve = read_curve(path, "plain", 1)
    assert curve.steps.tolist() == list(given)
    np.testing.assert_array_equal(curve.values, np.array(list(given.values())))


def test_a_trial_is_compared_with_the_complete_ones_that_reported(path: Path):
    with StudyFile(path) as file, CurveReader(path, "study") as reader:
        file.add_study()
        file.add_trial(1.0, reports={0: 3.0, 1: 2.0})
        file.add_trial(1.0)
        file.add_trial(None, state="PRUNED", reports={0: 9.0})
        file.add_trial(1.0, reports={0: 4.0})
        file.add_trial(None, state="RUNNING", reports={0: 5.0})
        found = reader.read(3)
        assert (found.number, found.state) == (3, "COMPLETE")
        assert found.own.values.tolist() == [4.0]
        assert [each.values.tolist() for each in found.others] == [[3.0, 2.0]]
        found = reader.read(4)
        assert found.state == "RUNNING"
        assert [each.values.tolist() for each in found.others] == [[4.0], [3.0, 2.0]]


def test_new_reports_are_found_and_complete_trials_are_not_read_again(path: Path):
    with StudyFile(path) as file, CurveReader(path, "study") as reader:
        file.add_study()
        file.add_trial(1.0, reports={0: 3.0})
        running = file.add_trial(None, state="RUNNING", reports={0: 5.0})
        first = reader.read(1)
        file.run(
            "INSERT INTO trial_intermediate_values "
            "(trial_id, step, intermediate_value, intermediate_value_type) "
            "VALUES (?, 1, 4.5, 'FINITE')",
            running,
        )
        file.add_trial(1.0, reports={0: 2.0})
        second = reader.read(1)
    assert second.own.values.tolist() == [5.0, 4.5]
    assert [each.values.tolist() for each in second.others] == [[2.0], [3.0]]
    assert second.others[1] is first.others[0]


def test_a_study_that_took_anothers_place_is_read_from_its_start(path: Path):
    with StudyFile(path) as file, CurveReader(path, "study") as reader:
        file.add_study(hptui_study={"token": "one"})
        file.add_trial(1.0, reports={0: 3.0})
        file.add_trial(1.0, reports={0: 1.0})
        assert reader.read(1).others[0].values.tolist() == [3.0]
        file.delete_study(1)
        file.add_study(hptui_study={"token": "two"})
        file.add_trial(1.0, reports={0: 8.0})
        file.add_trial(1.0, reports={0: 7.0})
        found = reader.read(1)
    assert found.own.values.tolist() == [7.0]
    assert [each.values.tolist() for each in found.others] == [[8.0]]


def test_a_file_that_took_anothers_place_is_opened(path: Path, tmp_path: Path):
    with CurveReader(path, "study") as reader:
        for value, place in ((1.0, path), (2.0, tmp_path / "other.db")):
            with StudyFile(place) as file:
                file.add_study()
                file.add_trial(1.0, reports={0: value})
            place.replace(path)
            assert reader.read(0).own.values.tolist() == [value]


def test_what_is_looked_at_is_bounded(path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "MAX_TRIALS", 5)
    monkeypatch.setattr(module, "MAX_REPORTS", 6)
    monkeypatch.setattr(module, "MAX_REPORTS_A_TRIAL", 4)
    with StudyFile(path) as file, CurveReader(path, "study") as reader:
        file.add_study()
        for number in range(8):
            file.add_trial(1.0, reports={step: float(number) for step in range(9)})
        file.add_trial(None, state="RUNNING", reports={0: 0.5})
        found = reader.read(8)
        assert [each.values.tolist() for each in found.others] == [[7.0] * 4, [6.0] * 4]
        file.run("DELETE FROM trial_intermediate_values WHERE trial_id > 1 AND trial_id < 9")
        file.run("UPDATE trials SET state = 'FAIL' WHERE trial_id = 8")
        with CurveReader(path, "study") as fresh:
            assert not fresh.read(8).others


def test_damaged_reports_are_not_numbers(path: Path):
    with StudyFile(path) as file:
        file.add_study()
        trial_id = file.add_trial(1.0, reports={0: 1.0})
        for step, value, kind in ((1, "text", "FINITE"), (2, 2.0, "\x1b[2J")):
            file.run(
                "INSERT INTO trial_intermediate_values "
                "(trial_id, step, intermediate_value, intermediate_value_type) "
                "VALUES (?, ?, ?, ?)",
                trial_id,
                step,
                value,
                kind,
            )
    values = read_curve(path, "study", 0).values
    assert values[0] == 1.0
    assert np.isnan(values[1:]).all()


def test_what_is_not_there_is_said(path: Path):
    with pytest.raises(StudyFileError, match="cannot be read"):
        read_curve(path, "study", 0)
    with StudyFile(path) as file:
        file.add_study()
        with pytest.raises(StudyFileError, match="no trial 7"):
            read_curve(path, "study", 7)
        with pytest.raises(StudyFileError, match="no study 'other'"):
            read_curve(path, "other", 0)
        file.run("PRAGMA journal_mode = DELETE")
        file.add_trial(1.0)
    path.write_bytes(path.read_bytes()[:5000])
    with pytest.raises(StudyFileError):
        read_curve(path, "study", 0)


def test_a_locked_file_is_said_and_read_when_it_is_free(
    path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hptui.storage.files.validation._BUSY_TIMEOUT_S", 0.05)
    with StudyFile(path) as file, CurveReader(path, "study") as reader:
        file.add_study()
        file.add_trial(1.0, reports={0: 1.0})
        assert reader.read(0).own.values.tolist() == [1.0]
        file.run("BEGIN EXCLUSIVE")
        with pytest.raises(StudyBusyError):
            reader.read(0)
        file.run("ROLLBACK")
        assert reader.read(0).own.values.tolist() == [1.0]

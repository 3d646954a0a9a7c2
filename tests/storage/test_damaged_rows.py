"""A row that cannot be read is named, and its study is not continued."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest

from hptui.errors import StudyFileError
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

DEEP = "[" * 100_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: optuna.Trial) -> float:
        trial.report(0.5, 0)
        trial.set_user_attr("u", 1)
        trial.set_constraint("c", 0.0)
        trial.suggest_int("n", 1, 9)
        return trial.suggest_categorical("kind", [0.0, 1.0])

    path = tmp_path / "study.db"
    with SqliteStorage(path, create=True) as storage:
        study = optuna.create_study(storage=storage, study_name="s")
        study.set_user_attr("u", 1)
        study.optimize(objective, n_trials=3)
    return path


@pytest.mark.parametrize(
    ("table", "change", "words"),
    [
        ("trials", "state = 'DREAMING'", "Row 2 of table trials is damaged: 'DREAMING'"),
        ("trials", "number = NULL", "Row 2 of table trials is damaged: None is not a whole"),
        ("trials", "datetime_start = 'soon'", "Row 2 of table trials is damaged"),
        ("trials", "datetime_complete = 5", "Row 2 of table trials is damaged"),
        ("trial_params", "distribution_json = '{'", r"of table trial_params \(trial id 2\)"),
        ("trial_params", "distribution_json = NULL", r"of table trial_params \(trial id 2\)"),
        ("trial_params", f"distribution_json = '{DEEP}'", r"of table trial_params \(trial id 2\)"),
        (
            "trial_params",
            """distribution_json = '{"name": "os.system", "attributes": {}}'""",
            r"of table trial_params \(trial id 2\) is damaged: not a distribution",
        ),
        ("trial_params", "param_value = 7e300", r"of table trial_params \(trial id 2\)"),
        ("trial_params", "param_value = 'x'", r"of table trial_params \(trial id 2\)"),
        ("trial_params", "param_value = NULL", r"of table trial_params \(trial id 2\)"),
        ("trial_values", "objective = 1", r"table trial_values \(trial id 2\) .* out of order"),
        ("trial_values", "objective = -1", r"table trial_values \(trial id 2\) .* out of order"),
        ("trial_values", "value_type = 'HUGE'", r"of table trial_values \(trial id 2\)"),
        ("trial_values", "value = NULL", r"of table trial_values \(trial id 2\)"),
        (
            "trial_intermediate_values",
            "intermediate_value = 'x'",
            r"of table trial_intermediate_values \(trial id 2\)",
        ),
        (
            "trial_intermediate_values",
            "step = 'x'",
            r"of table trial_intermediate_values \(trial id 2\)",
        ),
        ("trial_user_attributes", "value_json = '{'", r"of table trial_user_attributes"),
        ("trial_user_attributes", f"value_json = '{DEEP}'", r"of table trial_user_attributes"),
        ("trial_system_attributes", "value_json = NULL", r"of table trial_system_attributes"),
    ],
)
def test_a_damaged_row_is_named(path: Path, table: str, change: str, words: str) -> None:
    _execute(path, f"UPDATE {table} SET {change} WHERE trial_id = 2")

    with pytest.raises(StudyFileError, match=words):
        SqliteStorage(path)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE study_directions SET direction = 'UP'", "Row 1 of table study_directions"),
        ("UPDATE study_user_attributes SET value_json = '{'", "table study_user_attributes"),
        ("UPDATE studies SET study_name = CAST(x'ff' AS TEXT)", "cannot be used: Could not decode"),
    ],
)
def test_damage_in_a_study_is_told(path: Path, statement: str, words: str) -> None:
    _execute(path, statement)

    with pytest.raises(StudyFileError, match=words):
        SqliteStorage(path)


def test_rows_that_belong_to_nothing_are_passed_over(path: Path) -> None:
    _execute(path, "INSERT INTO trial_user_attributes VALUES (99, 99, 'k', '{')")
    _execute(path, "INSERT INTO trials VALUES (50, 0, 77, 'RUNNING', NULL, NULL)")

    with SqliteStorage(path) as storage:
        assert len(storage.get_all_trials(storage.get_study_id_from_name("s"))) == 3


def test_trials_with_the_same_number_are_all_there(path: Path) -> None:
    _execute(path, "UPDATE trials SET number = 0 WHERE trial_id = 3")

    with SqliteStorage(path) as storage:
        study_id = storage.get_study_id_from_name("s")
        assert [trial.number for trial in storage.get_all_trials(study_id)] == [0, 1, 0]
        assert storage.get_trial_id_from_study_id_trial_number(study_id, 0) == 1


def _execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path)
    connection.execute(statement)
    connection.commit()
    connection.close()

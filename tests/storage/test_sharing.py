"""Several programs on one file: what others write is taken in, and nothing is mixed up."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import multiprocessing
import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import UpdateFinishedTrialError
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from tests.storage.comparison import content_of, plain_optuna
from tests.waiting import DEADLINE_S

from hptui.errors import StudyFileError
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    import threading
    from collections.abc import Iterator
    from pathlib import Path

    from optuna.storages import RDBStorage

MINIMIZE = [StudyDirection.MINIMIZE]
X = FloatDistribution(0, 1)


@pytest.fixture(autouse=True)
def _quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


@pytest.fixture
def engine(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path, create=True, busy_timeout_s=1) as storage:
        storage.grouped = True
        yield storage


@pytest.fixture
def other(engine: SqliteStorage, path: Path) -> Iterator[RDBStorage]:
    storage = plain_optuna(path)
    yield storage
    storage.engine.dispose()


def test_nothing_new_is_nothing_to_take_in(engine: SqliteStorage) -> None:
    engine.create_new_study(MINIMIZE, "s")

    assert not engine.refresh()


def test_studies_trials_and_attributes_of_others_are_taken_in(
    engine: SqliteStorage, other: RDBStorage, path: Path
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    ours = engine.create_new_trial(study_id)
    engine.set_trial_intermediate_value(ours, 0, 0.5)
    assert engine.flush()

    other.set_study_user_attr(study_id, "k", 1)
    other.set_trial_user_attr(ours, "seen", True)
    theirs = other.create_new_trial(study_id)
    other.set_trial_param(theirs, "x", 0.5, X)
    other.create_new_trial(other.create_new_study(MINIMIZE, "t"))

    assert engine.refresh()
    assert content_of(engine) == content_of(path)

    other.set_trial_state_values(theirs, TrialState.COMPLETE, [1.0])

    assert engine.refresh()
    assert content_of(engine) == content_of(path)
    assert not engine.refresh()


def test_gathered_writes_lie_on_top_of_what_is_taken_in(
    engine: SqliteStorage, other: RDBStorage, path: Path
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    ours = engine.create_new_trial(study_id)
    assert engine.flush()
    engine.set_trial_param(ours, "x", 0.5, X)
    engine.set_trial_intermediate_value(ours, 3, 0.5)
    engine.set_trial_user_attr(ours, "u", 1)
    engine.set_trial_system_attr(ours, "s", 1)
    engine.set_study_user_attr(study_id, "ours", 1)
    engine.set_trial_state_values(ours, TrialState.COMPLETE, [0.25])
    gathered = engine.get_trial(ours)
    assert engine.get_all_trials(study_id, states=(TrialState.COMPLETE,)) == [gathered]

    other.set_study_user_attr(study_id, "theirs", 1)
    assert engine.refresh()

    assert engine.get_trial(ours) == gathered
    assert engine.get_all_trials(study_id, states=(TrialState.COMPLETE,)) == [gathered]
    assert engine.get_study_user_attrs(study_id) == {"ours": 1, "theirs": 1}
    assert engine.flush()
    assert content_of(engine) == content_of(path)


def test_a_trial_that_another_program_finished_first_keeps_its_end(
    engine: SqliteStorage, other: RDBStorage, path: Path
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    ours = engine.create_new_trial(study_id)
    assert engine.flush()
    engine.set_trial_state_values(ours, TrialState.COMPLETE, [0.25])
    assert engine.get_best_trial(study_id).value == 0.25
    other.set_trial_state_values(ours, TrialState.FAIL)

    assert engine.flush()

    assert engine.get_trial(ours).state is TrialState.FAIL
    with pytest.raises(ValueError, match="No trials are completed"):
        engine.get_best_trial(study_id)
    assert engine.get_all_trials(study_id, states=(TrialState.COMPLETE,)) == []
    assert content_of(engine) == content_of(path)
    assert engine.take_conflicts() == [
        "Trial 0 of study s was finished by another program;"
        " what this one had buffered for it was dropped."
    ]
    assert engine.take_conflicts() == []


def test_a_deleted_study_vanishes_with_what_was_gathered_for_it(
    engine: SqliteStorage, other: RDBStorage, path: Path
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    ours = engine.create_new_trial(study_id)
    assert engine.flush()
    engine.set_trial_user_attr(ours, "u", 1)
    engine.set_study_user_attr(study_id, "u", 1)
    other.delete_study(study_id)

    assert engine.refresh()

    with pytest.raises(KeyError):
        engine.get_trial(ours)
    assert engine.pending == 0
    assert engine.take_conflicts() == [
        "Study s was deleted by another program; 2 writes to it were dropped."
    ]
    assert content_of(engine) == content_of(path) == []


@pytest.mark.parametrize("with_token", [False, True])
def test_a_study_made_anew_under_the_same_ids_is_not_taken_for_the_old_one(
    engine: SqliteStorage, other: RDBStorage, path: Path, with_token: bool
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    ours = engine.create_new_trial(study_id)
    if with_token:
        engine.set_study_system_attr(study_id, "hptui:study", {"token": "a"})
    assert engine.flush()
    engine.set_trial_state_values(ours, TrialState.COMPLETE, [0.25])
    other.delete_study(study_id)
    assert other.create_new_study(MINIMIZE, "s") == study_id
    if with_token:
        other.set_study_system_attr(study_id, "hptui:study", {"token": "b"})
    assert other.create_new_trial(study_id) == ours

    assert engine.flush()

    assert engine.get_trial(ours).state is TrialState.RUNNING
    assert len(engine.take_conflicts()) == 1
    assert content_of(engine) == content_of(path)


def test_trials_removed_by_hand_are_noticed(
    engine: SqliteStorage, other: RDBStorage, path: Path
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    for _ in range(3):
        engine.create_new_trial(study_id)
    assert engine.flush()
    connection = sqlite3.connect(path)
    connection.execute("DELETE FROM trials WHERE trial_id = 2")
    connection.commit()
    connection.close()

    assert engine.refresh()

    assert [trial._trial_id for trial in engine.get_all_trials(study_id)] == [1, 3]


def test_a_waiting_trial_is_taken_up_once(
    engine: SqliteStorage, other: RDBStorage, path: Path
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    waiting = [
        engine.create_new_trial(study_id, create_trial(state=TrialState.WAITING)) for _ in range(2)
    ]
    assert engine.flush()
    assert other.set_trial_state_values(waiting[0], TrialState.RUNNING)

    assert not engine.set_trial_state_values(waiting[0], TrialState.RUNNING)
    assert not engine.in_transaction
    assert engine.set_trial_state_values(waiting[1], TrialState.RUNNING)
    assert engine.in_transaction

    assert engine.flush()
    assert not other.set_trial_state_values(waiting[1], TrialState.RUNNING)
    assert engine.get_all_trials(study_id, states=(TrialState.WAITING,)) == []
    assert content_of(engine) == content_of(path)


def test_a_trial_finished_by_another_program_cannot_be_written_at_once(
    path: Path, engine: SqliteStorage, other: RDBStorage
) -> None:
    engine.grouped = False
    study_id = engine.create_new_study(MINIMIZE, "s")
    trial_id = engine.create_new_trial(study_id)
    other.set_trial_state_values(trial_id, TrialState.FAIL)

    with pytest.raises(UpdateFinishedTrialError):
        engine.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])
    assert content_of(engine) == content_of(path)


def test_an_id_that_was_taken_while_nothing_could_be_stored_is_told(
    engine: SqliteStorage, other: RDBStorage
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    trial_id = engine.create_new_trial(study_id)
    # As after a full disk: the trial is gathered, and the lock was lost.
    engine._file.connection.roll_back()
    assert other.create_new_trial(study_id) == trial_id

    with pytest.raises(StudyFileError, match=f"took the id {trial_id} of a trial"):
        engine.flush()
    engine._file.discard()


def _add_trials(path: Path, start: threading.Barrier, n_trials: int) -> None:
    with SqliteStorage(path) as storage:
        study_id = storage.get_study_id_from_name("s")
        start.wait(timeout=DEADLINE_S)
        for _ in range(n_trials):
            trial_id = storage.create_new_trial(study_id)
            storage.set_trial_param(trial_id, "x", 0.5, X)
            storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])


def test_processes_that_write_at_once_agree_on_ids_and_numbers(path: Path) -> None:
    with SqliteStorage(path, create=True) as storage:
        study_id = storage.create_new_study(MINIMIZE, "s")
        context = multiprocessing.get_context("spawn")
        barrier = context.Barrier(2)
        processes = [
            context.Process(target=_add_trials, args=(path, barrier, 30)) for _ in range(2)
        ]
        for process in processes:
            process.start()
        for process in processes:
            process.join(timeout=DEADLINE_S)
        assert [process.exitcode for process in processes] == [0, 0]

        trials = storage.get_all_trials(study_id)
        assert [trial.number for trial in trials] == list(range(60))
        assert all(trial.value == 1.0 and trial.params == {"x": 0.5} for trial in trials)
        assert content_of(storage) == content_of(path)


def test_threads_can_share_a_storage(path: Path) -> None:
    with SqliteStorage(path, create=True) as storage:
        study = optuna.create_study(storage=storage, study_name="s")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=40, n_jobs=4)

        assert sorted(trial.number for trial in study.trials) == list(range(40))
        assert content_of(storage) == content_of(path)


@pytest.mark.parametrize("is_in_file", [True, False])
def test_a_trial_that_was_made_ahead_starts_when_it_is_said(
    engine: SqliteStorage, other: RDBStorage, path: Path, is_in_file: bool
) -> None:
    study_id = engine.create_new_study(MINIMIZE, "s")
    ours = engine.create_new_trial(study_id)
    made = engine.get_trial(ours).datetime_start
    if is_in_file:
        assert engine.flush()
    engine.set_trial_start(ours)
    if is_in_file:
        # Taken in before the new start is written: it is our trial all the same.
        other.set_trial_user_attr(ours, "seen", True)
        engine.refresh()
    engine.set_trial_state_values(ours, TrialState.COMPLETE, [1.0])
    assert engine.flush()
    assert engine.take_conflicts() == []
    trial = engine.get_trial(ours)
    assert made is not None
    assert trial.datetime_start is not None
    assert trial.datetime_start > made
    assert content_of(engine) == content_of(path)

"""Gathered writes: what is in memory at once, and in the file after a flush."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
import pickle
import sqlite3
from typing import TYPE_CHECKING

import pytest
from optuna.distributions import FloatDistribution
from optuna.exceptions import DuplicatedStudyError
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial
from tests.storage.comparison import content_of

from hptui.errors import StudyBusyError
from hptui.storage.sqlite.connection import StorageBusyError
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MINIMIZE = [StudyDirection.MINIMIZE]
X = FloatDistribution(0, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path, create=True, busy_timeout_s=0.2) as storage:
        storage.grouped = True
        yield storage


@pytest.fixture
def other(path: Path, storage: SqliteStorage) -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(path, isolation_level=None, timeout=0)
    yield connection
    connection.close()


def _count(connection: sqlite3.Connection, table: str) -> int:
    return connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]


def test_a_flush_writes_all_that_was_gathered_at_once(
    storage: SqliteStorage, other: sqlite3.Connection, path: Path
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    trial_id = storage.create_new_trial(study_id)
    storage.set_trial_param(trial_id, "x", 0.5, X)
    storage.set_trial_intermediate_value(trial_id, 0, 1.0)
    storage.set_trial_intermediate_value(trial_id, 0, 2.0)
    storage.set_trial_user_attr(trial_id, "note", "one")
    storage.set_trial_user_attr(trial_id, "note", "two")
    storage.set_study_user_attr(study_id, "k", 1)
    assert storage.get_trial(trial_id).params == {"x": 0.5}
    assert not storage.has_pending_finish
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [0.25])

    assert storage.has_pending_finish
    assert storage.pending > 0
    assert storage.in_transaction
    assert _count(other, "trials") == 0

    assert storage.flush()

    assert storage.pending == 0
    assert not storage.has_pending_finish
    assert not storage.in_transaction
    assert content_of(path) == content_of(storage)
    trial = storage.get_trial(trial_id)
    assert (trial.value, trial.intermediate_values, trial.user_attrs) == (
        0.25,
        {0: 2.0},
        {"note": "two"},
    )


def test_a_flush_of_nothing_leaves_the_file_alone(storage: SqliteStorage, path: Path) -> None:
    before = path.stat().st_mtime_ns, path.read_bytes()

    assert storage.flush()

    assert (path.stat().st_mtime_ns, path.read_bytes()) == before


def test_a_locked_file_keeps_what_is_gathered(
    storage: SqliteStorage, other: sqlite3.Connection, path: Path
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    trial_id = storage.create_new_trial(study_id)
    assert storage.flush()
    other.execute("BEGIN IMMEDIATE")
    storage.set_trial_param(trial_id, "x", 0.5, X)
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])

    assert not storage.flush()
    assert storage.trouble == "The file is locked by another program."
    assert storage.has_pending_finish
    assert not storage.in_transaction

    other.execute("ROLLBACK")
    assert storage.flush()
    assert storage.trouble is None
    assert content_of(path) == content_of(storage)


def test_a_trial_is_not_created_while_the_file_is_locked(
    storage: SqliteStorage, other: sqlite3.Connection
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageBusyError, match="locked by another program") as caught:
        storage.create_new_trial(study_id)

    assert isinstance(caught.value, StudyBusyError)
    assert storage.pending == 0
    assert storage.get_all_trials(study_id) == []
    other.execute("ROLLBACK")
    assert storage.get_trial(storage.create_new_trial(study_id)).number == 0


def test_a_new_trial_is_numbered_after_those_of_other_programs(
    storage: SqliteStorage, other: sqlite3.Connection
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    first = storage.create_new_trial(study_id)
    assert storage.flush()
    other.execute(f"INSERT INTO trials VALUES (40, 1, {study_id}, 'FAIL', NULL, NULL)")

    third = storage.create_new_trial(study_id)

    assert (first, third) == (1, 41)
    numbers = [trial.number for trial in storage.get_all_trials(study_id)]
    assert numbers == [0, 1, 2]


def test_a_refused_template_leaves_neither_rows_nor_the_lock(storage: SqliteStorage) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    template = create_trial(value=1.0, user_attrs={"good": 1, "bad": object()})

    with pytest.raises(TypeError):
        storage.create_new_trial(study_id, template)

    assert storage.pending == 0
    assert storage.get_all_trials(study_id) == []


def _set_odd_key(storage: SqliteStorage, trial_id: int) -> None:
    storage.set_trial_user_attr(trial_id, "\udc80", 1)


def _set_object(storage: SqliteStorage, trial_id: int) -> None:
    storage.set_trial_user_attr(trial_id, "k", object())


def _set_odd_param(storage: SqliteStorage, trial_id: int) -> None:
    storage.set_trial_param(trial_id, "\udc80", 0.5, X)


def _report_far_step(storage: SqliteStorage, trial_id: int) -> None:
    storage.set_trial_intermediate_value(trial_id, 10**20, 1)


def _complete_with_nan(storage: SqliteStorage, trial_id: int) -> None:
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [math.nan])


@pytest.mark.parametrize(
    ("write", "error"),
    [
        (_set_odd_key, UnicodeEncodeError),
        (_set_object, TypeError),
        (_set_odd_param, UnicodeEncodeError),
        (_report_far_step, OverflowError),
        (_complete_with_nan, ValueError),
    ],
)
def test_what_sqlite_would_refuse_is_refused_before_it_is_gathered(
    storage: SqliteStorage,
    write: Callable[[SqliteStorage, int], None],
    error: type[Exception],
) -> None:
    trial_id = storage.create_new_trial(storage.create_new_study(MINIMIZE, "s"))
    before = storage.pending

    with pytest.raises(error):
        write(storage, trial_id)

    assert storage.pending == before
    assert storage.flush()


def test_lists_handed_out_do_not_change(storage: SqliteStorage) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    trial_id = storage.create_new_trial(study_id)
    shown = storage.get_all_trials(study_id, deepcopy=False)
    running = storage.get_all_trials(study_id, deepcopy=False, states=(TrialState.RUNNING,))

    storage.set_trial_param(trial_id, "x", 0.5, X)
    storage.set_trial_intermediate_value(trial_id, 0, 1.0)
    later = storage.get_all_trials(study_id, deepcopy=False)
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0])

    assert (shown[0].params, shown[0].state) == ({}, TrialState.RUNNING)
    assert running[0].intermediate_values == {}
    assert (later[0].params, later[0].state) == ({"x": 0.5}, TrialState.RUNNING)


def test_a_trial_that_was_handed_out_can_be_changed_by_its_owner_alone(
    storage: SqliteStorage,
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    trial_id = storage.create_new_trial(study_id)

    storage.get_trial(trial_id).params["y"] = 1
    storage.get_trial_system_attrs(trial_id)["y"] = 1

    assert storage.get_trial(trial_id).params == {}
    assert storage.get_trial_system_attrs(trial_id) == {}


def test_finished_trials_are_listed_in_order_whenever_they_finish(storage: SqliteStorage) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    ids = [storage.create_new_trial(study_id) for _ in range(5)]
    wanted = (TrialState.COMPLETE, TrialState.PRUNED)
    assert storage.get_all_trials(study_id, deepcopy=False, states=wanted) == []

    for trial_id in (ids[3], ids[0], ids[4], ids[1]):
        state = TrialState.PRUNED if trial_id == ids[4] else TrialState.COMPLETE
        storage.set_trial_state_values(trial_id, state, [float(trial_id)])
    storage.set_trial_state_values(ids[2], TrialState.FAIL)

    listed = storage.get_all_trials(study_id, deepcopy=False, states=wanted)
    assert [trial.number for trial in listed] == [0, 1, 3, 4]
    assert listed == [trial for trial in storage.get_all_trials(study_id) if trial.state in wanted]
    assert storage.get_best_trial(study_id).number == 0


def test_turning_grouping_off_writes_what_is_gathered(
    storage: SqliteStorage, path: Path, other: sqlite3.Connection
) -> None:
    storage.create_new_trial(storage.create_new_study(MINIMIZE, "s"))
    storage.grouped = False

    assert _count(other, "trials") == 1


def test_grouping_stays_on_when_it_cannot_be_written(
    storage: SqliteStorage, other: sqlite3.Connection
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    storage.set_study_user_attr(study_id, "k", 1)
    other.execute("BEGIN IMMEDIATE")

    with pytest.raises(StorageBusyError):
        storage.grouped = False

    assert storage.grouped
    assert storage.pending == 1
    other.execute("ROLLBACK")


def test_closing_waits_for_what_cannot_be_written(
    path: Path, storage: SqliteStorage, other: sqlite3.Connection
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    storage.set_study_user_attr(study_id, "k", 1)
    other.execute("BEGIN IMMEDIATE")

    assert not storage.close(timeout_s=0)

    other.execute("ROLLBACK")
    other.close()
    assert storage.close()
    assert storage.close()
    assert not path.with_name("study.db-wal").exists()
    assert content_of(path)[0][3] == "[('k', 1)]"


def test_a_study_is_stored_at_once(storage: SqliteStorage, other: sqlite3.Connection) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    storage.create_new_trial(study_id)

    with pytest.raises(DuplicatedStudyError):
        storage.create_new_study(MINIMIZE, "s")
    storage.create_new_study(MINIMIZE, "t")

    assert _count(other, "studies") == 2
    storage.delete_study(study_id)
    assert _count(other, "trials") == 0
    with pytest.raises(KeyError):
        storage.get_all_trials(study_id)


def test_a_copy_by_pickle_opens_the_file_anew(storage: SqliteStorage) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    storage.create_new_trial(study_id)

    with pickle.loads(pickle.dumps(storage)) as copy:
        assert content_of(copy) == content_of(storage)
        assert not copy.grouped


def test_a_failed_write_at_once_changes_nothing(
    storage: SqliteStorage, other: sqlite3.Connection
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    trial_id = storage.create_new_trial(study_id)
    storage.grouped = False
    other.execute("BEGIN IMMEDIATE")

    for write in (
        lambda: storage.set_trial_param(trial_id, "x", 0.5, X),
        lambda: storage.set_trial_intermediate_value(trial_id, 0, 1.0),
        lambda: storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [1.0]),
        lambda: storage.create_new_trial(study_id),
        lambda: storage.create_new_study(MINIMIZE, "t"),
    ):
        with pytest.raises(StorageBusyError):
            write()

    assert storage.pending == 0
    other.execute("ROLLBACK")
    (trial,) = storage.get_all_trials(study_id)
    assert (trial.state, trial.params, trial.intermediate_values) == (TrialState.RUNNING, {}, {})


def test_a_moved_file_keeps_what_is_gathered_until_it_is_back(
    storage: SqliteStorage, path: Path
) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    storage.set_study_user_attr(study_id, "k", 1)
    path.rename(path.with_name("moved.db"))

    assert not storage.flush()
    assert storage.trouble == "The file was moved or deleted."

    path.with_name("moved.db").rename(path)
    assert storage.flush()
    assert content_of(path)[0][3] == "[('k', 1)]"

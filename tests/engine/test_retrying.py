"""Failed trials enqueued again, many of them a few at a time."""

from __future__ import annotations

import contextlib
import sqlite3
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from tests.storage.study_file import FLOAT, StudyFile

from hptui.engine.studies.retrying import Retries
from hptui.errors import StudyBusyError
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

N_FAILED = 450


def test_many_are_enqueued_in_turns_and_each_once(tmp_path: Path):
    path = tmp_path / "s.db"
    with StudyFile(path) as built:
        built.add_study("s")
        built.run("BEGIN")
        built.add_trial(1.0)
        for _ in range(N_FAILED):
            built.add_trial(state="FAIL", params={"x": (0.5, FLOAT)})
        built.run("COMMIT")
    with contextlib.closing(SqliteStorage(path)) as storage:
        storage.grouped = True
        study = optuna.Study(study_name="s", storage=storage)

        def n_waiting() -> int:
            return len(study.get_trials(deepcopy=False, states=(TrialState.WAITING,)))

        retries = Retries(study)
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StudyBusyError):
                retries.add(None)
            assert not retries
        assert retries.add({7, 0, N_FAILED}) == [7, N_FAILED]
        assert n_waiting() == 2
        assert len(retries.add(None)) == N_FAILED - 2
        assert 2 < n_waiting() < N_FAILED, "the engine has other things to do, too"
        assert retries.add(None) == [], "they are on their way"
        assert storage.flush()
        with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            before = n_waiting()
            assert retries.tick(5.0), "it is tried"
            assert not retries.tick(5.01), "but not all the time"
        assert retries.due_s is not None
        assert retries.due_s > 5.0
        assert retries.tick(6.0)
        assert n_waiting() > before
        retries.enqueue_all()
        assert (bool(retries), retries.due_s, retries.tick(7.0)) == (False, None, False)
        assert retries.add(None) == []
        assert storage.flush()
    found = optuna.load_study(study_name="s", storage=f"sqlite:///{path}").trials
    again = [trial.system_attrs["hptui:retry_of"] for trial in found[N_FAILED + 1 :]]
    assert sorted(again) == list(range(1, N_FAILED + 1))

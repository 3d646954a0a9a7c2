"""When an engine commits while it leaves the write lock to other programs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import optuna
import pytest
from optuna.trial import TrialState, create_trial
from tests.engine import identity_objectives
from tests.waiting import wait_until

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run import commits as commits_module
from hptui.engine.run.commits import Commits
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start import configuration as choices_module
from hptui.engine.run.start.plan import RunPlan
from hptui.errors import HptuiError
from hptui.storage.files.spooled_trials import read_line
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from hptui.engine.run.study_trials import TrialRecord

LONGEST_S = 1.0
"""No rest is longer."""


class Resting:
    """The commits of an engine that has just met another program, and so rests."""

    def __init__(self, storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.storage = storage
        self.time_s = 0.0
        self.blocked: list[bool] = []
        self.given_up: list[HptuiError] = []
        monkeypatch.setattr(commits_module, "now", lambda: self.time_s)
        observer = cast("Any", None)  # Nothing is announced here.
        self.commits = Commits(
            storage, observer, self.blocked.append, self.given_up.append, lambda record: record
        )
        optuna.load_study(study_name="s", storage=f"sqlite:///{storage.path}").ask()
        self.trial_id = storage.create_new_trial(1)
        self.commits.touch()
        self.time_s = storage.lock_taken_at_s
        assert self.commits.commit()
        assert self.is_resting
        end_s = self.commits.due_s()
        assert end_s is not None
        self.end_s = end_s

    @property
    def is_resting(self) -> bool:
        return self.blocked[-1:] == [True]

    def end_trial(self) -> None:
        self.storage.set_trial_state_values(self.trial_id, TrialState.COMPLETE, [1.0])
        self.commits.touch()

    def stored(self) -> list[str]:
        """Return the states of the trials in the file, where its lock is free."""
        with closing(sqlite3.connect(self.storage.path, timeout=0)) as other:
            other.execute("BEGIN IMMEDIATE")
            return [state for (state,) in other.execute("SELECT state FROM trials")]


@pytest.fixture
def resting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[Resting]:
    with SqliteStorage(tmp_path / "s.db", create=True) as storage:
        optuna.create_study(study_name="s", storage=storage)
        storage.grouped = True
        yield Resting(storage, monkeypatch)


def test_a_trial_that_is_added_in_a_rest_does_not_keep_the_lock(resting: Resting):
    resting.storage.create_new_trial(1, create_trial(state=TrialState.WAITING))
    resting.commits.touch()
    resting.commits.tick(resting.time_s)
    assert resting.stored() == ["RUNNING", "RUNNING", "WAITING"]
    assert resting.is_resting
    assert resting.commits.due_s() == resting.end_s


def test_a_rest_that_is_settled_again_and_again_ends_when_it_would_have(resting: Resting):
    for part in range(1, 10):
        resting.time_s += (resting.end_s - resting.time_s) * part / 10
        if part == 1:
            resting.end_trial()
        resting.commits.settle()
        assert "COMPLETE" in resting.stored()
        assert resting.commits.due_s() == resting.end_s
    resting.time_s = resting.end_s
    resting.commits.tick(resting.time_s)
    assert not resting.is_resting


def test_settling_takes_no_lock_for_what_no_count_tells(resting: Resting):
    resting.storage.set_trial_intermediate_value(resting.trial_id, 0, 1.0)
    resting.commits.touch()
    taken_at_s = resting.storage.lock_taken_at_s
    resting.commits.settle()
    assert resting.storage.lock_taken_at_s == taken_at_s
    assert resting.storage.pending


def test_a_commit_of_nothing_is_followed_by_no_rest(resting: Resting):
    resting.time_s = resting.end_s
    resting.commits.tick(resting.time_s)
    assert not resting.is_resting
    resting.time_s += LONGEST_S / 2
    assert resting.commits.commit()
    assert not resting.is_resting


def test_a_refusal_in_a_rest_does_not_end_it(resting: Resting):
    resting.end_trial()
    with closing(sqlite3.connect(resting.storage.path)) as other:
        other.execute("BEGIN IMMEDIATE")
        resting.commits.settle()
        assert resting.commits.trouble
    assert resting.commits.commit()
    assert not resting.commits.trouble
    assert resting.is_resting
    assert resting.commits.due_s() == resting.end_s


class WaitsForTheLock(optuna.samplers.RandomSampler):
    """Thinks, whenever it is asked, until another program could write to the study."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._path = path
        self.n_free = 0

    def _can_write(self) -> bool:
        with closing(sqlite3.connect(self._path, timeout=0)) as other:
            try:
                other.execute("BEGIN IMMEDIATE")
            except sqlite3.OperationalError:
                return False
        return True

    def sample_independent(self, *arguments: Any, **named: Any) -> Any:
        wait_until(self._can_write, "the lock to be free")
        self.n_free += 1
        return super().sample_independent(*arguments, **named)


def test_the_file_is_free_for_others_while_a_sampler_thinks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    sampler = WaitsForTheLock(tmp_path / "s.db")
    monkeypatch.setattr(choices_module, "build_sampler", lambda _, **__: sampler)  # pyright: ignore
    plan = RunPlan(
        ref=ObjectiveRef("file", identity_objectives.__file__, "small", "small"),
        study_file=tmp_path / "s.db",
        study="s",
        budget=Budget(n_trials=5),
        n_workers=1,
    )
    assert Engine(plan, Silent()).run().counts.complete == 5
    assert sampler.n_free == 10


def test_a_file_that_stays_away_ends_the_run_after_the_limit_with_what_it_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commits_module, "LIMIT_S", 0.2)
    plan = RunPlan(
        ref=ObjectiveRef("file", identity_objectives.__file__, "small", "small"),
        study_file=tmp_path / "s.db",
        study="s",
        budget=Budget(),
        n_workers=2,
    )
    told = Deleting(plan.study_file)
    with pytest.raises(HptuiError, match="moved or deleted") as caught:
        Engine(plan, told).run()
    (kept,) = (tmp_path / "s.hptui").glob("unsaved-*.jsonl")
    assert str(kept) in caught.value.message
    trials = [read_line(line) for line in kept.read_text().splitlines()]
    assert trials
    assert {trial.number for trial in trials}.isdisjoint(told.announced)
    assert not plan.study_file.exists()


class Deleting(Silent):
    """Deletes the study file once a trial is announced."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.announced: list[int] = []

    def trial(self, record: TrialRecord) -> None:
        self.announced.append(record.number)
        self._path.unlink(missing_ok=True)

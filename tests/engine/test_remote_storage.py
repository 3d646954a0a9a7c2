"""A trial's storage reads what the engine's holds, and each trial that has ended once."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import pickle
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import optuna
import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution
from optuna.trial import TrialState, create_trial
from tests.waiting import DEADLINE_S

from hptui.engine.run.storage_answers import StorageAnswers
from hptui.engine.workers.remote_storage import RemoteStorage
from hptui.engine.workers.remote_study import RemoteStudy
from hptui.engine.workers.trial_messages import MAX_PART_BYTES
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.study_trials import LiveTrial, StudyTrials
    from hptui.engine.workers.trial_link import TrialLink

N_TRIALS = 1_203


class Wire:
    """A link straight to the engine's side; counts the trials that go over it."""

    def __init__(self, storage: SqliteStorage, study: optuna.Study) -> None:
        # Of all that an engine keeps of its trials the desk looks at the study.
        trials = cast("StudyTrials", type("Holds", (), {"study": study})())
        self._dispatcher = StorageAnswers(storage, trials)
        self.number = 0
        self.lock = threading.RLock()
        self.n_trials = 0
        self.was_busy = threading.Event()

    def ask(self, message: Message) -> Message:
        live: Any = None
        sent = json.loads(json.dumps(message))
        answer = json.loads(json.dumps(self._dispatcher.answer(cast("LiveTrial", live), sent)))
        if "busy" in answer:
            self.was_busy.set()
        if message["call"] == "trials_with":
            self.n_trials += len(answer["v"])
        if message["call"] == "trials_after":
            self.n_trials += len(answer["v"]["trials"])
        return answer


@pytest.fixture
def storage(tmp_path: Path) -> Generator[SqliteStorage]:
    with SqliteStorage(tmp_path / "many.db", create=True) as opened:
        yield opened


def fill(storage: SqliteStorage) -> optuna.Study:
    study = optuna.create_study(storage=storage, study_name="many")
    storage.grouped = True
    space: dict[str, Any] = {
        "x": FloatDistribution(0, 1),
        "kind": CategoricalDistribution((None, 1, "a")),
    }
    for number in range(N_TRIALS):
        state = TrialState.WAITING if number % 500 == 7 else TrialState.COMPLETE
        is_done = state is TrialState.COMPLETE
        study.add_trial(
            create_trial(
                state=state,
                value=1.0 / (number + 1) if is_done else None,
                params={"x": number / N_TRIALS, "kind": (None, 1, "a")[number % 3]}
                if is_done
                else {},
                distributions=space if is_done else {},
                user_attrs={"n": number},
                system_attrs={"s": [number]},
                intermediate_values={0: float("inf"), 3: 0.5},
            )
        )
    storage.grouped = False
    return study


def test_trials_are_what_they_are_and_asked_for_once(storage: SqliteStorage) -> None:
    study = fill(storage)
    wire = Wire(storage, study)
    remote = RemoteStudy(
        RemoteStorage(cast("TrialLink", wire)),
        {"study_name": "many", "study_id": study._study_id, "directions": ["minimize"]},
    )
    assert remote.get_trials(deepcopy=False) == study.get_trials(deepcopy=False)
    assert wire.n_trials == N_TRIALS
    assert remote.best_trial == study.best_trial
    assert remote.best_trial.number == N_TRIALS - 1

    waiting = [each for each in study.trials if each.state is TrialState.WAITING]
    wire.n_trials = 0
    study.add_trial(create_trial(value=-1.0))
    assert len(remote.get_trials(deepcopy=False)) == N_TRIALS + 1
    assert wire.n_trials == len(waiting) + 1 == 4
    storage.set_trial_state_values(waiting[0]._trial_id, TrialState.RUNNING)
    storage.set_trial_state_values(waiting[0]._trial_id, TrialState.FAIL)
    assert remote.trials == study.trials
    assert remote.best_value == -1.0
    assert [each.study_name for each in remote._storage.get_all_studies()] == ["many"]


def test_a_new_trial_waits_for_another_program_that_writes(storage: SqliteStorage) -> None:
    study = optuna.create_study(storage=storage, study_name="many")
    storage.grouped = True
    wire = Wire(storage, study)
    remote = RemoteStorage(cast("TrialLink", wire))
    with closing(sqlite3.connect(storage.path, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        template = create_trial(state=TrialState.WAITING, user_attrs={"by": np.int64(3)})
        adding = threading.Thread(target=lambda: remote.create_new_trial(study._study_id, template))
        adding.start()
        assert wire.was_busy.wait(DEADLINE_S)
        other.execute("ROLLBACK")
        adding.join()
    storage.grouped = False
    (added,) = study.trials
    assert (added.state, added.user_attrs) == (TrialState.WAITING, {"by": 3})


def test_a_pickled_storage_keeps_no_trials(storage: SqliteStorage) -> None:
    study = fill(storage)

    class Named(Wire):
        def __reduce__(self) -> tuple[Any, ...]:
            return str, ("the link",)

    remote = RemoteStorage(cast("TrialLink", Named(storage, study)))
    assert len(remote.get_all_trials(study._study_id)) == N_TRIALS
    data = pickle.dumps(remote)
    assert len(data) < 1_000
    assert pickle.loads(data).link == "the link"


def test_trials_with_long_attributes_come_in_parts_that_a_message_holds(
    storage: SqliteStorage,
) -> None:
    study = optuna.create_study(storage=storage, study_name="many")
    storage.grouped = True
    for number in range(40):
        # Every other one waits: the cache asks for it by its id.
        state = TrialState.WAITING if number % 2 else TrialState.COMPLETE
        value = None if number % 2 else 1.0
        study.add_trial(create_trial(state=state, value=value, user_attrs={"a": "x" * 400_000}))
    storage.grouped = False

    class Measured(Wire):
        longest = n_asked = 0

        def ask(self, message: Message) -> Message:
            answer = super().ask(message)
            self.longest = max(self.longest, len(json.dumps(answer)))
            self.n_asked += 1
            return answer

    wire = Measured(storage, study)
    remote = RemoteStorage(cast("TrialLink", wire))
    for _ in range(2):
        assert remote.get_all_trials(study._study_id) == study.trials
        assert wire.longest < MAX_PART_BYTES + 500_000
        assert wire.n_asked >= 2
        wire.longest = wire.n_asked = 0

"""The study that a script made stands for the one that hptui runs, while a trial runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any, cast

import optuna
import pytest
from tests.waiting import DEADLINE_S

from hptui.engine.workers.remote_study import RemoteStudy


def remote(name: str) -> RemoteStudy:
    facts: dict[str, Any] = {"study_name": name, "study_id": 7, "directions": ["maximize"]}
    return RemoteStudy(cast("Any", None), facts)


def test_a_process_has_one_trial_and_so_one_study() -> None:
    study = optuna.create_study(study_name="own")
    for name in ("first", "second"):
        remote(name).take_place_of(study, by_thread=False)
        assert (study.study_name, study.direction.name) == (name, "MAXIMIZE")


def test_each_thread_has_the_study_of_its_own_trial() -> None:
    study = optuna.create_study(study_name="own")
    both = Barrier(2)

    def seen(name: str) -> list[str]:
        found: list[str] = []
        for turn in ("1", "2"):
            remote(name + turn).take_place_of(study, by_thread=True)
            both.wait(DEADLINE_S)
            found.append(study.study_name)
            both.wait(DEADLINE_S)
        return found

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(seen, "ab")) == [["a1", "a2"], ["b1", "b2"]]
    assert (study.study_name, study.direction.name, study.trials) == ("own", "MINIMIZE", [])


@pytest.mark.parametrize("by_thread", [False, True])
def test_a_study_of_the_scripts_own_class_stays_what_it_is(*, by_thread: bool) -> None:
    class Mine(optuna.Study):
        pass

    study = optuna.create_study(study_name="own")
    study.__class__ = Mine
    remote("other").take_place_of(study, by_thread=by_thread)
    assert (type(study), study.study_name) == (Mine, "own")

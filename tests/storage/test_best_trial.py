"""The rule which trial is best has several forms, for trials one by one, in arrays and in SQL.

All of them must choose the same trial, of whatever a file may hold.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import math
import random
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from tests.storage.study_file import StudyFile

from hptui.analysis.history import history_of
from hptui.analysis.objectives.best import best_trials
from hptui.domain.best import is_better
from hptui.engine.following.new_best import NewBest
from hptui.storage.read.best_trial import (
    TREND_POINTS,
    read_best,
    read_best_values,
    read_trend,
)
from hptui.storage.read.constraints import OLD_KEY, PREFIX, is_feasible
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.domain.objective import Direction

DIRECTIONS: tuple[Direction, ...] = ("minimize", "maximize")
VALUES = (0.0, -0.0, 1.0, 1.0, -3.5, 1e300, math.inf, -math.inf)
CONSTRAINTS = (-1.0, 0.0, 0.5, math.inf, -math.inf, math.nan, None, "odd", [1])
STATES = ("COMPLETE", "COMPLETE", "COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING")
N_STUDIES = 40


def _write(path: Path, chance: random.Random, directions: tuple[Direction, ...]) -> None:
    """Write a study with ties, infinities, and constraints in both forms, some of them odd."""
    is_constrained = chance.random() < 0.7
    with StudyFile(path) as file:
        study_id = file.add_study("s", tuple(each.upper() for each in directions))
        for _ in range(chance.randrange(1, 40)):
            state = chance.choice(STATES)
            values = [chance.choice(VALUES) for _ in directions]
            trial_id = file.add_trial(
                values if state == "COMPLETE" else None, study_id=study_id, state=state
            )
            if is_constrained and chance.random() < 0.6:
                texts = [json.dumps(chance.choice(CONSTRAINTS)) for _ in range(2)]
                if chance.random() < 0.5:
                    file.set_attribute(trial_id, OLD_KEY, f"[{', '.join(texts)}]")
                else:
                    for at, text in enumerate(texts):
                        file.set_attribute(trial_id, f"{PREFIX}{at}", text)


def _one_by_one(study: optuna.Study, *, maximize: bool) -> list[tuple[int, float]]:
    """Return number and value of each trial that was the best when its number came."""
    bests: list[tuple[int, float]] = []
    for trial in study.get_trials(deepcopy=False):
        if trial.state is not optuna.trial.TrialState.COMPLETE or trial.value is None:
            continue
        if is_feasible(trial.system_attrs) and (
            not bests or is_better(trial.value, bests[-1][1], maximize=maximize)
        ):
            bests.append((trial.number, trial.value))
    return bests


@pytest.mark.parametrize("seed", range(N_STUDIES))
def test_all_forms_of_the_rule_choose_the_same_trial(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path, direction = tmp_path / "s.db", chance.choice(DIRECTIONS)
    _write(path, chance, (direction,))
    storage = SqliteStorage(path)
    bests = _one_by_one(
        optuna.load_study(study_name="s", storage=storage), maximize=direction == "maximize"
    )
    storage.close()
    with StudyReader(path, "s") as reader:
        reader.refresh()
        trials = reader.trials
    chosen = trials.numbers[np.flatnonzero(best_trials(trials))].tolist()
    history = history_of(trials, 0)
    row = history.best_row
    with StudyFile(path) as file:
        found = read_best(file.connection, 1, direction)
        trend = read_trend(file.connection, 1, direction)
    if not bests:
        assert (found, chosen, row, trend) == (None, [], None, ())
        return
    number, value = bests[-1]
    assert found is not None
    assert (found.number, found.value) == (number, value)
    assert chosen == [number]
    assert row is not None
    assert int(history.numbers[row]) == number
    assert trend[-1] == value
    n_all = len(trials.numbers)
    ends = [-(-(part + 1) * n_all // TREND_POINTS) for part in range(TREND_POINTS)]
    known = [[best for at, best in bests if at < end] for end in ends]
    expected = [each[-1] for each in known if each]
    assert list(trend) == expected[: len(trend)]


@pytest.mark.parametrize("seed", range(N_STUDIES // 4))
def test_both_forms_of_the_front_hold_the_same_values(seed: int, tmp_path: Path) -> None:
    chance = random.Random(seed)
    path = tmp_path / "s.db"
    directions: tuple[Direction, ...] = tuple(
        chance.choice(DIRECTIONS) for _ in range(chance.choice((2, 3)))
    )
    _write(path, chance, directions)
    storage = SqliteStorage(path)
    front = NewBest(optuna.load_study(study_name="s", storage=storage))._front
    storage.close()
    with StudyReader(path, "s") as reader:
        reader.refresh()
        trials = reader.trials
    signs = np.array([1.0 if each == "minimize" else -1.0 for each in directions])
    losses: list[list[float]] = (trials.values[best_trials(trials)] * signs).tolist()
    assert set(front) == {tuple(each) for each in losses}


def test_each_objective_has_its_best(tmp_path: Path) -> None:
    directions: tuple[Direction, ...] = ("minimize", "maximize")
    with StudyFile(tmp_path / "s.db") as file:
        file.add_study("s", ("MINIMIZE", "MAXIMIZE"))
        assert read_best_values(file.connection, 1, directions) == ()
        file.add_trial((1.0, 1.0))
        file.add_trial((2.0, 5.0))
        file.add_trial((0.0, 9.0), attributes={"constraints": [1.0]})
        assert read_best_values(file.connection, 1, directions) == (1.0, 5.0)

"""The Pareto front is the one that Optuna tells."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest

from hptui.analysis.objectives.pareto import pareto_front

if TYPE_CHECKING:
    from hptui.domain.objective import Direction


@pytest.mark.parametrize("n_objectives", [1, 2, 3, 4])
@pytest.mark.parametrize("seed", range(4))
def test_it_agrees_with_optuna(n_objectives: int, seed: int):
    rng = random.Random(seed)
    directions: list[Direction] = [
        rng.choice(("minimize", "maximize")) for _ in range(n_objectives)
    ]
    # Few different numbers, so that many trials are equal in one objective or in all.
    choices = [0.0, 1.0, 2.0, 3.0, float("inf"), float("-inf"), rng.random()]
    values = [[rng.choice(choices) for _ in directions] for _ in range(30)]
    study = optuna.create_study(directions=directions)
    study.add_trials([optuna.trial.create_trial(values=each) for each in values])
    front = pareto_front(np.array(values), directions)
    assert np.flatnonzero(front).tolist() == sorted(trial.number for trial in study.best_trials)


def test_trials_without_all_values_are_not_on_the_front():
    values = np.array([[0.0, np.nan], [1.0, 1.0]])
    assert pareto_front(values, ["minimize", "minimize"]).tolist() == [False, True]


def test_no_trials_have_an_empty_front():
    for n_objectives in (1, 2, 3):
        directions: list[Direction] = ["minimize"] * n_objectives
        assert pareto_front(np.empty((0, n_objectives)), directions).tolist() == []

"""The history of a study: as Optuna tells it, and thinned without changing what is seen."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.visualization._optimization_history import (
    _get_optimization_history_info_list,
    _ValueState,
)
from tests.made_trials import trials_of

from hptui.analysis import history as history_module
from hptui.domain.trial_states import COMPLETE, PRUNED
from hptui.figures.canvas.points import Points, thin_steps

if TYPE_CHECKING:
    from hptui.analysis.history import History
    from hptui.domain.objective import Direction

unit = st.floats(0, 1)


def history_of(
    values: list[float],
    direction: Direction = "minimize",
    *,
    complete: list[bool] | None = None,
    feasible: list[bool] | None = None,
    numbers: list[int] | None = None,
):
    n = len(values)
    trials = trials_of(
        values,
        (direction,),
        numbers=numbers,
        states=[COMPLETE if each else PRUNED for each in complete or [True] * n],
        is_feasible=np.array([True] * n if feasible is None else feasible, np.bool_),
    )
    return history_module.history_of(trials, 0)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(5))
def test_it_agrees_with_optunas_own_history(direction: Direction, seed: int):
    rng = random.Random(seed)
    study = optuna.create_study(direction=direction)
    for _ in range(40):
        state = rng.choice([*[optuna.trial.TrialState.COMPLETE] * 4, *optuna.trial.TrialState])
        study.add_trial(
            optuna.trial.create_trial(
                state=state,
                value=rng.choice([rng.random(), math.inf, -math.inf])
                if state is optuna.trial.TrialState.COMPLETE
                else None,
                constraints={"c": rng.uniform(-1, 1)} if rng.random() < 0.5 else {},
            )
        )
    (expected,) = _get_optimization_history_info_list(study, None, "value", False)
    trials = study.trials
    history = history_of(
        [math.nan if trial.value is None else trial.value for trial in trials],
        direction,
        complete=[trial.state is optuna.trial.TrialState.COMPLETE for trial in trials],
        feasible=[all(c <= 0 for c in trial.constraints.values()) for trial in trials],
    )
    assert history.numbers.tolist() == expected.trial_numbers
    np.testing.assert_array_equal(history.values, expected.values_info.values)
    for row, state in enumerate(expected.values_info.states):
        if state is not _ValueState.Incomplete:
            assert history.is_feasible[row] == (state is _ValueState.Feasible)
    assert expected.best_values_info is not None
    # Before the first feasible trial Optuna says infinity, where here is nothing.
    worst = math.inf if direction == "minimize" else -math.inf
    np.testing.assert_array_equal(
        np.where(np.isnan(history.best), worst, history.best), expected.best_values_info.values
    )
    assert history.best_row is not None
    assert history.numbers[history.best_row] == study.best_trial.number


def test_the_first_of_equal_trials_is_the_best():
    assert history_of([3.0, 1.0, 1.0]).best_row == 1


def test_an_infeasible_trial_is_never_the_best():
    history = history_of([1.0, 2.0, 1.0], feasible=[False, True, False])
    assert history.best_row == 1
    assert history.best.tolist()[1:] == [2.0, 2.0]
    assert math.isnan(history.best[0])


@pytest.mark.parametrize(
    "history",
    [
        history_of([]),
        history_of([1.0], complete=[False]),
        history_of([1.0, 2.0], feasible=[False, False]),
    ],
)
def test_there_may_be_no_best(history: History):
    assert history.best_row is None


def test_trials_are_ordered_by_number_and_those_without_one_left_out():
    history = history_of([5.0, 4.0, 6.0], numbers=[2, -1, 0])
    assert history.numbers.tolist() == [0, 2]
    assert history.best.tolist() == [6.0, 5.0]


def test_a_part_keeps_the_best_so_far_and_its_trial_where_that_is_in_it():
    history = history_of([5.0, 1.0, 4.0, 0.5], numbers=[0, 3, 5, 9])
    part = history.within(3, 8)
    assert part.numbers.tolist() == [3, 5]
    assert part.best.tolist() == [1.0, 1.0]
    assert part.best_row == 0
    assert history.within(4, 8).best_row is None
    assert history.within(6, 8).best_row is None


@given(st.lists(unit, min_size=1, max_size=300), st.integers(0, 30))
def test_thinned_steps_keep_the_ends_and_stay_few(heights: list[float], columns: int):
    y = np.minimum.accumulate(np.array(heights))
    x = np.linspace(0, 0.9, len(y))
    thin = thin_steps(Points(x, y), columns)
    assert len(thin.x) <= 4 * max(1, columns) + 4
    assert (thin.x[0], thin.y[0]) == (0.0, y[0])
    assert (thin.x[-1], thin.y[-1]) == (1.0, y[-1])
    assert (np.diff(thin.x) >= 0).all()
    assert (np.diff(thin.y) <= 0).all()


def test_steps_hold_their_height_until_the_next_one():
    steps = thin_steps(Points(np.array([0.0, 0.5, 0.75]), np.array([1.0, 0.5, 0.25])), 100)
    assert list(zip(steps.x.tolist(), steps.y.tolist(), strict=True)) == [
        (0.0, 1.0),
        (0.5, 1.0),
        (0.5, 0.5),
        (0.75, 0.5),
        (0.75, 0.25),
        (1.0, 0.25),
    ]

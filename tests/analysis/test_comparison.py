"""Studies side by side: what is said of each is what its trials say, and what Optuna says."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._edf as edf_reference
import optuna.visualization._optimization_history as history_reference
import pytest
from tests.analysis.plain_studies import made, tuned
from tests.made_trials import param_of

from hptui.analysis.compare.comparison import ComparedStudy, check_comparable, compare
from hptui.analysis.compare.comparison_tables import (
    bests_table,
    budget_table,
    params_sentence,
    params_table,
)
from hptui.analysis.spent import time_spent, wall_until
from hptui.analysis.stopping.budget import Reached
from hptui.domain.spaces.space import ChoiceParam, FloatParam
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, WAITING
from hptui.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.analysis.compare.comparison import Comparison
    from hptui.domain.objective import Direction
    from hptui.trials import Trials

# pyright: reportPrivateUsage=false


def side_by_side(*trials: Trials, to: float | None = None) -> Comparison:
    return compare([ComparedStudy(f"s{at}", each) for at, each in enumerate(trials)], to=to)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_it_agrees_with_optuna(tmp_path: Path):
    plain = [tuned(tmp_path / f"{seed}.db", str(seed), seed=seed, n_trials=30) for seed in (1, 2)]
    comparison = compare([ComparedStudy(each.study.study_name, each.trials) for each in plain])
    histories = history_reference._get_optimization_history_info_list(
        [each.study for each in plain], None, "value", error_bar=False
    )
    edfs = edf_reference._get_edf_info([each.study for each in plain])
    for each, result, theirs, line in zip(
        plain, comparison.results, histories, edfs.lines, strict=True
    ):
        assert theirs.best_values_info is not None
        best_of = dict(zip(result.history.numbers.tolist(), result.history.best, strict=True))
        for number, value in zip(theirs.trial_numbers, theirs.best_values_info.values, strict=True):
            # Optuna's line begins with infinity where the first trials are infeasible.
            assert best_of[number] == value or (math.isnan(best_of[number]) and math.isinf(value))
        np.testing.assert_allclose(result.edf.share_at(edfs.x_values), line.y_values)
        assert result.best is not None
        assert result.best.number == each.study.best_trial.number
        assert result.best.value == each.study.best_value
        assert dict(result.best.params) == each.study.best_params
        for state, count in result.counts.items():
            assert count == sum(t.state.name == state for t in each.study.trials)


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
@pytest.mark.parametrize("seed", range(5))
def test_what_it_took_to_reach_a_value_is_what_a_walk_over_the_trials_finds(
    direction: Direction, seed: int
):
    rng = np.random.default_rng(seed)
    studies = [
        made(
            rng.integers(0, 30, count).astype(float),
            [direction],
            states=rng.choice([COMPLETE, COMPLETE, PRUNED, FAIL, WAITING], count).tolist(),
            infeasible=rng.integers(0, count, 3).tolist(),
        )
        for count in (8, 25, 40)
    ]
    for to in (None, 3.0, 15.0, 27.0):
        comparison = side_by_side(*studies, to=to)
        bests = [each.best.value for each in comparison.results if each.best]
        expected = (max if direction == "minimize" else min)(bests) if to is None else to
        assert comparison.target == expected
        for study, result in zip(studies, comparison.results, strict=True):
            assert result.reached == walked(study, expected, direction)
            values = result.budget.values.tolist()
            for at, value in enumerate(values):
                assert result.budget.reached(at) == walked(study, value, direction)
            assert values == sorted(set(values), reverse=direction == "minimize")
            assert values[-1:] == ([result.best.value] if result.best else [])


def walked(study: Trials, target: float, direction: Direction) -> Reached | None:
    begun, count = 0, None
    ends: list[float] = []
    for row, number in enumerate(study.numbers):
        begun += study.states[row] != WAITING
        value = study.values[row, 0]
        is_good = value <= target if direction == "minimize" else value >= target
        if study.states[row] == COMPLETE and study.is_feasible[row] and is_good:
            count = begun if count is None else count
            ends.append(float(study.completes_s[row]))
        assert number == row
    if count is None:
        return None
    # Trials of 2 s, one a second: somebody is at work from 0 to the end.
    return Reached(count, min(ends))


def test_breaks_between_runs_cost_nothing():
    trials = made([3.0, 2.0, 1.0, 1.0])
    trials.starts_s[:] = [0, 1, 1_000, 2_000]
    trials.completes_s[:] = [10, 4, 1_005, math.nan]
    assert time_spent(trials).wall_s == 15
    assert time_spent(trials).trials_s == 18
    moments_s = np.array([-1, 0, 3, 10, 500, 1_002, 1_005, 3_000, math.nan])
    expected_s = [0, 0, 3, 10, 10, 12, 15, 15, math.nan]
    np.testing.assert_array_equal(wall_until(trials, moments_s), expected_s)
    assert time_spent(made([])).wall_s == 0
    np.testing.assert_array_equal(wall_until(made([]), np.array([5, math.nan])), [0, math.nan])


def test_times_that_are_not_known_are_not_made_up():
    trials = made([3.0])
    trials.completes_s[:] = math.nan
    (result,) = side_by_side(trials).results
    assert result.reached is not None
    assert result.reached.wall_s is None
    assert budget_table(side_by_side(trials)).rows == (("A", "s0", "1", "-"),)


def test_parameters_stand_side_by_side_and_differences_are_marked():
    kind = ChoiceParam(("a", 1, True, None, math.nan))
    one = made(
        [1.0, 0.0],
        params={
            "lr": param_of("lr", FloatParam(0, 1), [0.5, 0.25]),
            "kind": param_of("kind", kind, [0, 1]),
            "same": param_of("same", kind, [0, 4]),
            "own": param_of("own", FloatParam(0, 1), [0.5, math.nan]),
        },
    )
    other = made(
        [0.0],
        params={
            "lr": param_of("lr", FloatParam(0, 1), [0.25]),
            "kind": param_of("kind", kind, [2]),
            "same": param_of("same", kind, [4]),
            "late": param_of("late", FloatParam(0, 1), [0.125]),
        },
    )
    comparison = side_by_side(one, other)
    assert comparison.shares_params
    assert params_sentence(comparison) == ""
    assert params_table(comparison).rows == (
        ("", "lr", "0.25", "0.25"),
        ("≠", "kind", "1", "True"),
        ("", "same", "nan", "nan"),
        ("≠", "late", "-", "0.125"),
    )
    assert comparison.leader == 0


def test_studies_without_a_common_parameter_are_compared_by_values():
    one = made([1.0], params={"x": param_of("x", FloatParam(0, 1), [0.5])})
    other = made([2.0], params={"y": param_of("y", FloatParam(0, 1), [0.5])})
    comparison = side_by_side(one, other)
    assert params_sentence(comparison).startswith("The studies share no parameter")
    assert comparison.leader == 0
    assert params_sentence(side_by_side(one, one)) == ""
    assert (
        params_sentence(side_by_side(made([1.0]), made([1.0])))
        == "The best trials have no parameters."
    )


def test_a_study_without_a_best_has_reached_nothing():
    comparison = side_by_side(
        made([math.nan], states=[FAIL]), made([5.0, math.inf], ["maximize"], infeasible=[0])
    )
    assert comparison.results[0].best is None
    assert comparison.results[0].reached is None
    nothing = side_by_side(made([]), made([1.0], infeasible=[0]))
    assert nothing.target is None
    assert nothing.leader is None
    assert [row[2:] for row in budget_table(nothing).rows] == [("never", "never")] * 2
    assert [row[2] for row in bests_table(nothing, "loss").rows] == ["-", "-"]


def test_several_objectives_have_one_reference_for_the_hypervolume():
    directions: tuple[Direction, Direction] = ("minimize", "maximize")
    one = made([(1.0, 3.0), (2.0, 4.0)], directions)
    other = made([(3.0, 1.0), (0.0, 2.0)], directions, infeasible=[1])
    studies = [ComparedStudy("one", one), ComparedStudy("other", other)]
    comparison = compare(studies, 1)
    # From (3, 1): a step of 1 by 3 beside one of 1 by 2.
    assert [each.hypervolume for each in comparison.results] == [5.0, 0.0]
    assert [each.n_front for each in comparison.results] == [2, 1]
    assert [each.best.value for each in comparison.results if each.best] == [4.0, 1.0]
    assert comparison.target == 1.0


def test_a_front_without_a_finite_value_is_counted_all_the_same():
    infinite = made([[1.0, math.inf], [2.0, math.inf]], ("minimize", "minimize"))
    (result,) = side_by_side(infinite).results
    assert result.n_front == 1
    assert math.isnan(result.hypervolume)


def test_different_objectives_are_refused():
    check_comparable([("a", ["minimize"]), ("b", ["minimize"]), ("c", ["minimize"])])
    with pytest.raises(
        UsageError, match="b and c have different objectives: minimize and maximize"
    ):
        check_comparable([("a", ["minimize"]), ("b", ["minimize"]), ("c", ["maximize"])])
    with pytest.raises(UsageError, match="minimize and minimize, maximize"):
        check_comparable([("a", ["minimize"]), ("b", ["minimize", "maximize"])])

"""What probe trials try next, and what they conclude, on objectives that are plain functions."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec, contains
from hptui.registry.probing.conditions import condition_of
from hptui.registry.probing.exploration import Observations, Plan, choose_value
from hptui.registry.probing.observed import End, Observation, Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable

FLAG = ChoiceParam((False, True))
UNIT = FloatParam(0, 1)


class Recorder:
    """A trial without processes: gives planned values and records them."""

    def __init__(self, seen: Observations, plan: Plan) -> None:
        self.observation = Observation(end="returned")
        self._seen = seen
        self._plan = plan
        self._rng = random.Random(len(seen.trials))

    def suggest(self, name: str, spec: ParamSpec) -> float:
        tried = self._seen.tried(name)
        value = choose_value(name, spec, self._plan, tried, self._rng)
        self.observation.suggestions[name] = Suggestion(name, spec, value)
        return value

    def choice(self, name: str, *choices: str) -> str:
        return choices[int(self.suggest(name, ChoiceParam(choices)))]


def _explore(
    objective: Callable[[Recorder], object],
    *,
    max_trials: int = 24,
    end: Callable[[Recorder], End] = lambda _: "returned",
) -> Observations:
    seen = Observations()
    while len(seen.trials) < max_trials and (plan := seen.next_plan()) is not None:
        trial = Recorder(seen, plan)
        objective(trial)
        trial.observation.end = end(trial)
        seen.add(trial.observation, plan)
    return seen


def _conditions(seen: Observations) -> dict[str, str]:
    return {name: condition_of(name, seen.trials) for name in seen.first_seen()}


def test_floats_alone_need_one_trial() -> None:
    seen = _explore(lambda trial: [trial.suggest(name, UNIT) for name in "abc"])
    assert len(seen.trials) == 1
    assert list(seen.first_seen()) == ["a", "b", "c"]


def test_independent_choices_are_covered_side_by_side() -> None:
    seen = _explore(lambda trial: [trial.choice(name, "x", "y", "z") for name in "abcdefghij"])
    assert len(seen.trials) == 3 + 2
    assert all(
        len({each.suggestions[name].value for each in seen.trials[:3]}) == 3 for name in "aj"
    )
    assert seen.is_covered()


def test_one_long_list_of_choices_does_not_keep_the_others_from_their_turn() -> None:
    def objective(trial: Recorder) -> None:
        trial.suggest("seed", ChoiceParam(tuple(range(1000))))
        if trial.choice("kind", "a", "b", "c") == "c":
            trial.choice("inner", "x", "y", "z")

    seen = _explore(objective)
    assert seen.tried("inner") == {0, 1, 2}
    assert not seen.is_covered()


def test_a_nested_choice_is_reached_through_its_parents() -> None:
    def objective(trial: Recorder) -> None:
        model = trial.choice("model", "forest", "net", "svm")
        if model == "svm":
            kernel = trial.choice("kernel", "linear", "rbf", "poly", "sigmoid")
            if kernel == "poly":
                trial.suggest("degree", IntParam(2, 5))
            if kernel != "linear":
                trial.suggest("gamma", UNIT)
            if kernel in ("poly", "sigmoid"):
                trial.suggest("coef0", UNIT)
        trial.suggest("tail", UNIT)

    seen = _explore(objective)
    assert _conditions(seen) == {
        "model": "",
        "kernel": "model = svm",
        "degree": "kernel = poly",
        "gamma": "kernel != linear",
        "coef0": "kernel in poly|sigmoid",
        "tail": "",
    }
    assert seen.is_covered()
    assert list(seen.first_seen()) == ["model", "kernel", "degree", "gamma", "coef0", "tail"]


def test_parameters_that_happened_to_change_together_are_told_apart() -> None:
    def objective(trial: Recorder) -> None:
        for name in "abcdef":
            trial.suggest(name, FLAG)
        if trial.suggest("use", FLAG):
            trial.suggest("x", UNIT)

    assert _conditions(_explore(objective))["x"] == "use = True"

    def other(trial: Recorder) -> None:
        use = trial.suggest("use", FLAG)
        for name in "abcdef":
            trial.suggest(name, FLAG)
        if use:
            trial.suggest("x", UNIT)

    assert _conditions(_explore(other))["x"] == "use = True"


@pytest.mark.parametrize(("low", "high", "step"), [(1, 4, 1), (1, 9, 1), (0, 12, 3), (1, 16, 1)])
def test_a_loop_shows_from_which_number_on_each_parameter_exists(
    low: int, high: int, step: int
) -> None:
    def objective(trial: Recorder) -> None:
        for layer in range(int(trial.suggest("layers", IntParam(low, high, step=step)))):
            trial.suggest(f"units_{layer}", IntParam(8, 64))

    conditions = _conditions(_explore(objective))
    grid = range(low, high + 1, step)
    for layer in range(high):
        first = min(value for value in grid if value > layer)
        expected = "" if first == low else f"layers {'=' if first == high else '>='} {first}"
        assert conditions[f"units_{layer}"] == expected


def test_a_parameter_may_exist_below_a_number() -> None:
    def objective(trial: Recorder) -> None:
        if trial.suggest("n", IntParam(1, 100)) <= 37:
            trial.suggest("x", UNIT)

    assert _conditions(_explore(objective))["x"] == "n <= 37"


def test_what_no_single_parameter_explains_exists_sometimes() -> None:
    def objective(trial: Recorder) -> None:
        one, two = trial.suggest("one", FLAG), trial.suggest("two", FLAG)
        if one != two:
            trial.suggest("x", UNIT)

    assert _conditions(_explore(objective))["x"] == "sometimes"


def test_a_trial_that_failed_early_says_nothing_about_what_would_have_followed() -> None:
    def objective(trial: Recorder) -> None:
        trial.failed = trial.choice("solver", "good", "bad") == "bad"  # type: ignore[attr-defined]
        if not trial.failed:  # type: ignore[attr-defined]
            trial.suggest("x", UNIT)

    ends: list[tuple[End, str]] = [("raised", ""), ("died", ""), ("returned", "solver = good")]
    for end, condition in ends:
        seen = _explore(
            objective,
            end=lambda trial, end=end: (
                end if "x" not in trial.observation.suggestions else "returned"
            ),
        )
        assert _conditions(seen)["x"] == condition


def test_when_every_trial_fails_they_count_all_the_same() -> None:
    def objective(trial: Recorder) -> None:
        if trial.choice("kernel", "linear", "rbf") == "rbf":
            trial.suggest("gamma", UNIT)

    seen = _explore(objective, end=lambda _: "raised")
    assert _conditions(seen)["gamma"] == "kernel = rbf"


def test_a_space_that_depends_on_a_value_is_dynamic() -> None:
    def objective(trial: Recorder) -> None:
        depth = trial.suggest("depth", IntParam(2, 6))
        trial.suggest("leaves", IntParam(2, 2 ** int(depth)))

    assert _explore(objective).dynamic() == {"leaves"}


def test_an_objective_that_draws_lots_does_not_hold_up_the_search() -> None:
    lots = random.Random(3)

    def objective(trial: Recorder) -> None:
        if lots.random() < 0.5:
            trial.choice("rare", "a", "b", "c")
        trial.choice("kind", "x", "y")

    seen = _explore(objective, max_trials=100)
    assert len(seen.trials) < 100
    assert seen.tried("kind") == {0, 1}


def test_a_thousand_parameters_are_no_burden() -> None:
    seen = _explore(lambda trial: [trial.suggest(f"x{i}", IntParam(0, 9)) for i in range(1000)])
    assert len(seen.first_seen()) == 1000
    assert seen.is_covered()
    assert set(_conditions(seen).values()) == {""}


SPECS = st.one_of(
    st.tuples(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300)).map(
        lambda pair: FloatParam(min(pair), max(pair))
    ),
    st.tuples(st.floats(1e-300, 1e300), st.floats(1e-300, 1e300)).map(
        lambda pair: FloatParam(min(pair), max(pair), log=True)
    ),
    st.tuples(st.integers(-50, 50), st.integers(0, 40), st.sampled_from([0.1, 0.25, 3.0])).map(
        lambda each: FloatParam(each[0], each[0] + each[1] * each[2], step=each[2])
    ),
    st.tuples(st.integers(-(2**60), 2**60), st.integers(0, 2**40), st.integers(1, 9)).map(
        lambda each: IntParam(each[0], each[0] + each[1] * each[2], step=each[2])
    ),
    st.integers(1, 20).map(lambda n: ChoiceParam(tuple(range(n)))),
)


@settings(deadline=None)
@given(spec=SPECS, planned=st.none() | st.floats() | st.integers(-100, 100), seed=st.integers(0, 9))
def test_whatever_is_planned_the_value_is_allowed(
    spec: ParamSpec, planned: float | None, seed: int
) -> None:
    tried: set[float] = set()
    for _ in range(4):
        plan = Plan(values={} if planned is None else {"x": planned})
        value = choose_value("x", spec, plan, tried, random.Random(seed))
        tried.add(value)
        if isinstance(spec, ChoiceParam):
            assert int(value) in range(len(spec.choices))
        else:
            assert contains(spec, value)

"""Parameters that the values follow come first, whatever their kind and scale."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.analysis.plain_studies import made
from tests.made_trials import param_of

from hptui.analysis.param_effects import by_effect
from hptui.domain.spaces.space import ChoiceParam, FloatParam

N = 200
RNG = np.random.default_rng(5)
X, Y, Z = RNG.random((3, N))
KIND = RNG.integers(0, 3, N)
PARAMS = {
    "noise": param_of("noise", FloatParam(0, 1), Z),
    "steep": param_of("steep", FloatParam(0, 1), X),
    "kind": param_of("kind", ChoiceParam(("a", "b", "c")), KIND),
    "still": param_of("still", FloatParam(0, 1), np.full(N, 0.5)),
    "bowl": param_of("bowl", FloatParam(1e-6, 1, log=True), 10 ** (-6 * Y)),
}


@pytest.mark.parametrize(
    ("values", "first"),
    [
        (9 * X + 3 * (Y - 0.5) ** 2 + KIND, ["steep", "kind"]),
        (9 * (Y - 0.5) ** 2 + KIND / 4, ["bowl", "kind"]),
        (np.where(KIND == 1, 1e300, -1e300) + X, ["kind"]),
        (np.exp(300 * X), ["steep"]),
    ],
)
def test_what_the_values_follow_comes_first(values: np.ndarray, first: list[str]) -> None:
    found = by_effect(made(values.tolist(), params=PARAMS), 0, list(PARAMS))
    assert found[: len(first)] == first
    assert sorted(found) == sorted(PARAMS)


def test_where_nothing_can_be_told_the_order_stays() -> None:
    few = {name: param_of(name, FloatParam(0, 1), [0.1, 0.9, 0.5]) for name in ("b", "a")}
    assert by_effect(made([1, 2, 3], params=few), 0, ["b", "a"]) == ["b", "a"]
    assert by_effect(made([math.nan] * 3, params=few), 0, ["b", "a"]) == ["b", "a"]
    equal = made([7.0] * N, params=PARAMS)
    assert by_effect(equal, 0, list(PARAMS)) == list(PARAMS)


def test_a_parameter_of_few_trials_counts_little() -> None:
    rare = np.where(np.arange(N) < 30, X, math.nan)
    params = {**PARAMS, "rare": param_of("rare", FloatParam(0, 1), rare)}
    values = 9 * X + 3 * KIND
    assert by_effect(made(values.tolist(), params=params), 0, ["rare", "kind"]) == ["kind", "rare"]

"""The analytic functions reach their published optima, and nothing goes below them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import optuna
import pytest

from hptui_objectives import branin, hartmann6, rosenbrock

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Function(Protocol):
    """What the modules of the analytic functions have in common."""

    @property
    def OPTIMUM_VALUE(self) -> float: ...  # noqa: N802 - a module's constant

    @property
    def OPTIMA(self) -> Sequence[dict[str, float]]: ...  # noqa: N802 - a module's constant

    @property
    def objective(self) -> Callable[[optuna.Trial], float]: ...


FUNCTIONS: dict[str, Function] = {
    "branin": branin,
    "hartmann6": hartmann6,
    "rosenbrock": rosenbrock,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_value_at_each_optimum_is_the_published_one(name: str) -> None:
    function = FUNCTIONS[name]
    study = optuna.create_study()
    for point in function.OPTIMA:
        study.enqueue_trial(point)
    study.optimize(function.objective, n_trials=len(function.OPTIMA))
    for trial, point in zip(study.trials, function.OPTIMA, strict=True):
        assert trial.params == point
        assert trial.value == pytest.approx(function.OPTIMUM_VALUE, abs=1e-9)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_random_point_is_below_the_optimum(name: str) -> None:
    function = FUNCTIONS[name]
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=5))
    study.optimize(function.objective, n_trials=200)
    assert function.OPTIMUM_VALUE < study.best_value < study.trials[0].values[0]


@pytest.mark.parametrize(("name", "published"), [("branin", 0.397887), ("hartmann6", -3.32237)])
def test_the_constant_agrees_with_the_literature(name: str, published: float) -> None:
    assert pytest.approx(published, abs=5e-6) == FUNCTIONS[name].OPTIMUM_VALUE


@pytest.mark.parametrize(
    ("point", "value"),
    [((0.0, 0.0, 0.0, 0.0), 3.0), ((-1.0, 1.0, 1.0, 1.0), 4.0), ((2.0, 4.0, 1.0, 1.0), 22510.0)],
)
def test_rosenbrock_agrees_with_values_worked_out_by_hand(
    point: tuple[float, ...], value: float
) -> None:
    study = optuna.create_study()
    study.enqueue_trial({f"x{axis}": each for axis, each in enumerate(point, start=1)})
    study.optimize(rosenbrock.objective, n_trials=1)
    assert study.best_value == pytest.approx(value)

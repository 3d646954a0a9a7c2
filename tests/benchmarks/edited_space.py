"""What an edited bound costs: plain Optuna, hptui's view of the history, and a fresh study.

A 4-dimensional Rosenbrock function, 60 trials on [-5, 10], then the bounds are narrowed to
[-2, 2] in the same study and 100 more follow. The best value of the last 100 counts, as the
median over seeds. `python -m tests.benchmarks.edited_space [--seeds N]` prints the table.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

import optuna
from optuna.distributions import FloatDistribution

from hptui.domain.methods.asked_methods import parse_sampler
from hptui.engine.sampling.samplers import build_sampler
from hptui.engine.sampling.space_view import SpaceView, SpaceViewSampler

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.samplers import BaseSampler

N_DIMENSIONS = 4
N_BEFORE = 60
N_AFTER = 100
WIDE = (-5.0, 10.0)
NARROW = (-2.0, 2.0)
SAMPLERS = ("cmaes", "tpe")
_NAMES = tuple(f"x{index}" for index in range(N_DIMENSIONS))


@dataclass(frozen=True, slots=True)
class Row:
    """Medians of the best of the last trials for one sampler."""

    sampler: str
    plain: float
    """Plain Optuna, going on in the same study with other bounds."""
    view: float
    """The same, the history seen through the bounds of now."""
    fresh: float
    """Plain Optuna in a new study on the narrow bounds."""


def rosenbrock(x: list[float]) -> float:
    """Return the value of Rosenbrock's function, 0 at (1, ..., 1)."""
    return sum(
        100 * (after - before**2) ** 2 + (1 - before) ** 2
        for before, after in itertools.pairwise(x)
    )


def _optimize(study: optuna.Study, bounds: tuple[float, float], n_trials: int) -> float:
    low, high = bounds
    first = len(study.get_trials(deepcopy=False))

    def objective(trial: optuna.Trial) -> float:
        return rosenbrock([trial.suggest_float(name, low, high) for name in _NAMES])

    study.optimize(objective, n_trials=n_trials)
    values = [trial.value for trial in study.get_trials(deepcopy=False)[first:]]
    return min(value for value in values if value is not None)


def _sampler(name: str, seed: int) -> BaseSampler:
    return build_sampler(parse_sampler(name), seed=seed, space={}, fixed={}, n_objectives=1)


def run_plain(name: str, seed: int) -> float:
    """Go on with changed bounds in plain Optuna."""
    study = optuna.create_study(sampler=_sampler(name, seed))
    _optimize(study, WIDE, N_BEFORE)
    return _optimize(study, NARROW, N_AFTER)


def run_view(name: str, seed: int) -> float:
    """Go on with changed bounds, the sampler looking through hptui's view."""
    view = SpaceView()
    study = optuna.create_study(sampler=SpaceViewSampler(_sampler(name, seed), view))
    _optimize(study, WIDE, N_BEFORE)
    for parameter in _NAMES:
        view.edit(parameter, FloatDistribution(*NARROW))
    return _optimize(study, NARROW, N_AFTER)


def run_fresh(name: str, seed: int) -> float:
    """Start a new study on the narrow bounds."""
    return _optimize(optuna.create_study(sampler=_sampler(name, seed)), NARROW, N_AFTER)


def run(seeds: int = 20, samplers: tuple[str, ...] = SAMPLERS) -> list[Row]:
    """Return a row of medians for each sampler."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def median(how: Callable[[str, int], float], name: str) -> float:
        return statistics.median(how(name, seed) for seed in range(seeds))

    return [
        Row(name, median(run_plain, name), median(run_view, name), median(run_fresh, name))
        for name in samplers
    ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds: int = parser.parse_args().seeds
    print(f"Best of the last {N_AFTER} trials, median of {seeds} seeds; lower is better.")
    print(f"{'sampler':10}{'plain Optuna':>14}{'hptui':>10}{'fresh study':>14}")
    for row in run(seeds):
        print(f"{row.sampler:10}{row.plain:14.2f}{row.view:10.2f}{row.fresh:14.2f}")


if __name__ == "__main__":
    main()

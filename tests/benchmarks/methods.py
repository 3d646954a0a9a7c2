"""What a trial costs each sampler, and a report each pruner, with a history: Optuna's and hptui's.

`python -m tests.benchmarks.methods [TRIALS ...] [--only NAME ...]` prints the rows; by default
after 1000, 10000 and 100000 trials. Both sides have the same history in memory, hptui's pruners in
hptui's storage, which tells them what has ended. Each is measured in a process of its own.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import argparse
import copy
import gc
import itertools
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.methods.asked_methods import parse_pruner, parse_sampler
from hptui.engine.run.background import one_blas_thread
from hptui.engine.sampling.known_grid import KnownGridSampler
from hptui.engine.sampling.pruners import build_pruner
from hptui.engine.sampling.samplers import build_sampler
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler

P = ParamSpec("P")
T = TypeVar("T")
Row = tuple[str, str, str, str]
Space = dict[str, BaseDistribution]

SIZES: Final = (1_000, 10_000, 100_000)
N_STEPS: Final = 10
POPULATION: Final = 50
LIMIT_S: Final = 8.0
"""Once measuring one thing takes longer than this, the medians are of fewer trials, or of one."""
FLOATS: Final[Space] = {f"x{i}": FloatDistribution(-5, 5) for i in range(5)}
GRID: Final[Space] = {
    "a": IntDistribution(0, 49),
    "b": IntDistribution(0, 49),
    "c": IntDistribution(0, 59),
}
_POINTS: Final = {"a": list(range(50)), "b": list(range(50)), "c": list(range(60))}

CONSTRAINED: Final = "wilcoxon, the best one infeasible"
"""It has to find the best of the trials that are feasible."""

s = optuna.samplers
p = optuna.pruners
SAMPLERS: Final[dict[str, Callable[[], BaseSampler]]] = {
    "tpe": lambda: s.TPESampler(seed=1),
    "random": lambda: s.RandomSampler(seed=1),
    "cmaes": lambda: s.CmaEsSampler(seed=1),
    "nsgaii": lambda: s.NSGAIISampler(seed=1),
    "nsgaiii": lambda: s.NSGAIIISampler(seed=1),
    "qmc": lambda: s.QMCSampler(seed=1),
    "qmc:qmc_type=halton": lambda: s.QMCSampler(qmc_type="halton", seed=1),
    "grid": lambda: s.GridSampler(_POINTS, seed=1),
    "bruteforce": lambda: s.BruteForceSampler(seed=1),
}
PRUNERS: Final[dict[str, Callable[[], BasePruner]]] = {
    "median": p.MedianPruner,
    "percentile:percentile=25": lambda: p.PercentilePruner(25.0),
    "sha": p.SuccessiveHalvingPruner,
    "hyperband": lambda: p.HyperbandPruner(1, N_STEPS),
    "threshold:upper=100": lambda: p.ThresholdPruner(upper=100),
    "patient:patience=1,wrapped=median": lambda: p.PatientPruner(p.MedianPruner(), 1),
    "wilcoxon": p.WilcoxonPruner,
    CONSTRAINED: p.WilcoxonPruner,
}
GP_SIZES: Final = (100, 300)
"""After 300 trials it takes over a second for each already."""


@dataclass(frozen=True, slots=True)
class Cost:
    """Milliseconds of CPU time."""

    ask: float
    """Median of asks with all suggestions."""
    tell: float
    """Median."""

    def __str__(self) -> str:
        return f"{_ms(self.ask)} + {_ms(self.tell)} ms"


def _ms(value: float) -> str:
    return f"{value:.2f}" if value < 1 else f"{value:.1f}" if value < 100 else f"{value:.0f}"


def history(n_trials: int, name: str = "") -> list[FrozenTrial]:
    """Return complete trials with reports, and the marks that a sampler or a pruner has left."""
    random = np.random.default_rng(1)
    space = GRID if name in ("grid", "bruteforce") else FLOATS
    points = random.uniform(-5, 5, (n_trials, 5)).tolist()
    places = random.permutation(50 * 50 * 60)[:n_trials]
    reports: list[list[float]] = random.random((n_trials, N_STEPS)).tolist()
    trials: list[FrozenTrial] = []
    for number in range(n_trials):
        if space is GRID:
            rest, c = divmod(int(places[number]), 60)
            params: dict[str, Any] = dict(zip("abc", (*divmod(rest, 50), c), strict=True))
        else:
            params = dict(zip(space, points[number], strict=True))
        trials.append(
            FrozenTrial(
                number=number,
                trial_id=number,
                state=TrialState.COMPLETE,
                value=reports[number][-1],
                datetime_start=None,
                datetime_complete=None,
                params=params,
                distributions=space,
                user_attrs={},
                system_attrs=_marks(name, number, reports[number]),
                intermediate_values=dict(enumerate(reports[number])),
            )
        )
    return trials


def _marks(name: str, number: int, reports: list[float]) -> dict[str, Any]:
    if name.startswith("nsga"):
        return {f"{name.upper()[:4]}{name[4:].upper()}Sampler:generation": number // POPULATION}
    if name == "grid":
        return {"grid_id": number, "search_space": dict(_POINTS)}
    if name in ("sha", "hyperband"):
        return {"completed_rung_0": reports[1], "completed_rung_1": reports[4]}
    if name == CONSTRAINED:
        return {"constraints:most": 1.0 if reports[-1] < 0.01 else 0.0}
    return {}


def filled(trials: list[FrozenTrial]) -> optuna.Study:
    """Return a study in memory with these trials; adding them one by one takes a minute."""
    storage = optuna.storages.InMemoryStorage()
    study = optuna.create_study(storage=storage, study_name="same")
    content = storage._studies[study._study_id]
    content.trials.extend(trials)
    content.best_trial_id = min(trials, key=lambda each: each.values[0])._trial_id
    storage._max_trial_id = len(trials) - 1
    for trial in trials:
        storage._trial_id_to_study_id_and_number[trial._trial_id] = study._study_id, trial.number
    return study


def filled_by_hptui(trials: list[FrozenTrial], file: Path) -> optuna.Study:
    """Return a study in hptui's storage that has these trials in memory alone."""
    storage = SqliteStorage(file, create=True)
    study = optuna.create_study(storage=storage, study_name="same")
    memory = storage._file.memory.study(study._study_id)
    for trial in trials:
        ours = copy.copy(trial)
        # The file has none of them, and gives the next ones the ids from 1 on.
        ours._trial_id = trial.number - len(trials)
        memory.put(ours)
    return study


def _prepare(study: optuna.Study, name: str, n_trials: int) -> None:
    """Store with a study what a sampler would have stored."""
    storage, study_id = study._storage, study._study_id
    if name.startswith("nsga"):
        newest = (n_trials - 1) // POPULATION
        prefix = f"{name.upper()[:4]}{name[4:].upper()}Sampler:parent:"
        storage.set_study_system_attr(study_id, f"{prefix}{newest}", list(range(POPULATION)))
    elif name.startswith("qmc"):
        study.tell(study.ask(FLOATS), 1.0)
        (key,) = (each for each in storage.get_study_system_attrs(study_id) if "qmc:" in each)
        storage.set_study_system_attr(study_id, key, n_trials)


def own_sampler(name: str) -> BaseSampler:
    """Return hptui's."""
    if name == "grid":
        return KnownGridSampler(_POINTS, seed=1)
    spec = parse_sampler(name)
    return build_sampler(spec, seed=1, space={}, fixed={}, n_objectives=1)


def alone(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do something in a process of its own, where no one else has filled caches or memory.

    Optuna's walk through all trials drives from the CPU's caches whatever is measured after it.
    """
    with get_context("spawn").Pool(1, _be_quiet) as pool:
        return pool.apply(work, args, kwargs)


def _be_quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")


def sampler_cost(name: str, n_trials: int, *, is_own: bool) -> Cost:
    """Return what hptui's sampler costs, or Optuna's."""
    space = GRID if name in ("grid", "bruteforce") else FLOATS
    study = filled(history(n_trials, name))
    if is_own:
        study.sampler = own_sampler(name)
    else:
        study.sampler = s.GPSampler(seed=1) if name == "gp" else SAMPLERS[name]()
    _prepare(study, name, n_trials)
    # One must not end for want of points.
    vars(study)["stop"] = lambda: None
    found = list(_measured(lambda _: _ask_and_tell(study, space), 30))
    # CMA-ES makes its optimizer with the first generation.
    later = found[len(found) // 2 :]
    return Cost(*(1000 * statistics.median(each) for each in zip(*later, strict=True)))


def _measured(measure: Callable[[int], T], count: int) -> Generator[T]:
    """Yield what is measured up to that many times, and twice at least."""
    _set_history_aside()
    with one_blas_thread():
        began = time.process_time()
        for index in range(count):
            yield measure(index)
            if index and time.process_time() - began > LIMIT_S:
                break


def _set_history_aside() -> None:
    """Have no search for garbage go through the histories, which falls on whoever runs then."""
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def _ask_and_tell(study: optuna.Study, space: Space) -> tuple[float, float]:
    moments = [time.process_time()]
    trial = study.ask()
    for name, distribution in space.items():
        trial._suggest(name, distribution)
    moments.append(time.process_time())
    study.tell(trial, float(np.random.default_rng(trial.number).random()))
    moments.append(time.process_time())
    return moments[1] - moments[0], moments[2] - moments[1]


def pruner_cost(name: str, n_trials: int, *, is_own: bool) -> tuple[float, float]:
    """Return what `should_prune` of hptui's pruner takes, or of Optuna's, in milliseconds.

    That is the median of trials: of their first reports, which take in what has ended, and of the
    mean of all.
    """
    trials = history(n_trials, name.split(":", maxsplit=1)[0])
    with tempfile.TemporaryDirectory() as folder:
        if is_own:
            study = filled_by_hptui(trials, Path(folder) / "study.db")
            study.pruner = build_pruner(parse_pruner("wilcoxon" if name == CONSTRAINED else name))
        else:
            study = filled(trials)
            study.pruner = PRUNERS[name]()
        study.sampler = s.RandomSampler(seed=1)
        # The first one reads the history.
        _, *found = _measured(lambda index: _judged(study, index), 20)
    first, mean = (1000 * statistics.median(each) for each in zip(*found, strict=True))
    return first, mean


def _judged(study: optuna.Study, count: int) -> tuple[float, float]:
    random = np.random.default_rng(count)
    trial = study.ask(FLOATS)
    took: list[float] = []
    for step, value in enumerate(random.random(N_STEPS)):
        trial.report(float(value), step)
        began = time.process_time()
        trial.should_prune()
        took.append(time.process_time() - began)
    study.tell(trial, float(random.random()))
    return took[0], statistics.fmean(took)


def rows(sizes: tuple[int, ...] = SIZES, only: list[str] | None = None) -> Generator[Row]:
    """Yield what was measured, Optuna's time, hptui's, and how they compare."""
    asked = [*itertools.product(SAMPLERS, sizes), *(("gp", each) for each in GP_SIZES)]
    for name, n_trials in asked:
        if only and name not in only:
            continue
        stock, quick = (alone(sampler_cost, name, n_trials, is_own=each) for each in (False, True))
        yield (
            f"(o) {name}, ask + tell after {n_trials:,} trials",
            str(stock),
            str(quick),
            f"{(stock.ask + stock.tell) / (quick.ask + quick.tell):.1f} times",
        )
    for name, n_trials in itertools.product(PRUNERS, sizes):
        if only and name not in only:
            continue
        both = (alone(pruner_cost, name, n_trials, is_own=each) for each in (False, True))
        (stock_first, stock_mean), (own_first, own_mean) = both
        yield (
            f"(o) {name}, should_prune after {n_trials:,} trials",
            f"{_ms(stock_mean)} ms ({_ms(stock_first)} the first one of a trial)",
            f"{_ms(own_mean)} ms ({_ms(own_first)})",
            f"{stock_mean / own_mean:.1f} times",
        )


def _main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("trials", nargs="*", type=int, help="trials in the history")
    parser.add_argument("--only", nargs="*", help="samplers and pruners, as they are spelled here")
    arguments = parser.parse_args()
    for row in rows(tuple(arguments.trials) or SIZES, arguments.only):
        print("| " + " | ".join(row) + " |", flush=True)


if __name__ == "__main__":
    _main()

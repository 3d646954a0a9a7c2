"""Long runs with TPE: how trials a second and memory go on, in steps.

`python -m tests.benchmarks.long_run [TRIALS] [STEP]` does 50,000 trials in one run and tells at
each 10,000 what a trial took since, and the memory of the engine's process.
"""

from __future__ import annotations

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import optuna
from tests.benchmarks import objectives

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.engine.run.observer import Started
    from hptui.engine.run.study_trials import TrialRecord

Row = tuple[str, str, str, str]

N_TRIALS: Final = 20_000
N_OF_OPTUNA: Final = 2_000
STEP: Final = 5_000
N_LONG: Final = 50_000
LONG_STEP: Final = 10_000
N_WORKERS: Final = 2
OBJECTIVE: Final = "five_floats"


@dataclass(frozen=True, slots=True)
class Leg:
    """A part of a run."""

    until: int
    """The number of trials at its end."""
    seconds: float
    memory_mb: float
    """Resident memory of the engine's process at the end."""


class Legs(Silent):
    """Notes when each so many trials have ended."""

    def __init__(self, step: int, *, is_told: bool = False) -> None:
        self.legs: list[Leg] = []
        self._step = step
        self._is_told = is_told
        self._n_ended = 0
        self._began_s = 0.0

    def started(self, event: Started) -> None:
        """Begin the first leg."""
        self._began_s = time.perf_counter()

    def trial(self, record: TrialRecord) -> None:
        """Count a trial, with which a leg may end."""
        self._n_ended += 1
        if self._n_ended % self._step:
            return
        now_s = time.perf_counter()
        leg = Leg(self._n_ended, now_s - self._began_s, resident_mb())
        self._began_s = now_s
        self.legs.append(leg)
        if self._is_told:
            print(
                f"{leg.until:,} trials: {1000 * leg.seconds / self._step:.2f} ms a trial since "
                f"{leg.until - self._step:,}, {leg.memory_mb:.0f} MB",
                flush=True,
            )


def resident_mb() -> float:
    """Return how much memory this process has just now."""
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0


def run(n_trials: int, step: int, *, is_told: bool = False) -> list[Leg]:
    """Run TPE with the median pruner and two workers, and return the legs."""
    legs = Legs(step, is_told=is_told)
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            ref=ObjectiveRef("file", objectives.__file__, OBJECTIVE, OBJECTIVE),
            study_file=Path(folder) / "bench.db",
            study="bench",
            sampler="tpe",
            pruner="median",
            budget=Budget(n_trials=n_trials),
            n_workers=N_WORKERS,
            seed=1,
        )
        Engine(plan, legs).run()
    return legs.legs


def optuna_seconds(n_trials: int) -> float:
    """Return how long `study.optimize(n_jobs=2)` takes for the same."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(
            storage=f"sqlite:///{folder}/bench.db",
            sampler=optuna.samplers.TPESampler(seed=1),
            pruner=optuna.pruners.MedianPruner(),
        )
        began_s = time.perf_counter()
        study.optimize(getattr(objectives, OBJECTIVE), n_trials=n_trials, n_jobs=N_WORKERS)
        return time.perf_counter() - began_s


def rows(
    n_trials: int = N_TRIALS, n_of_optuna: int = N_OF_OPTUNA, step: int = STEP
) -> Generator[Row]:
    """Yield a row for each leg; Optuna's rate is that of its own, shorter run."""
    peer = n_of_optuna / optuna_seconds(n_of_optuna)
    for leg in run(n_trials, step):
        rate = step / leg.seconds
        yield (
            f"(p) TPE, median pruner, empty, 5 floats, 2 workers, trials {leg.until - step:,} to "
            f"{leg.until:,} (Optuna: 0 to {n_of_optuna:,})",
            f"{peer:.1f}/s",
            f"{rate:.0f}/s",
            f"{rate / peer:.0f} times, {leg.memory_mb:.0f} MB",
        )


if __name__ == "__main__":
    given = [int(each) for each in sys.argv[1:]]
    run(given[0] if given else N_LONG, given[1] if len(given) > 1 else LONG_STEP, is_told=True)

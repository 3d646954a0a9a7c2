"""Trials a second: hptui beside Optuna's own loop, both on SQLite files with durable commits."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from tests.benchmarks import objectives

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

Row = tuple[str, str, str, str]

SLOTS = 2
ROUNDS = 3
WORK_S = 0.02


def hptui_rate(name: str, n_trials: int) -> float:
    """Return trials a second of hptui with 2 workers, from the first trial's start on."""
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            ref=ObjectiveRef("file", objectives.__file__, name, name),
            study_file=Path(folder) / "bench.db",
            study="bench",
            sampler="random",
            pruner="median",
            budget=Budget(n_trials=n_trials),
            n_workers=SLOTS,
            seed=1,
        )
        finished = Engine(plan, Silent()).run()
        return finished.counts.ended / finished.wall_s


def optuna_rate(name: str, n_trials: int) -> float:
    """Return trials a second of `study.optimize(n_jobs=2)`."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        study = optuna.create_study(
            storage=f"sqlite:///{folder}/bench.db", sampler=optuna.samplers.RandomSampler(seed=1)
        )
        began = time.perf_counter()
        study.optimize(getattr(objectives, name), n_trials=n_trials, n_jobs=SLOTS)
        return n_trials / (time.perf_counter() - began)


def ideal_rate(n_loops: int, n_trials: int) -> float:
    """Return how often two plain processes do the work a second, at the same time."""
    program = (
        "import sys, time; from tests.benchmarks.objectives import busy_work\n"
        "began = time.perf_counter()\n"
        f"for _ in range({n_trials // SLOTS}): busy_work({n_loops})\n"
        "print(time.perf_counter() - began)"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
        for _ in range(SLOTS)
    ]
    return sum((n_trials // SLOTS) / float(process.communicate()[0]) for process in running)


def _alternately(first: Callable[[], float], second: Callable[[], float]) -> tuple[float, float]:
    """Return the medians of both, measured in turns: the machine's pace changes by the minute."""
    pairs = [(first(), second()) for _ in range(ROUNDS)]
    return statistics.median(a for a, _ in pairs), statistics.median(b for _, b in pairs)


def empty() -> Generator[Row]:
    """Compare an objective that does nothing."""
    yield _compared("(a) empty, 2 floats, random sampler", "empty", 4000, 200, goal=30)


def reporting() -> Generator[Row]:
    """Compare one that reports."""
    yield _compared("(b) the same, 50 reports and should_prune", "reporting", 600, 12, goal=50)


def _compared(title: str, name: str, ours: int, theirs: int, *, goal: int) -> Row:
    peer, own = _alternately(lambda: optuna_rate(name, theirs), lambda: hptui_rate(name, ours))
    return title, f"{peer:.1f}/s", f"{own:.0f}/s", f"{own / peer:.0f} times (goal {goal})"


def working() -> Generator[Row]:
    """Compare one that computes for 20 ms."""
    n_loops = objectives.loops_for(WORK_S)
    os.environ["HPTUI_BENCH_LOOPS"] = str(n_loops)
    ideal, own = _alternately(
        lambda: ideal_rate(n_loops, 600), lambda: hptui_rate("pure_python", 600)
    )
    peer = optuna_rate("pure_python", 60)
    share = f"{own / ideal:.2f} of two plain processes' {ideal:.0f}/s (goal 0.93)"
    yield "(c) 20 ms of pure Python", f"{peer:.1f}/s", f"{own:.1f}/s", share

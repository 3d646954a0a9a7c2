"""A run on PostgreSQL beside Optuna's own storage there: `python -m tests.benchmarks.server_run`.

A trial has 5 parameters and 50 reports. Starting is left out by taking a short run from a long one.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import optuna
import pytest
from tests.servers import running

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.storage.mirror.address import parse_address
from hptui.storage.mirror.mirrors import mirror_path

if TYPE_CHECKING:
    from collections.abc import Callable

N_WORKERS: Final = 8
N_PARAMS: Final = 5
N_REPORTS: Final = 50
SIZES: Final = {"hptui": (100, 900), "optuna": (5, 35)}


def objective(trial: optuna.Trial) -> float:
    """Ask for five parameters and report fifty values."""
    value = sum(trial.suggest_float(f"x{index}", 0, 1) for index in range(N_PARAMS))
    for step in range(N_REPORTS):
        trial.report(value + step, step)
    return value


def _by_hptui(url: str, study: str, n_trials: int) -> None:
    address = parse_address(f"{url}#{study}")
    assert address is not None
    plan = RunPlan(
        ref=ObjectiveRef("file", __file__, "objective", "objective"),
        study_file=mirror_path(address),
        study=study,
        server=address,
        sampler="random",
        budget=Budget(n_trials=n_trials),
        n_workers=N_WORKERS,
        backend="threading",
        seed=1,
    )
    Engine(plan, Silent()).run()


def _by_optuna(url: str, study: str, n_trials: int) -> None:
    storage = optuna.storages.RDBStorage(url.replace("postgresql://", "postgresql+psycopg://"))
    sampler = optuna.samplers.RandomSampler(seed=1)
    created = optuna.create_study(study_name=study, storage=storage, sampler=sampler)
    created.optimize(objective, n_trials=n_trials)


def cost_ms(name: str, act: Callable[[str, str, int], None], url: str) -> tuple[float, float]:
    """Return what a trial takes by the clock, and of this process's CPU, in milliseconds."""
    taken: list[tuple[float, float]] = []
    for n_trials in SIZES[name]:
        began, cpu = time.perf_counter(), time.process_time()
        act(url, f"{name}{n_trials}", n_trials)
        taken.append((time.perf_counter() - began, time.process_time() - cpu))
    short, long = SIZES[name]
    (wall_0, cpu_0), (wall_1, cpu_1) = taken
    return 1000 * (wall_1 - wall_0) / (long - short), 1000 * (cpu_1 - cpu_0) / (long - short)


def main() -> None:
    """Print a line for each."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with tempfile.TemporaryDirectory() as name:
        os.environ["XDG_CACHE_HOME"] = str(Path(name) / "cache")
        try:
            with running.postgresql() as (server, _):
                for who, act in (("hptui", _by_hptui), ("optuna", _by_optuna)):
                    wall_ms, cpu_ms = cost_ms(who, act, server.address)
                    workers = f", {N_WORKERS} workers" if who == "hptui" else ""
                    print(
                        f"run on PostgreSQL, {N_REPORTS} reports, {who}{workers}: {wall_ms:.1f} ms "
                        f"a trial, {cpu_ms:.1f} ms of CPU (goal 10 ms)",
                        flush=True,
                    )
        except pytest.skip.Exception as skipped:
            print(f"PostgreSQL is skipped: {skipped}")


if __name__ == "__main__":
    sys.exit(main())

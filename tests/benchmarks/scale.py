"""What a trial costs the engine itself, by where its worker is: `python -m tests.benchmarks.scale`.

The engine's own CPU time is told, of all its threads and without its workers; starting is left out
by taking a short run from a long one. Over ssh goes to a server of its own on loopback.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import objectives
from tests.cluster.sshd import find_server, server_in

from hptui.domain.far_workers import Cluster, FarWorkers, Host
from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.plan import RunPlan
from hptui.engine.run.rules import Budget

if TYPE_CHECKING:
    from hptui.engine.workers.worker_kinds import Backend

N_WORKERS: Final = 2
SIZES: Final = {"empty": (100, 1_100), "reporting": (50, 350)}
"""By objective, the trials of the short and of the long run."""
FAR: Final[dict[Backend, FarWorkers | None]] = {
    "loky": None,
    "ssh": FarWorkers(hosts=(Host("loopback", N_WORKERS),)),
    "dask": FarWorkers(cluster=Cluster(address=("127.0.0.1", 0))),
}


def engine_ms(backend: Backend, objective: str) -> float:
    """Return the engine's own CPU time for a trial, in milliseconds."""
    taken: list[float] = []
    for n_trials in SIZES[objective]:
        with tempfile.TemporaryDirectory() as folder:
            plan = RunPlan(
                ref=ObjectiveRef("file", objectives.__file__, objective, objective),
                study_file=Path(folder) / "s.db",
                study="s",
                sampler="random",
                pruner="median",
                budget=Budget(n_trials=n_trials),
                n_workers=N_WORKERS,
                backend=backend,
                far=FAR[backend],
                seed=1,
                typed=frozenset({"workers"}),
            )
            began = time.process_time()
            Engine(plan, Silent()).run()
            taken.append(time.process_time() - began)
    short, long = SIZES[objective]
    return 1000 * (taken[1] - taken[0]) / (long - short)


def main() -> None:
    """Print a table."""
    asked = sys.argv[1:] or list(FAR)
    print(f"engine CPU a trial, ms, {N_WORKERS} workers   no reports   50 reports, pruning")
    near: list[float] = []
    with ExitStack() as stack:
        for backend in FAR:
            if backend not in asked:
                continue
            if backend == "dask" and find_spec("distributed") is None:
                print("dask    not installed: pip install 'hptui[dask]'")
                continue
            if backend == "ssh":
                if find_server() is None:
                    print("ssh     not installed: apt-get install openssh-server")
                    continue
                folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
                os.environ |= stack.enter_context(server_in(folder)).variables()
            costs = [engine_ms(backend, objective) for objective in SIZES]
            near = near or costs
            pairs = zip(costs, near, strict=True)
            shown = [f"{cost:6.2f} ({cost / base:.2f} x)" for cost, base in pairs]
            print(f"{backend:<30}", *shown, flush=True)


if __name__ == "__main__":
    main()

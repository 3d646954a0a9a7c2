"""What far workers cost the engine, and how it drives 500: `python -m tests.benchmarks.scale`.

The engine's own CPU time is told, of all its threads and without its workers; starting is left out
by taking a short run from a long one. Over ssh goes to a server of its own on loopback. 500
processes of 52 MB each do not fit a small machine: so many workers are threads of one, each with a
connection of its own that speaks what a process would.
"""

from __future__ import annotations

import math
import os
import shutil
import sys
import tempfile
import time
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.benchmarks import objectives
from tests.cluster.dask_cluster import certificates, cluster_in
from tests.cluster.sshd import find_server, server_in

from hptui.domain.far_workers import Cluster, FarWorkers, Host
from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.engine.run.study_trials import TrialRecord
    from hptui.engine.workers.worker_kinds import Backend

N_WORKERS: Final = 2
ROUNDS: Final = 3
"""The least cost of so many counts."""
N_MANY: Final = 500
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


class Ends(Silent):
    """Notes when trials end, and what the engine has taken until then."""

    def __init__(self) -> None:
        self.at: list[tuple[float, float]] = []
        """The time and the CPU time, in seconds."""

    def trial(self, record: TrialRecord) -> None:
        """Note the end of a trial."""
        del record
        self.at.append((time.perf_counter(), time.process_time()))


def many() -> str:
    """Return how fast trials of a second end on many workers, and what they cost the engine."""
    ends = Ends()
    objective = "waits_a_second"
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            ref=ObjectiveRef("file", objectives.__file__, objective, objective),
            study_file=Path(folder) / "s.db",
            study="s",
            sampler="random",
            budget=Budget(n_trials=N_MANY * 20),
            n_workers=N_MANY,
            backend="threading",
            seed=1,
        )
        Engine(plan, ends).run()
    # Those of the first second begin one after the other, as workers come.
    (began_s, began_cpu_s), (ended_s, ended_cpu_s) = ends.at[2 * N_MANY], ends.at[-N_MANY]
    n_trials, seconds, cpu_s = 17 * N_MANY, ended_s - began_s, ended_cpu_s - began_cpu_s
    return (
        f"{N_MANY} workers, trials of 1 s: {n_trials / seconds:.0f} trials/s, "
        f"{cpu_s / seconds:.0%} of a core, {1000 * cpu_s / n_trials:.2f} ms a trial"
    )


def answer_ms(backend: Backend, far: FarWorkers | None) -> float:
    """Return the time from a report to the answer whether to prune, the median of one worker's."""
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            ref=ObjectiveRef("file", objectives.__file__, "answers", "answers"),
            study_file=Path(folder) / "s.db",
            study="s",
            sampler="random",
            pruner="threshold:upper=2",
            budget=Budget(n_trials=3),
            n_workers=1,
            backend=backend,
            far=far,
            seed=1,
            typed=frozenset({"workers"}),
        )
        best = Engine(plan, Silent()).run().best
    assert best is not None
    return float(best.value)


def answers(backends: Sequence[Backend], stack: ExitStack) -> list[str]:
    """Return a line on each way to a worker, and on dask's under TLS."""
    found = [f"{each} {answer_ms(each, FAR[each]):.2f}" for each in backends]
    if "dask" in backends and shutil.which("openssl"):
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        tls = certificates(folder / "tls")
        os.environ |= tls
        there = stack.enter_context(cluster_in(folder, n_workers=1, tls=tls))
        far = FarWorkers(cluster=Cluster(scheduler=there.address))
        found.append(f"dask, TLS {answer_ms('dask', far):.2f}")
    return found


def can_have(backend: Backend, stack: ExitStack) -> bool:
    """Say whether there are such workers on this machine; starts what they need."""
    if backend == "dask" and find_spec("distributed") is None:
        print("dask    not installed: pip install 'hptui[dask]'")
        return False
    if backend == "ssh":
        if find_server() is None:
            print("ssh     not installed: apt-get install openssh-server")
            return False
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ |= stack.enter_context(server_in(folder)).variables()
    return True


def costs(backends: Sequence[Backend]) -> list[str]:
    """Return a table of what a trial costs the engine."""
    # One after the other, so that a machine that is busy for a while is it for all of them.
    least = {backend: dict.fromkeys(SIZES, math.inf) for backend in backends}
    for _ in range(ROUNDS):
        for backend in backends:
            for objective in SIZES:
                cost = engine_ms(backend, objective)
                least[backend][objective] = min(least[backend][objective], cost)
    near = least[backends[0]]
    lines = [f"engine CPU a trial, ms, {N_WORKERS} workers   no reports   50 reports, pruning"]
    for backend in backends:
        shown = [f"{ms:6.2f} ({ms / near[each]:.2f} x)" for each, ms in least[backend].items()]
        lines.append(f"{backend:<30} {' '.join(shown)}")
    return lines


def main() -> None:
    """Print all parts, or those that are named: costs, answers, many."""
    asked = sys.argv[1:] or ["costs", "answers", "many"]
    with ExitStack() as stack:
        backends: list[Backend] = []
        for each in FAR if asked != ["many"] else ():
            if can_have(each, stack):
                backends.append(each)
        if "costs" in asked:
            print("\n".join(costs(backends)), flush=True)
        if "answers" in asked:
            told = ", ".join(answers(backends, stack))
            print(f"from a report to whether to prune, ms, median: {told}", flush=True)
    if "many" in asked:
        print(many())


if __name__ == "__main__":
    main()

"""What a trial of a command costs over one of a function, and how soon a pruned program ends."""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks import objectives

from hptui.domain.objective import ObjectiveRef
from hptui.engine.run.engine import Engine
from hptui.engine.run.observer import Silent
from hptui.engine.run.rules import Budget
from hptui.engine.run.start.plan import RunPlan
from hptui.registry.commands.command import CommandSpec

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.engine.run.observer import Finished, Started

N_TRIALS = 300
N_PRUNED = 30

_PRINTS = "echo loss=1"
_TELLS_ITS_END = """
import os, signal, sys, time
def end(*_):
    with open(sys.argv[1], "a") as file:
        print(time.time() - began, file=file)
    os._exit(0)
signal.signal(signal.SIGTERM, end)
for step in range(3):
    began = time.time()
    print(f"step={step} loss={os.environ['HPTUI_TRIAL_NUMBER']}", flush=True)
if os.environ["HPTUI_TRIAL_NUMBER"] != "0":
    time.sleep(5)
"""


@dataclass
class _Timed(Silent):
    at_s: list[float] = field(default_factory=list[float])

    def started(self, event: Started) -> None:
        self.at_s.append(time.perf_counter())

    def finished(self, event: Finished) -> None:
        self.at_s.append(time.perf_counter())


def _trial_ms(ref: ObjectiveRef, n_trials: int, *, pruner: str = "none") -> float:
    with tempfile.TemporaryDirectory() as folder:
        plan = RunPlan(
            ref=ref,
            study_file=Path(folder) / "c.db",
            study="c",
            sampler="random",
            pruner=pruner,
            budget=Budget(n_trials=n_trials),
            n_workers=1,
        )
        timed = _Timed()
        Engine(plan, timed).run()
        return 1000 * (timed.at_s[-1] - timed.at_s[0]) / n_trials


def cost_ms() -> tuple[float, float]:
    """Return the time of a trial of an empty function, and of a command that prints one value."""
    path = str(Path(objectives.__file__))
    function = ObjectiveRef("file", path, "empty", "empty")
    words = ("sh", "-c", _PRINTS, "sh", "{x=0..1:float}")
    command = CommandSpec(words=words, metrics=("loss",)).to_ref()
    return _trial_ms(function, N_TRIALS), _trial_ms(command, N_TRIALS)


def pruning_ms() -> list[float]:
    """Return the times from what a program prints to its being asked to end."""
    with tempfile.TemporaryDirectory() as folder:
        told, program = Path(folder) / "told", Path(folder) / "program.py"
        program.write_text(_TELLS_ITS_END)
        words = (sys.executable, "-I", "-S", str(program), str(told), "{x=0..1:float}")
        spec = CommandSpec(words=words, metrics=("loss",))
        pruner = "median:n_startup_trials=1,n_warmup_steps=2"
        _trial_ms(spec.to_ref(), 1 + N_PRUNED, pruner=pruner)
        return [1000 * float(line) for line in told.read_text().split()]


def rows() -> Generator[tuple[str, str, str, str]]:
    """Yield what commands cost, for the table."""
    function, command = cost_ms()
    goal = f"{command - function:.1f} ms more (goal 15)"
    yield "(n) a trial of `sh`, over a function", f"{function:.1f} ms", f"{command:.1f} ms", goal
    times = pruning_ms()
    worst = f"at most {max(times):.1f} ms (goal 50), {len(times)} programs"
    yield "(n) from a report to the pruned program", "", f"{statistics.median(times):.1f} ms", worst


if __name__ == "__main__":
    for row in rows():
        print(*row, sep="   ")

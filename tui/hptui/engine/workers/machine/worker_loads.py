"""What the workers of this machine load: processor, memory and GPU, in their latest samples."""

from __future__ import annotations

import os
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hptui.engine.workers.machine.gpu_loads import GpuLoads
from hptui.engine.workers.machine.memory_guard import Survey, exact

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.engine.workers.machine.memory_guard import Taken

_EVERY_S: Final = 1.0
_SHARE: Final = 100
"""Looks take at most one part in so many of the time."""
N_SAMPLES: Final = 16
_PERCENT: Final = 100
_TICKS_A_SECOND: Final = os.sysconf("SC_CLK_TCK")


def _samples() -> deque[int]:
    return deque(maxlen=N_SAMPLES)


@dataclass(slots=True)
class Load:
    """The latest samples of one worker's processes, oldest first."""

    cpu: deque[int] = field(default_factory=_samples)
    """Per cent of one core."""
    memory: deque[int] = field(default_factory=_samples)
    """Bytes."""
    gpu: deque[int] = field(default_factory=_samples)
    """Per cent of the time that its GPUs computed; none where it has no GPU."""
    ticks: int | None = None
    at_s: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return what `status` tells."""
        told = {"cpu": list(self.cpu), "memory": list(self.memory)}
        return told | ({"gpu": list(self.gpu)} if self.gpu else {})


@dataclass(slots=True)
class WorkerLoads:
    """Samples what workers load now and then, seldom where that takes long."""

    by_pid: dict[int, Load] = field(default_factory=dict[int, Load])
    """By the process ids of workers."""
    _due_s: float = 0.0
    _survey: Survey = field(default_factory=Survey)
    _gpus: GpuLoads = field(default_factory=GpuLoads)

    def look(self, now_s: float, workers: Mapping[int, Sequence[str]]) -> list[Taken]:
        """Take a sample of all workers if one is due, and return what they take.

        Args:
            now_s: The time by the engine's clock.
            workers: The process ids of workers, each with the GPUs it has for itself.
        """
        if now_s < self._due_s:
            return []
        began = time.monotonic()
        taken = self._survey.look(workers)
        busy = self._gpus.latest()
        self.by_pid = {each.worker: self.by_pid.get(each.worker, Load()) for each in taken}
        for each in taken:
            load = self.by_pid[each.worker]
            if load.ticks is not None and now_s > load.at_s:
                # Of a child that nobody waited for the ticks are lost.
                spent_s = max(0, each.ticks - load.ticks) / _TICKS_A_SECOND
                load.cpu.append(round(_PERCENT * spent_s / (now_s - load.at_s)))
            load.ticks, load.at_s = each.ticks, now_s
            load.memory.append(each.size)
            of_gpus = busy.of_worker(workers[each.worker], each.pids)
            if of_gpus is not None:
                load.gpu.append(of_gpus)
        self._due_s = now_s + max(_EVERY_S, _SHARE * (time.monotonic() - began))
        return taken

    def close(self) -> None:
        """Ask for no GPU any more."""
        self._gpus.close()


def peak_size(taken: Taken, before: int) -> int:
    """Return the most that was seen of a worker's processes: `before`, or what they take now.

    What several of them share counts once; that is found out only where it may matter.
    """
    if taken.size <= before:
        return before
    return max(before, (exact(taken) if len(taken.pids) > 1 else taken).size)

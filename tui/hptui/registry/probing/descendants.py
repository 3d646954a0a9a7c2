"""The processes that descend from this one, seen and ended by means of Python alone."""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import signal

_TICK_S = 0.01


class Process(NamedTuple):
    """A process; one that has its number later started at another time."""

    pid: int
    started: str

    def has_ended(self) -> bool:
        """Say whether it does nothing any more; one that nobody has collected counts as ended."""
        return _Table.of([self.pid]).living.get(self.pid) != self.started

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, unless it has ended."""
        with contextlib.suppress(OSError):
            if not self.has_ended():
                os.kill(self.pid, number)


def has_ended(pid: int) -> bool:
    """Say whether a child of this process has ended; it stays to be collected."""
    return pid not in _Table.of([pid]).living


def descendants() -> list[Process]:
    """Return the living descendants of this process."""
    table = _Table.of(None)
    found = {os.getpid()}
    while more := {pid for pid, parent in table.parents.items() if parent in found} - found:
        found |= more
    found.discard(os.getpid())
    return [Process(pid, table.living[pid]) for pid in found if pid in table.living]


def wait_for(processes: list[Process], timeout_s: float) -> list[Process]:
    """Wait until processes have ended, collect those of this one, and return what is left."""
    until = time.monotonic() + timeout_s
    while True:
        for each in processes:
            with contextlib.suppress(ChildProcessError):
                os.waitpid(each.pid, os.WNOHANG)
        processes = [each for each in processes if not each.has_ended()]
        if not processes or time.monotonic() >= until:
            return processes
        select.select([], [], [], _TICK_S)


class _Table:
    """What the system tells of processes: their parents, and when those that live started."""

    def __init__(self) -> None:
        self.parents: dict[int, int] = {}
        self.living: dict[int, str] = {}

    @classmethod
    def of(cls, pids: list[int] | None) -> _Table:
        """Return what is told of some processes; None for all."""
        table = cls()
        if not Path("/proc/self/stat").exists():
            table._ask_psutil(pids)
            return table
        for pid in map(int, filter(str.isdecimal, os.listdir("/proc"))) if pids is None else pids:  # noqa: PTH208
            with contextlib.suppress(OSError, ValueError, IndexError):
                # proc(5): the name in parentheses may hold anything.
                text = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2]
                fields = text.split()
                table.parents[pid] = int(fields[1])
                if fields[0] not in (b"Z", b"X"):
                    table.living[pid] = fields[19].decode()
        return table

    def _ask_psutil(self, pids: list[int] | None) -> None:
        import psutil

        for process in psutil.process_iter():
            with contextlib.suppress(psutil.Error):
                if pids is None or process.pid in pids:
                    self.parents[process.pid] = process.ppid()
                    if process.status() != psutil.STATUS_ZOMBIE:
                        self.living[process.pid] = str(process.create_time())

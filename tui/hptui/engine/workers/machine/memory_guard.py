"""The memory of trials: one pass over `/proc` says what the processes of each worker take.

What counts is resident memory: of the worker, Python and its libraries included, of all processes
in its session and of all that descend from it. Memory that several of them share counts once.
Memory of devices and the cache of files do not count. It is a guard and no wall: what a program
takes between two looks is seen at the second one.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Container, Iterator, Mapping

_EVERY_S: Final = 0.5
_SHARE: Final = 20
"""Looks take at most one part in so many of the time."""
_LOOKS_BEFORE_ALL: Final = 10
"""A process that belongs to no worker is looked at again in one look of so many: its number may be
another's by then."""
_PARENT: Final = 1
_SESSION: Final = 3
_TICKS: Final = slice(11, 15)
"""Of the process and of its children that have ended, as user and as system."""
_PAGES: Final = 21
"""Fields of `/proc/PID/stat` behind the command's name."""
_PAGE_BYTES: Final = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Taken:
    """The processes of one worker and their memory."""

    worker: int
    size: int
    """Bytes."""
    pids: tuple[int, ...]
    ticks: int = 0
    """Of the processor, since they began."""


@dataclass(slots=True)
class Survey:
    """One pass over `/proc` after the other; processes of nobody here are seldom looked at."""

    _strangers: set[int] = field(default_factory=set[int])
    _looks: int = 0

    def look(self, workers: Collection[int]) -> list[Taken]:
        """Return what each worker's processes take, what they share counted several times.

        Args:
            workers: The process ids of all workers; each leads a session.
        """
        self._looks += 1
        if self._looks % _LOOKS_BEFORE_ALL == 0:
            self._strangers.clear()
        seen = {pid: stat for pid in _pids() if pid not in self._strangers and (stat := _stat(pid))}
        members: dict[int, list[int]] = {worker: [] for worker in workers}
        for pid, stat in seen.items():
            worker = stat.session if stat.session in members else _ancestor(pid, seen, members)
            if worker is None:
                self._strangers.add(pid)
            else:
                members[worker].append(pid)
        return [
            Taken(
                worker,
                sum(seen[pid].size for pid in pids),
                tuple(pids),
                sum(seen[pid].ticks for pid in pids),
            )
            for worker, pids in members.items()
        ]


@dataclass(slots=True)
class MemoryGuard:
    """Looks at the memory of workers now and then."""

    limit: int
    """Bytes that the processes of one worker may take."""
    _due_s: float = 0.0
    _exact_due_s: float = 0.0
    _survey: Survey = field(default_factory=Survey)

    @property
    def due_s(self) -> float:
        """When the next look is due, by the engine's clock."""
        return self._due_s

    def look(self, now_s: float, workers: Collection[int]) -> list[Taken]:
        """Return what the workers above the limit take, if a look is due.

        Args:
            now_s: The time by the engine's clock.
            workers: The process ids of all workers; each leads a session.
        """
        if now_s < self._due_s:
            return []
        began = time.monotonic()
        above = [each for each in self._survey.look(workers) if each.size > self.limit]
        if above and now_s >= self._exact_due_s:
            exact_from = time.monotonic()
            above = [each for each in map(exact, above) if each.size > self.limit]
            self._exact_due_s = now_s + _SHARE * (time.monotonic() - exact_from)
        else:
            above = []
        self._due_s = now_s + max(_EVERY_S, _SHARE * (time.monotonic() - began))
        return above


def resident(pid: int) -> int:
    """Return the resident memory of one process in bytes; 0 where it cannot be told."""
    stat = _stat(pid)
    return 0 if stat is None else stat.size


def kill_now(taken: Taken) -> None:
    """Kill the processes of a worker that were just seen."""
    for pid in taken.pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


class _Stat(NamedTuple):
    parent: int
    session: int
    size: int
    """Resident bytes."""
    ticks: int = 0


def _pids() -> Iterator[int]:
    return (int(name) for name in os.listdir("/proc") if name.isdecimal())  # noqa: PTH208 - often


def _stat(pid: int) -> _Stat | None:
    try:
        fd = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        # The command's name may hold blanks and brackets.
        fields = os.read(fd, 4096).rpartition(b")")[2].split()
        size = int(fields[_PAGES]) * _PAGE_BYTES
        return _Stat(
            int(fields[_PARENT]), int(fields[_SESSION]), size, sum(map(int, fields[_TICKS]))
        )
    except (OSError, IndexError, ValueError):
        return None
    finally:
        os.close(fd)


def _ancestor(pid: int, seen: Mapping[int, _Stat], workers: Container[int]) -> int | None:
    """Return the worker from which a process descends."""
    passed: set[int] = set()
    while pid in seen and pid not in passed:
        if pid in workers:
            return pid
        passed.add(pid)
        pid = seen[pid].parent
    return None


def exact(taken: Taken) -> Taken:
    """Return it with what processes share counted once."""
    return replace(taken, size=sum(map(_proportional, taken.pids)))


def _proportional(pid: int) -> int:
    """Return a process's memory in bytes, of each page that it shares its part."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_bytes().splitlines():
            if line.startswith(b"Pss:"):
                return int(line.split()[1]) << 10
    # A system without it, or a process of another user.
    return resident(pid)

"""What a worker that has ended has left running: killed, and waited for until it is gone.

A process that was killed goes on for a while: its threads end one after the other, and its driver
takes the device's memory back. Nobody else is to get the worker's place in that time.
"""

from __future__ import annotations

import contextlib
import os
import select
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import psutil

from hptui.domain.resources import show_place
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.engine.run.clock import now
from hptui.engine.workers.machine.places import spell_cores
from hptui.engine.workers.machine.processes import kill_all, orphans_of

if TYPE_CHECKING:
    from hptui.engine.workers.machine.places import Place

_LIMIT_S: Final = 10.0
"""What a killed process may take to end; longer takes one that hangs in a driver or on a disk."""
_LOOK_S: Final = 0.02
_MAX_NAMED: Final = 3


@dataclass(slots=True, eq=False)
class OrphanedProcesses:
    """The processes that are left of one worker.

    Args:
        session: The worker's process id, which is its session's.
        mark: What the environment of its processes holds.
        known: Those that it was known to have started.
        place: What it has had for itself.
        began_s: When it ended, by the engine's clock.
    """

    session: int
    mark: str
    known: list[psutil.Process]
    place: Place | None
    began_s: float
    due_s: float = 0.0
    """When to look again."""
    _left: dict[psutil.Process, int | None] = field(
        default_factory=dict[psutil.Process, "int | None"]
    )
    """Each with a descriptor that tells when it has ended, where the system has such."""

    @property
    def until_s(self) -> float:
        """When it is waited for no longer."""
        return self.began_s + _LIMIT_S

    def is_gone(self) -> bool:
        """Kill what is left, and say whether nothing is."""
        found = [*self.known, *orphans_of(self.session, self.mark)]
        # Once it is held by a descriptor no other process is taken for it.
        self.known = []
        for each in found:
            if each not in self._left and each.is_running():
                self._left[each] = _pidfd(each)
        kill_all(found)
        for process, fd in list(self._left.items()):
            if _has_ended(process, fd):
                self._drop(process)
        self.due_s = min(self.until_s, now() + _LOOK_S)
        return not self._left

    def give_up(self) -> list[str]:
        """Wait no longer; return a sentence on what has not ended, where something has not."""
        left = list(self._left)
        for process in left:
            self._drop(process)
        if not left:
            return []
        named = ", ".join(map(_named, left[:_MAX_NAMED]))
        more = f" and {len(left) - _MAX_NAMED} more" if len(left) > _MAX_NAMED else ""
        what = plural(len(left), "process", "processes")
        place = self.place
        where = "" if place is None else show_place(place.devices, spell_cores(place.cores))
        return [
            f"{what} of a worker that has ended did not end within {_LIMIT_S:g} s of being killed: "
            f"{named}{more}. The next worker starts anyway{where and f' on {where}'}, and "
            "may find too little memory."
        ]

    def _drop(self, process: psutil.Process) -> None:
        fd = self._left.pop(process)
        if fd is not None:
            os.close(fd)
        with contextlib.suppress(ChildProcessError, psutil.Error):
            if process.is_running():
                # Where this process has adopted it, no zombie stays.
                os.waitpid(process.pid, os.WNOHANG)


def _has_ended(process: psutil.Process, fd: int | None) -> bool:
    if fd is not None:
        # Unlike its state it tells of all threads.
        poller = select.poll()
        poller.register(fd, select.POLLIN)
        return bool(poller.poll(0))
    with contextlib.suppress(psutil.Error):
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    return True


def _pidfd(process: psutil.Process) -> int | None:
    with contextlib.suppress(OSError, AttributeError):
        return os.pidfd_open(process.pid)
    return None


def _named(process: psutil.Process) -> str:
    name = ""
    with contextlib.suppress(psutil.Error):
        name = f" ({safe_line(process.name(), max_chars=40)})"
    return f"{process.pid}{name}"

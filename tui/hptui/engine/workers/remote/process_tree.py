"""All that a worker has started, found in `/proc` without psutil, and ended.

An agent runs where Optuna may be all that is installed.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

_LOOK_S: Final = 0.02
_MAX_NAMED: Final = 3


def owned_by(session: int, mark: str) -> set[int]:
    """Return the living processes of a worker: of its session, below it, and with its mark.

    Args:
        session: The worker's process id, which is its session's; it may have ended.
        mark: What the environment of its processes holds, and that of no other worker's.
    """
    sought = os.fsencode(mark)
    parents: dict[int, int] = {}
    found: set[int] = set()
    own = os.getpid()
    for name in os.listdir("/proc"):  # noqa: PTH208 - often, while something ends
        if not name.isdecimal() or int(name) == own:
            continue
        with contextlib.suppress(OSError, ValueError, IndexError):
            told = Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()
            if told[0] in (b"Z", b"X"):
                continue
            parents[int(name)] = int(told[1])
            if (
                int(name) == session
                or int(told[3]) == session
                or sought in Path(f"/proc/{name}/environ").read_bytes()
            ):
                found.add(int(name))
    while more := {pid for pid, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def signal_worker(pid: int, number: signal.Signals) -> None:
    """Send a signal to a worker and its group; before it has settled it leads none."""
    for send in (os.killpg, os.kill):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            send(pid, number)


def end_all(
    session: int, mark: str, limit_s: float, *, keep: Callable[[], Collection[int]] = set
) -> list[str]:
    """Kill all processes of a worker, and wait until they are gone.

    Args:
        session: The worker's process id.
        mark: What the environment of its processes holds.
        limit_s: How long to wait.
        keep: Processes that are spared.

    Returns:
        Names and numbers of some that have not ended by then; one hangs in a driver or on a disk.
    """
    deadline_s = time.monotonic() + limit_s
    while True:
        left = owned_by(session, mark) - set(keep())
        for pid in left:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)
        _collect(left)
        if not left:
            return []
        if time.monotonic() >= deadline_s:
            return [_named(pid) for pid in sorted(left)[:_MAX_NAMED]]
        time.sleep(_LOOK_S)


def _collect(pids: Collection[int]) -> None:
    """Collect those that this process has adopted, so that no zombie stays."""
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def _named(pid: int) -> str:
    with contextlib.suppress(OSError):
        return f"{pid} ({Path(f'/proc/{pid}/comm').read_text(errors='replace').strip()})"
    return str(pid)

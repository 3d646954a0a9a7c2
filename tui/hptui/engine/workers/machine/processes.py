"""Processes: what is alive, whose it is, and how it is ended with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
from pathlib import Path
from typing import Any, Final

import psutil

from hptui.domain.safe_path import without_folder_on_path

ENDING_SIGNALS: Final = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGALRM,
    signal.SIGVTALRM,
    signal.SIGPROF,
    signal.SIGXCPU,
)
"""What ends a program that does not take it: from people, batch systems and limits."""


def descendants(pid: int) -> list[psutil.Process]:
    """Return the living descendants of `pid`."""
    # Without free descriptors nothing can be seen.
    with contextlib.suppress(psutil.Error, OSError):
        return psutil.Process(pid).children(recursive=True)
    return []


def orphans_of(session: int, mark: str) -> list[psutil.Process]:
    """Return what a worker that has died leaves to this process, which has adopted it.

    Args:
        session: The worker's process id, and so its session's.
        mark: What the environment of its processes holds, and that of no other worker's.
    """
    left: list[psutil.Process] = []
    for pid in _own_children():
        with contextlib.suppress(psutil.Error, OSError):
            if pid != session and (os.getsid(pid) == session or _has_mark(pid, mark)):
                child = psutil.Process(pid)
                left += [child, *child.children(recursive=True)]
    return left


def _own_children() -> list[int]:
    """Return the process ids of this process's children."""
    try:
        # The other way goes through all processes of the machine.
        lists = [each.read_bytes() for each in Path("/proc/self/task").glob("*/children")]
        if lists:
            return [int(pid) for listed in lists for pid in listed.split()]
    except OSError:
        # A thread has just ended, or the system has no such lists.
        pass
    with contextlib.suppress(psutil.Error, OSError):
        return [each.pid for each in psutil.Process().children()]
    return []


def _has_mark(pid: int, mark: str) -> bool:
    with contextlib.suppress(OSError):
        return os.fsencode(mark) in Path(f"/proc/{pid}/environ").read_bytes()
    return False


def describe_exit(code: int | None) -> str:
    """Return how a process ended in words."""
    if code is None:
        return "its pipes were closed"
    if code >= 0:
        return f"exit code {code}"
    with contextlib.suppress(ValueError):
        number = signal.Signals(-code)
        likely = ", likely out of memory" if number is signal.SIGKILL else ""
        return f"{number.name}{likely}"
    return f"signal {-code}"


def signal_group(pgid: int, number: signal.Signals) -> None:
    """Send a signal to a process group that one of our workers leads."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pgid, number)


def kill_all(processes: list[psutil.Process]) -> None:
    """Kill processes (psutil checks that a pid still belongs to the same process)."""
    for process in processes:
        with contextlib.suppress(psutil.Error, OSError):
            process.kill()


WORKER_VARIABLE: Final = "HPTUI_WORKER"
"""What the processes of a worker are known by when it is gone: each worker has its own value."""

REPORT_VARIABLE: Final = "HPTUI_REPORT"
"""Where a command's program may tell its metrics: in the private folder of its engine."""


def _trackers() -> list[Any]:
    from multiprocessing import resource_tracker

    from joblib.externals.loky.backend import (  # pyright: ignore[reportMissingTypeStubs]
        resource_tracker as loky_tracker,
    )

    return [each._resource_tracker for each in (resource_tracker, loky_tracker)]  # pyright: ignore


def start_trackers() -> None:
    """Start the resource trackers of this process so that only its own end ends them.

    A signal for the whole group, as a terminal that closes sends it, would do so before, and
    libraries would warn of it while the run ends in order.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, ENDING_SIGNALS)
    try:
        with without_folder_on_path():
            for tracker in _trackers():
                tracker.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def tracker_pids() -> set[int]:
    """Return the resource trackers of this process, which live as long as it does."""
    pids = [getattr(each, "_pid", None) for each in _trackers()]
    return {pid for pid in pids if isinstance(pid, int)}


def wait_for(left: list[psutil.Process]) -> None:
    """Collect killed processes that this process has adopted, so that no zombie stays."""
    psutil.wait_procs(left, timeout=2)

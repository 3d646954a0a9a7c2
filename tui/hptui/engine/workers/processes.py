"""Processes: what is alive, whose it is, and how it is ended with all it started."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
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

_GUARDIAN = """
import os, signal, shutil, sys
groups = set()
mark = os.fsencode("HPTUI_REPORT=" + sys.argv[1] + "/")

def owned():
    # All that descends from the workers, is in their sessions, or has the mark of this engine.
    parents, found = {}, set(groups)
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open("/proc/" + name + "/stat", "rb") as stream:
                state, parent, _, session = stream.read().rpartition(b")")[2].split()[:4]
            if state == b"Z": continue
            parents[int(name)] = int(parent)
            if int(session) in groups: found.add(int(name))
            with open("/proc/" + name + "/environ", "rb") as stream:
                if mark in stream.read(): found.add(int(name))
        except (OSError, ValueError): pass
    while True:
        more = {pid for pid, parent in parents.items() if parent in found} - found
        if not more: return found - groups - {os.getpid()}
        found |= more

def kill_descendants():
    # Stopped, a worker starts nothing new and keeps what its descendants leave behind.
    for group in groups:
        try: os.kill(group, signal.SIGSTOP)
        except OSError: pass
    for _ in range(50):
        left = owned()
        if not left: return
        for pid in left:
            try: os.kill(pid, signal.SIGKILL)
            except OSError: pass

for line in sys.stdin:
    word, _, rest = line.strip().partition(" ")
    if word == "add": groups.add(int(rest))
    elif word == "drop": groups.discard(int(rest))
    elif word == "done": sys.exit()
if os.path.isdir("/proc/self"):
    kill_descendants()
for group in groups:
    try: os.killpg(group, signal.SIGKILL)
    except OSError: pass
shutil.rmtree(sys.argv[1], ignore_errors=True)
"""


class Guardian:
    """A tiny process that ends all worker processes when the engine is killed outright.

    A worker that is busy in native code cannot notice that its engine is gone; the kernel closes
    the engine's end of this pipe, whatever happened to the engine.
    """

    def __init__(self, runtime_folder: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _GUARDIAN, str(runtime_folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            cwd="/",
            text=True,
        )
        self.pid = self._process.pid

    def _tell(self, line: str) -> None:
        if self._process.stdin is not None:
            with contextlib.suppress(OSError, ValueError):
                self._process.stdin.write(line + "\n")
                self._process.stdin.flush()

    def add(self, pgid: int) -> None:
        """Watch over the process group `pgid`."""
        self._tell(f"add {pgid}")

    def drop(self, pgid: int) -> None:
        """Forget a group that has ended."""
        self._tell(f"drop {pgid}")

    def dismiss(self) -> None:
        """End the guardian; nothing is killed."""
        self._tell("done")
        if self._process.stdin is not None:
            with contextlib.suppress(OSError):
                self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


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

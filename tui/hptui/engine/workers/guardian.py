"""A process that ends all that the workers of an engine, or of an agent, have started.

Nothing but the standard library is imported here: agents run where hptui is not installed.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

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

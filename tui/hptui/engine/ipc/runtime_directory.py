"""What an engine needs of the machine: a private folder, a socket in it, and clearing up."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from hptui.engine.workers import processes
from hptui.engine.workers.guardian import Guardian

_MAX_SOCKET_BYTES = 100
"""Addresses of sockets have 104 bytes on macOS and 108 on Linux."""


class RuntimeDirectory:
    """A private folder for one engine, and the processes that are there on its account."""

    def __init__(self) -> None:
        self._folder, self.socket_path = _private_folder()
        self.worker_log = self._folder / "workers.log"
        """What worker processes print outside their trials."""
        self._strangers = {child.pid for child in processes.descendants(os.getpid())}
        self.guardian = Guardian(self._folder)

    def close(self) -> None:
        """End what trials have left behind outside their workers' groups; remove the folder."""
        self.guardian.dismiss()
        known = self._strangers | processes.tracker_pids()
        left = [each for each in processes.descendants(os.getpid()) if each.pid not in known]
        processes.kill_all(left)
        processes.wait_for(left)
        shutil.rmtree(self._folder, ignore_errors=True)


def _private_folder() -> tuple[Path, Path]:
    """Make a folder of mode 0700 and return it with the path of a socket in it."""
    for place in (None, "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix="hptui-", dir=place))
        socket = folder / "engine.sock"
        if len(os.fsencode(socket)) <= _MAX_SOCKET_BYTES:
            break
        folder.rmdir()
    return folder, socket

"""What an engine needs of the machine: a private folder, a socket in it, and clearing up."""

from __future__ import annotations

import os
import shutil

from hptui.engine.ipc.socket_folder import make_socket_folder
from hptui.engine.workers.guardian import Guardian
from hptui.engine.workers.machine import processes


class RuntimeDirectory:
    """A private folder for one engine, and the processes that are there on its account."""

    def __init__(self) -> None:
        self._folder = make_socket_folder("hptui-")
        self.socket_path = self._folder / "engine.sock"
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

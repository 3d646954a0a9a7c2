"""A worker process of another Python: started as a program, where loky may be missing."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.engine.ipc.protocol import Message, WorkerLink

if TYPE_CHECKING:
    from collections.abc import Mapping


class WorkerProgram:
    """A process that serves trials; stands for loky's executor and for the process in it.

    Args:
        command: The words that start this module in the other Python.
        environment: All its variables.
        config: See `worker_loop.run_host`.

    Raises:
        OSError: It cannot be started.
    """

    def __init__(self, command: list[str], environment: Mapping[str, str], config: Message) -> None:
        # Whoever sees command lines must not see its token.
        with tempfile.TemporaryFile() as given:
            given.write(json.dumps(config).encode("ascii"))
            given.seek(0)
            self.sentinel, writer = os.pipe()
            try:
                self._process = subprocess.Popen(
                    command,
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    env=environment,
                    pass_fds=(writer,),
                )
            except BaseException:
                os.close(self.sentinel)
                raise
            finally:
                os.close(writer)
        self.pid = self._process.pid

    @property
    def exitcode(self) -> int | None:
        """None while it runs; below zero the signal that ended it."""
        return self._process.poll()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait for its end."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout_s)

    def shutdown(self, *, wait: bool = True, kill_workers: bool = False) -> None:
        """Let go of it, as loky's executor does."""
        if kill_workers:
            self._process.kill()
        if wait:
            self._process.wait()
            if self.sentinel >= 0:
                os.close(self.sentinel)
                self.sentinel = -1


def main() -> None:
    """Serve trials as standard input says; where Optuna cannot be imported, say so."""
    config: dict[str, Any] = json.load(sys.stdin)
    try:
        from hptui.engine.workers.worker_loop import run_host
    except ImportError as error:
        problem = {
            "message": f"{sys.executable} cannot run workers: {type(error).__name__}: {error}.",
            "hint": "Reinstall Optuna there, or give --python another one.",
            "detail": "",
        }
        hello = {"op": "unready", "token": config["workers"][0], "error": problem}
        WorkerLink(Path(config["socket"]), hello).close()
        return
    run_host(config)


if __name__ == "__main__":
    main()

"""Starts one run of `hptui` after the other from a process that has imported what a run needs.

`python -m tests.e2e.forked_runs` takes an order a line, as JSON, and answers with a pid. What it
starts is a process of its own that does all that `hptui` does once its modules are there.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil
from tests.waiting import DEADLINE_S

from hptui.cli import main

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

ROOT = Path(__file__).parents[2]
OF_A_RUN = (
    "joblib.externals.loky",
    "optuna.pruners",
    "optuna.samplers",
    "hptui.cli.run",
    "hptui.engine.engine",
    "hptui.engine.samplers",
)


class Starter:
    """The process that starts runs, seen from the test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(
        self, arguments: Sequence[str], cwd: Path, said: Path, variables: dict[str, str]
    ) -> psutil.Process:
        """Start `hptui` with these arguments; its standard output goes to the file `said`."""
        order = {
            "arguments": arguments,
            "cwd": str(cwd),
            "said": str(said),
            "variables": variables,
        }
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return psutil.Process(int(self._process.stdout.readline()))


@contextmanager
def starter() -> Generator[Starter]:
    """Have a process that starts runs."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.forked_runs"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Starter(process)
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(DEADLINE_S) == 0


def _serve() -> None:
    for module in OF_A_RUN:
        import_module(module)
    signal.signal(signal.SIGCHLD, _bury)
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os._exit(_run(json.loads(line)))
        print(pid, flush=True)


def _bury(*_: object) -> None:
    """Let those that have ended go."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(order: dict[str, Any]) -> int:
    os.chdir(order["cwd"])
    os.environ.update(order["variables"])
    nothing = os.open(os.devnull, os.O_RDONLY)
    said = os.open(order["said"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    os.dup2(nothing, 0)
    os.dup2(said, 1)
    os.closerange(3, 64)
    return main(order["arguments"])


if __name__ == "__main__":
    _serve()

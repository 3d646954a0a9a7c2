"""Runs the `optuna` command: several command lines in one process, which imports Optuna once.

`python optuna_command.py` reads a list of argument lists as JSON and prints what each said.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from optuna.cli import main

if TYPE_CHECKING:
    from pathlib import Path


def optuna_command(study_file: Path, *lines: tuple[str, ...]) -> list[Any]:
    """Run the command lines one after another on a file; returns what each printed, as JSON."""
    # Here, since the program below is started where there is no package `tests`.
    from tests.waiting import DEADLINE_S

    ends = ("--storage", f"sqlite:///{study_file}")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", __file__],
        input=json.dumps([[*line, *ends] for line in lines]),
        capture_output=True,
        text=True,
        timeout=DEADLINE_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    return [json.loads(each) if each.startswith(("{", "[")) else each for each in said]


def _run(arguments: list[str]) -> str:
    sys.argv = ["optuna", *arguments]
    with contextlib.redirect_stdout(io.StringIO()) as said:
        assert main() == 0, arguments
    return said.getvalue().strip()


if __name__ == "__main__":
    print(json.dumps([_run(each) for each in json.load(sys.stdin)]))

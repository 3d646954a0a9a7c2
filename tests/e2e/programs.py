"""Runs the real program in a folder of its own."""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
import threading
from functools import cache
from pathlib import Path
from typing import Any

import optuna
from tests.e2e.forked_runs import Starter
from tests.waiting import DEADLINE_S
from tests.waiting import wait_until as wait_until

OBJECTIVES = Path(__file__).with_name("objectives_for_runs.py")


def places_in(folder: Path) -> dict[str, str]:
    """Return the environment variables with which `hptui` keeps to a folder."""
    return {
        "HPTUI_STUDIES": str(folder),
        "XDG_STATE_HOME": str(folder / ".state"),
        "XDG_CACHE_HOME": str(folder / ".cache"),
    }


def start(*arguments: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start `hptui` with these arguments, and with more environment variables.

    It is forked, as by `run`; only its command line is not that of an `hptui`.
    """
    places = {**places_in(cwd), "PYTHONUNBUFFERED": "1"}
    return starter().begin(arguments, cwd, {**places, **variables})


def start_anew(*arguments: str, cwd: Path, **variables: str) -> subprocess.Popen[str]:
    """Start `hptui` in an interpreter of its own, which starts its workers likewise.

    It is for tests of how processes start, end, and look to the code that runs in them.
    """
    environment = {**os.environ, **places_in(cwd), "PYTHONUNBUFFERED": "1", **variables}
    return subprocess.Popen(
        [sys.executable, "-m", "hptui", *arguments],
        cwd=cwd,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, cwd: Path, **variables: str) -> tuple[int, str, str]:
    """Run `hptui` to its end: exit code, standard output, standard error.

    It is forked from a process that has its modules; `start_anew` is for a new interpreter.
    """
    return starter().run(arguments, cwd, {**places_in(cwd), **variables})


def run_anew(*arguments: str, cwd: Path, **variables: str) -> tuple[int, str, str]:
    """Run `hptui` to its end as `start_anew` starts it."""
    process = start_anew(*arguments, cwd=cwd, **variables)
    out, err = process.communicate(timeout=DEADLINE_S)
    return process.returncode, out, err


@cache
def starter() -> Starter:
    """Return the process from which programs are forked; it ends with this one."""
    made = Starter()
    atexit.register(made.close)
    return made


def rest_of(process: subprocess.Popen[str]) -> tuple[str, str]:
    """Return what a program still says, to its end: `communicate` forgets lines read ahead."""
    assert process.stdout is not None
    assert process.stderr is not None
    late = threading.Timer(DEADLINE_S, process.kill)
    late.start()
    with process:
        out, err = process.stdout.read(), process.stderr.read()
    late.cancel()
    return out, err


def events(out: str) -> list[dict[str, Any]]:
    """Return the JSON objects of `--json` output; every line must be one."""
    return [json.loads(line) for line in out.splitlines()]


def trials_of(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events that announce a trial."""
    return [each for each in told if each["event"] == "trial"]


def load(cwd: Path, name: str, study: str = "") -> optuna.Study:
    """Load a study with plain Optuna; without its name the one that is called like the file."""
    return optuna.load_study(study_name=study or name, storage=f"sqlite:///{cwd / name}.db")


def finish(process: subprocess.Popen[str]) -> int:
    """Wait for a program's end and return its exit code."""
    process.communicate(timeout=DEADLINE_S)
    return process.returncode

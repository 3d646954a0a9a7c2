"""Modules in the working folder that are called like those that hptui and its libraries need."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Final

import pytest
from tests.e2e.programs import places_in
from tests.waiting import DEADLINE_S, wait_until

from hptui.engine.ipc.client import running_engine

if TYPE_CHECKING:
    from pathlib import Path

NAMES: Final = sys.stdlib_module_names | packages_distributions().keys() | {"sitecustomize"}
DECOY: Final = """
with open({mark!r}, "a") as marks:
    marks.write({name!r} + "\\n")
raise ImportError("a decoy")
"""
OBJECTIVE: Final = """
def objective(trial):
    return trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 0, 3)
"""
START: Final = """
import sys
from hptui.cli import main
while "+" in sys.argv:
    rest = sys.argv[sys.argv.index("+") + 1 :]
    del sys.argv[sys.argv.index("+") :]
    if main():
        sys.exit(1)
    sys.argv[1:] = rest
sys.exit(main())
"""
"""Does one command after the other, which a `+` divides."""
DRIVEN: Final = 'wait "one" 100s\npress r\nwait "found by" 100s\npress q\n'
"""The set-up of a study's next run, which probes the objective."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder full of decoys, with an objective; `marks` beside it tells which were imported."""
    folder = tmp_path / "here"
    folder.mkdir()
    for name in NAMES:
        if name.isidentifier():
            code = DECOY.format(mark=str(tmp_path / "marks"), name=name)
            (folder / f"{name}.py").write_text(code)
    (folder / "train.py").write_text(OBJECTIVE)
    # As the installed script, which stands in a folder of its own.
    (tmp_path / "start").mkdir()
    (tmp_path / "start" / "hptui-started.py").write_text(START)
    (tmp_path / "start" / "script").write_text(DRIVEN)
    return folder


def run(folder: Path, *arguments: str) -> str:
    """Run `hptui` in a folder; return what it printed."""
    ended = subprocess.run(
        [sys.executable, str(folder.parent / "start" / "hptui-started.py"), *arguments],
        cwd=folder,
        env={**os.environ, **places_in(folder)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=2 * DEADLINE_S,
    )
    assert ended.returncode == 0, (arguments, ended.stderr)
    return ended.stdout


def imported(folder: Path) -> str:
    """Return the names of the decoys that were imported so far."""
    marks = folder.parent / "marks"
    return marks.read_text() if marks.exists() else ""


def test_no_command_imports_modules_of_the_working_folder(folder: Path) -> None:
    few = ("--trials", "8", "--jobs", "1", "--quiet")
    for command in (
        ("run", "train.py", "--study", "one", *few),
        ("run", "train.py", "--study", "two", "--backend", "threading", *few),
        ("run", "train.py", "--study", "three", "--sampler", "cmaes", "--detach", *few[:4]),
        # The process of the importances is seen before a page is made.
        (
            *("objectives", "train.py", "+", "plot", "one", "importance", "+"),
            *("page", "one", "-o", "p.html", "+", "report", "one", "-o", "r.html", "+"),
            *("export", "one", "e.parquet", "+", "doctor"),
        ),
        ("drive", str(folder.parent / "start" / "script")),
    ):
        run(folder, *command)
        assert not imported(folder), command
    file = folder / "three.db"
    wait_until(lambda: running_engine(file, "three") is None, "the detached run's end")
    assert "not running" in run(folder, "status", "three")
    assert not imported(folder)

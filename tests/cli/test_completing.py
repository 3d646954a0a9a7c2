"""What `tab` completes: asked in the process as a shell asks, and by real shells."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import StudyFile

from hptui.cli.completing import ASKING, complete

if TYPE_CHECKING:
    from pathlib import Path

BASH = """
source "$SCRIPT"
compopt() { :; }
try() {
    COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9 COMPREPLY=()
    _python_argcomplete hptui
    printf '%s|' "${COMPREPLY[@]}"; echo
}
try 'hptui best tr'
try 'hptui best all.db:'
try 'hptui run --sampler nsgaiii --pruner wil'
"""
FISH = """
source $SCRIPT
complete -C 'hptui best tr'
complete -C 'hptui run --sampler nsgaiii --pruner wil'
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with studies, one of which is no study file, and with an objective."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("HPTUI_STUDIES", raising=False)
    place = tmp_path / "studies"
    place.mkdir()
    for name in ("train", "bell\x07"):
        with StudyFile(place / f"{name}.db") as file:
            file.add_study(name)
    with StudyFile(place / "all.db") as file:
        file.add_study("second")
        file.add_study("a b")
    (place / "broken.db").write_text("no study")
    other = tmp_path / "elsewhere"
    other.mkdir()
    with StudyFile(other / "forest.db") as file:
        file.add_study("forest")
    (tmp_path / "objectives").mkdir()
    (tmp_path / "objectives" / "tuned-net.toml").write_text("")
    (tmp_path / "model.py").write_text("raise SystemError('imported')")
    return tmp_path


def completed(line: str, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what a shell is told of a line with the cursor at its end."""
    said = io.StringIO()
    separator = "\v"
    monkeypatch.setenv(ASKING, "1")
    monkeypatch.setenv("_ARGCOMPLETE_IFS", separator)
    monkeypatch.setenv("_ARGCOMPLETE_SHELL", "fish")
    monkeypatch.setenv("_ARGCOMPLETE_SUPPRESS_SPACE", "1")
    monkeypatch.setenv("COMP_LINE", line)
    monkeypatch.setenv("COMP_POINT", str(len(line.encode())))
    complete(exit_method=lambda _: None, output_stream=said)
    return [each for each in said.getvalue().split(separator) if each]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hptui b", ["best"]),
        ("hptui best tr", ["train"]),
        ("hptui best ", ["all.db:a b", "all.db:second", "train"]),
        ("hptui best --studies elsewhere ", ["forest"]),
        ("hptui jobs tr", ["train"]),
        ("hptui plot train --with tr", ["train"]),
        ("hptui plot train ed", ["edf"]),
        ("hptui plot train --evaluator f", ["fanova"]),
        ("hptui plot train --log --width 90 ed", ["edf"]),
        ("hptui plot --log train ed", ["edf"]),
        ("hptui plot train --log --with tr", ["train"]),
        ("hptui show --json tr", ["train"]),
        ("hptui best train --p", ["--python"]),
        ("hptui run mod", ["model.py"]),
        ("hptui run tun", ["tuned-net"]),
        ("hptui run digits-m", ["digits-mlp"]),
        ("hptui run model.py --direction max", ["maximize"]),
        ("hptui run --sampler qm", ["qmc"]),
        ("hptui run --sampler=qm", ["--sampler=qmc"]),
        ("hptui run model.py --trials ", []),
        ("hptui run --metric x -- python mod", ["model.py"]),
        ("hptui samplers bru", ["bruteforce"]),
        ("hptui help exit", ["exit-codes"]),
        ("hptui completion f", ["fish"]),
        ("hptui best --studies els", ["elsewhere/"]),
        ("hptui nonsense ", []),
    ],
)
def test_a_line_is_completed(line: str, words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assert sorted(completed(line, monkeypatch)) == words


def test_the_first_word_is_a_command_or_what_the_application_opens(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert {"run", "help", "train", "all.db:second"} < set(completed("hptui ", monkeypatch))
    assert "jobs" not in completed("hptui ", monkeypatch)
    assert completed("hptui tr", monkeypatch) == ["trials", "train"]
    monkeypatch.chdir(folder / "studies")
    assert completed("hptui ../elsewhere/f", monkeypatch) == ["../elsewhere/forest.db"]
    (folder / "elsewhere" / "fit.py").write_text("")
    files = ["../elsewhere/fit.py", "../elsewhere/forest.db"]
    assert sorted(completed("hptui ../elsewhere/f", monkeypatch)) == files


def _said_by(shell: str, script: str, folder: Path) -> list[str]:
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    hptui = folder / "bin" / "hptui"
    hptui.parent.mkdir()
    hptui.write_text(f'#!/bin/sh\nexec {sys.executable} -m hptui "$@"\n')
    hptui.chmod(0o755)
    source = folder / "completion"
    path = os.pathsep.join([str(hptui.parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "SCRIPT": str(source)}
    arguments = [str(hptui), "completion", shell]
    source.write_bytes(subprocess.run(arguments, capture_output=True, check=True).stdout)
    done = subprocess.run(
        [program, "-c", script], cwd=folder, env=environment, capture_output=True, check=True
    )
    return done.stdout.decode().splitlines()


def test_bash_completes(folder: Path) -> None:
    # After a colon bash has a new word, which is what is completed.
    one, held, other = (set(line.strip("|").split("|")) for line in _said_by("bash", BASH, folder))
    assert (one, held, other) == ({"train"}, {"second", r"a\ b"}, {"wilcoxon"})


def test_fish_completes(folder: Path) -> None:
    said = [line.partition("\t")[0].strip() for line in _said_by("fish", FISH, folder)]
    assert said == ["train", "wilcoxon"]

"""Runs what stands in a page as it is printed, but with few trials, in a folder of its own."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from tests.docs.pages import ROOT, Block, blocks_of
from tests.e2e.ask_starter import VARIABLE
from tests.e2e.programs import places_in, starter
from tests.storage.study_file import StudyFile
from tests.waiting import DEADLINE_S

from hptui.cli.main import COMMANDS

if TYPE_CHECKING:
    from pathlib import Path

QUICK: Final = ROOT / "tests/docs/quick_train.py"
"""Has the parameters of the README's function, and takes no time."""
COMMAND_LANGUAGES: Final = ("sh", "console")
UNTRIED_LANGUAGES: Final = ("text",)
_ASKING: Final = str(ROOT / "tests/e2e/ask_starter.py")
_CRITERION: Final = (
    '{"name": "CategoricalDistribution", "attributes": {"choices": ["gini", "entropy"]}}'
)
_INT: Final = (
    '{"name": "IntDistribution", "attributes": {"log": %s, "step": 1, "low": %d, "high": %d}}'
)
_TREES: Final = _INT % ("true", 5, 100)
_DEPTH: Final = _INT % ("false", 1, 12)


def commands_of(code: str) -> list[str]:
    """Return the lines of a block that are commands; `$ ` begins them where output follows."""
    lines = code.splitlines()
    if any(line.startswith("$ ") for line in lines):
        return [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in lines if line.strip() and not line.startswith(" ")]


def with_few_trials(command: str) -> str:
    """Return a command whose run, where it waits for its end, has four trials."""
    if not command.startswith("hptui run ") or "--detach" in command:
        return command
    bare = re.sub(r" --trials \d+", "", command)
    return bare.replace("hptui run", "hptui run --trials 4", 1)


def require_understood(command: str) -> None:
    """Require that a command line of hptui is one that the program takes, without running it."""
    from tests.docs.page_blocks import parser_of

    words = shlex.split(command, comments=True)
    assert words[0] == "hptui", command
    own = words[1 : words.index("--")] if "--" in words else words[1:]
    parser_of(COMMANDS[own[0]]).parse_intermixed_args(own[1:])


class Page:
    """The blocks of a page, each of which is to be tried once."""

    def __init__(self, name: str, folder: Path, programs: Path) -> None:
        self.folder = folder
        self._programs = programs
        self._left = [each for each in blocks_of(name) if each.language not in UNTRIED_LANGUAGES]

    def take(self, text: str = "", *languages: str) -> str:
        """Return the next block, of all or of these languages, that has this text."""
        for block in self._left:
            if text in block.code and (not languages or block.language in languages):
                self._left.remove(block)
                return block.code
        raise AssertionError(f"no block with {text!r} is left")

    def left(self) -> list[Block]:
        """Return what has not been tried yet."""
        return list(self._left)

    def write(self, file: str, text: str = "") -> None:
        """Write the next block that is no command, and has this text, into a file."""
        path = self.folder / file
        path.parent.mkdir(exist_ok=True)
        others = {each.language for each in self._left} - {*COMMAND_LANGUAGES}
        path.write_text(self.take(text, *others))

    def give_block(self, text: str = "", **words: str) -> list[str]:
        """Give the commands of the next block with this text; return what each says.

        Args:
            text: Part of the block.
            words: What stands for words of the block, as in `STUDY="train"`.
        """
        said: list[str] = []
        for command in commands_of(self.take(text, *COMMAND_LANGUAGES)):
            for word, other in words.items():
                command = re.sub(rf"\b{word}\b", other, command)
            said.append(self.give(with_few_trials(command)))
        return said

    def give_rest(self) -> list[str]:
        """Give the commands of all blocks that are left; return what each says."""
        said: list[str] = []
        while any(each.language in COMMAND_LANGUAGES for each in self._left):
            said += self.give_block()
        return said

    def give(self, command: str) -> str:
        """Give one command, which must succeed, and return what it says."""
        scripts = os.path.dirname(sys.executable)
        path = os.pathsep.join([str(self._programs), scripts, os.environ["PATH"]])
        places = {**places_in(self.folder), VARIABLE: starter().address}
        # One core, and so one worker for a run that says nothing else.
        given = {"PATH": path, "EDITOR": "true", "LOKY_MAX_CPU_COUNT": "1"}
        done = subprocess.run(
            ["/bin/sh", "-c", command],
            cwd=self.folder,
            env={**os.environ, **places, **given},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            check=False,
        )
        assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done.stdout

    def make(self, *names: str, n_trials: int = 20) -> None:
        """Make studies as runs of the README's function leave them."""
        for name in names:
            with StudyFile(self.folder / f"{name}.db") as file:
                target = {"kind": "file", "target": str(self.folder / "train.py")}
                objective = {**target, "attribute": "objective", "name": "train.py"}
                file.add_study(name, hptui_study={"token": name, "objective": objective})
                for i in range(n_trials):
                    params = {"trees": (5.0 + i, _TREES), "depth": (1.0 + i % 12, _DEPTH)}
                    params["criterion"] = (i % 2, _CRITERION)
                    file.add_trial(i / n_trials + (len(name) + ord(name[-1])) / 1e3, params=params)


def page(name: str, place: Path) -> Page:
    """Return a page in a folder that stands for a person's, where `hptui` is a command."""
    folder, programs = place / "folder", place / "programs"
    folder.mkdir()
    programs.mkdir()
    hptui = programs / "hptui"
    # Isolated and without site, a Python that only asks is there at once.
    hptui.write_text(f'#!/bin/sh\nexec {shlex.join([sys.executable, "-IS", _ASKING])} "$@"\n')
    hptui.chmod(0o755)
    (folder / "train.py").write_text(QUICK.read_text())
    return Page(name, folder, programs)

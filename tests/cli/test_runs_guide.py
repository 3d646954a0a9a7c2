"""The examples of the guide on preparing and following runs say what is printed there."""

from __future__ import annotations

import re
from typing import Final

from tests.cli.test_readme_runs import FENCED, ROOT, Shell, shell
from tests.e2e.programs import load

assert shell, "a fixture of this module, too"

GUIDE: Final = ROOT / "tui/docs/guides/runs.md"
_CHANCE: Final = re.compile(r"\d+ trials kept, \d+ set aside")
"""What the first trials have drawn differs."""


def test_the_guide_runs(shell: Shell) -> None:
    for language, block in FENCED.findall(GUIDE.read_text("utf-8")):
        if language == "python":
            (shell.folder / "curve.py").write_text(block)
        elif language == "console":
            for command, said in re.findall(r"^\$ (.+)\n((?:[^$].*\n?)*)", block, re.MULTILINE):
                told = shell.give(f"{command} 2>&1")
                for line in said.splitlines():
                    assert _CHANCE.sub("", line) in _CHANCE.sub("", told), command
        else:
            shell.give_all(block)
    trials = load(shell.folder, "curve").trials
    assert trials[4].params == {"x": 2.5, "kind": "near"}
    assert len(trials) == 4 + 3 + 4
    assert {trial.params["kind"] for trial in trials[4:]} == {"near"}

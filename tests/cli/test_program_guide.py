"""The examples of the guide on programs run as they are printed, but with few trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.cli.test_readme_runs import FENCED, ROOT, Shell, commands_of, shell
from tests.e2e.programs import load

if TYPE_CHECKING:
    from pathlib import Path

assert shell, "a fixture of this module, too"

GUIDE: Final = ROOT / "tui/docs/guides/program.md"


def test_the_guide_runs(shell: Shell) -> None:
    folder: Path = shell.folder
    files = {"python": "net.py", "toml": "objectives/tuned-net.toml"}
    (folder / "objectives").mkdir()
    runs: list[str] = []
    for language, block in FENCED.findall(GUIDE.read_text("utf-8")):
        if language in files:
            (folder / files[language]).write_text(block)
        else:
            runs += commands_of(block)
    for command in runs:
        shell.give(command)
    for name in ("net", "shaped", "all", "least", "reported", "lines", "tuned-net"):
        states = [each.state.name for each in load(folder, name).trials]
        assert len(states) == 4, name
        assert set(states) <= {"COMPLETE", "PRUNED"}, name

"""The examples of the guide on objectives run as they are printed, but with few trials."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.cli.test_readme_runs import FENCED, ROOT, Shell, commands_of, shell
from tests.e2e.programs import load

if TYPE_CHECKING:
    from pathlib import Path

assert shell, "a fixture of this module, too"

GUIDE: Final = ROOT / "tui/docs/guides/objective.md"


def test_the_guide_runs(shell: Shell) -> None:
    folder: Path = shell.folder
    (folder / "lab").mkdir()
    (folder / "lab/data.py").write_text("ROWS = [1, 2, 3]\n")
    files = iter(("train.py", "lab/train.py"))
    said: list[str] = []
    for language, block in FENCED.findall(GUIDE.read_text("utf-8")):
        if language == "python":
            (folder / next(files)).write_text(block)
        else:
            said += [shell.give(command) for command in commands_of(block)]
    listed = next(each for each in said if "argument" in each)
    assert "must be given" in listed
    assert "Literal['sum', 'max']" in listed
    assert "losses.json   application/json" in said[-2]
    trials = load(folder, "train").trials
    assert len(trials) == 8
    assert {each.user_attrs["rows"] for each in trials if each.state.name == "COMPLETE"} == {2}
    assert all(each.values[0] >= 13 for each in load(folder, "lab").trials)

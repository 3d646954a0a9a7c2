"""The examples of the guide on samplers of one's own run as they are printed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from tests.cli.test_readme_runs import FENCED, ROOT, Shell, commands_of, shell
from tests.e2e.programs import load, run

if TYPE_CHECKING:
    from pathlib import Path

assert shell, "a fixture of this module, too"

GUIDE: Final = ROOT / "tui/docs/guides/sampler.md"


def test_the_guide_runs(shell: Shell) -> None:
    folder: Path = shell.folder
    said: list[str] = []
    for language, block in FENCED.findall(GUIDE.read_text("utf-8")):
        if language == "python":
            (folder / "mine.py").write_text(block)
        elif language == "console":
            said += [shell.give(command) for command in commands_of(block)]
    assert "width=0.5" in said[0]
    trials = load(folder, "mine").trials
    assert [each.params["x"] for each in trials[:3]] == [-1.0, 1.0, -0.3999999999999999]
    assert {each.state.name for each in trials} <= {"COMPLETE", "PRUNED"}
    assert any("Impatient" in str(each.system_attrs.get("hptui:pruned")) for each in trials)

    # Whoever gets the study has not run its sampler yet.
    stranger = folder / "stranger"
    arguments = ("run", "mine.py:objective", "--study", "mine", "--trials", "1")
    code, _, err = run(*arguments, cwd=folder, HOME=str(stranger), XDG_STATE_HOME=str(stranger))
    assert code == 2
    assert "code that you have not run yet" in err
    assert len(load(folder, "mine").trials) == len(trials)

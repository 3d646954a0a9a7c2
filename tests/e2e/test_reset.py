"""Taking back what earlier runs of a study edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.e2e.programs import OBJECTIVES, load, run

if TYPE_CHECKING:
    from pathlib import Path

QUICK = f"{OBJECTIVES}:quick"


def test_edits_of_earlier_runs_can_be_taken_back(tmp_path: Path) -> None:
    common = ["run", QUICK, "--study", "q", "--trials", "1", "-j", "1", "-q"]
    assert run(*common, "--space", "x=0..1", "--fix", "x=0.5", cwd=tmp_path)[0] == 0
    # Relative to what the objective asks, not to what the study holds.
    assert run(*common, "--reset", "x", "--fix", "x=-3", cwd=tmp_path)[0] == 0
    assert run(*common, "--reset", "x", cwd=tmp_path)[0] == 0
    spaces = [str(trial.distributions["x"]) for trial in load(tmp_path, "q").trials]
    assert ["low=0.0" in spaces[0], "low=-5.0" in spaces[1], "low=-5.0" in spaces[2]] == [True] * 3
    code, _, err = run(*common, "--reset", "y", cwd=tmp_path)
    assert (code, "There is no parameter 'y'" in err) == (2, True)

"""What other programs do to a study while a run writes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import OBJECTIVES, events, load, rest_of, start, wait_until

if TYPE_CHECKING:
    from pathlib import Path

WAITING = f"{OBJECTIVES}:waiting"
ASKING = f"{OBJECTIVES}:asking"


@pytest.mark.parametrize("objective", [WAITING, ASKING])
def test_a_trial_that_another_program_finished_keeps_its_end_and_the_run_goes_on(
    tmp_path: Path, objective: str
) -> None:
    arguments = ["run", objective, "--study", "w", "--sampler", "random", "-j", "1", "--json"]
    process = start(*arguments, "--trials", "3", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "a trial started")
    wait_until(lambda: bool(load(tmp_path, "w").trials), "the trial is in the file")
    load(tmp_path, "w").tell(0, state=TrialState.FAIL)
    (tmp_path / "go").touch()
    out, err = rest_of(process)
    assert process.returncode == 0, err
    announced = events(out)
    assert announced[-1]["counts"] == {"complete": 2, "pruned": 0, "fail": 1}
    first = next(each for each in announced if each.get("number") == 0)
    assert (first["state"], first["values"]) == ("fail", None)
    assert first["error"]["message"] == "Another program ended the trial."
    states = [trial.state for trial in load(tmp_path, "w").trials]
    assert states == [TrialState.FAIL, TrialState.COMPLETE, TrialState.COMPLETE]


@pytest.mark.parametrize("is_made_again", [False, True])
def test_a_run_whose_study_another_program_deleted_ends_with_a_sentence(
    tmp_path: Path, is_made_again: bool
) -> None:
    arguments = ["run", WAITING, "--study", "w", "--sampler", "random", "-j", "2", "--json"]
    process = start(*arguments, "--trials", "5", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    wait_until(
        lambda: [len(trial.params) for trial in load(tmp_path, "w").trials] == [1, 1],
        "the trials are in the file",
    )
    storage = f"sqlite:///{tmp_path / 'w'}.db"
    optuna.delete_study(study_name="w", storage=storage)
    if is_made_again:
        again = optuna.create_study(study_name="w", storage=storage)
        again.ask()
        again.ask()
    (tmp_path / "go").touch()
    out, err = rest_of(process)
    assert process.returncode == 1, err
    assert [each["event"] for each in events(out)] == ["started"]
    assert err == ("hptui: Study w, or a trial of it, was deleted by another program.\n")
    if is_made_again:
        trials = load(tmp_path, "w").trials
        assert [trial.state for trial in trials] == [TrialState.RUNNING] * 2
        assert [trial.params for trial in trials] == [{}, {}]

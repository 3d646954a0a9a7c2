"""Trials of an engine that is known to be dead run nowhere; those of all others do."""

from __future__ import annotations

import os
import socket
from dataclasses import replace
from typing import TYPE_CHECKING

import optuna
import pytest
from optuna.trial import TrialState
from tests.leases import leave_lease
from tests.storage.study_file import StudyFile, leave_stale_trial

from hptui.cli.main import main
from hptui.domain.trial_states import RUNNING, STALE
from hptui.engine.recovery import stale_trials
from hptui.engine.recovery.checks import examine_study
from hptui.engine.recovery.lease import Lease, take_lease
from hptui.engine.sampling.to_optuna import to_optuna_study
from hptui.storage.files.leases import boot_id
from hptui.storage.read.studies import list_studies, read_summary
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.read.trial_detail import read_trial

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from optuna.trial import FrozenTrial


@pytest.fixture
def file(tmp_path: Path) -> Generator[StudyFile]:
    with StudyFile(tmp_path / "study.db") as built:
        built.add_study()
        yield built


def _lease(file: StudyFile, run: str = "dead") -> Lease:
    return Lease.of_this_process("study", run, file.path.with_name("socket"))


def _states(file: StudyFile) -> tuple[int, int]:
    """Return how many trials run, and how many are stale, as everything that reads sees it."""
    counts = read_summary(file.path, "study").counts
    seen = counts["RUNNING"], counts["STALE"]
    assert list_studies(file.path)[0].counts == counts
    with StudyReader(file.path, "study") as reader:
        reader.refresh()
        states, numbers = reader.trials.states.tolist(), reader.trials.numbers.tolist()
        assert (states.count(RUNNING), states.count(STALE)) == seen
        # Optuna knows no such state.
        assert {trial.state for trial in to_optuna_study("study", reader.trials).trials} <= {
            TrialState.RUNNING
        }
    details = [read_trial(file.path, "study", number).state for number in numbers]
    assert (details.count("RUNNING"), details.count("STALE")) == seen
    found = examine_study(file.path, "study")
    assert len(found.left) == seen[1]
    return seen


def test_only_trials_of_a_dead_engine_of_this_machine_are_stale(file: StudyFile):
    leave_stale_trial(file)
    assert _states(file) == (0, 1)
    file.add_trial(state="RUNNING")
    file.add_trial(state="RUNNING", attributes={"hptui:run": "unknown"})
    file.add_trial(state="RUNNING", attributes={"hptui:run": ["odd"]})
    assert _states(file) == (3, 1)
    host = socket.gethostname()
    file.run(
        "UPDATE study_system_attributes SET value_json = replace(value_json, ?, 'elsewhere')", host
    )
    assert _states(file) == (4, 0)


def test_a_machine_that_got_another_name_knows_its_own_runs(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as file:
        runs = [{"id": "mine", "host": "before", "boot": boot_id()}, {"id": "b", "host": "before"}]
        file.add_study(hptui_runs=runs)
        for run in runs:
            file.add_trial(state="RUNNING", attributes={"hptui:run": run["id"]})
        assert _states(file) == (1, 1)


def test_a_lease_tells_whether_the_engine_lives(file: StudyFile):
    leave_stale_trial(file)
    own = _lease(file)
    hold = take_lease(file.path, own)
    assert _states(file) == (1, 0)
    hold.release()
    for dead in (replace(own, started="another time"), replace(own, boot="another boot")):
        leave_lease(file.path, dead)
        assert _states(file) == (0, 1)
    # The next run lives, and has not touched what the dead one left.
    take_lease(file.path, _lease(file, "next"))
    assert _states(file) == (0, 1)


def test_a_study_beside_others_in_its_file_has_its_own_lease(file: StudyFile):
    study_id = file.add_study("other", hptui_runs=[{"id": "r", "host": socket.gethostname()}])
    file.add_trial(study_id=study_id, state="RUNNING", attributes={"hptui:run": "r"})
    assert read_summary(file.path, "other").counts["STALE"] == 1
    take_lease(file.path, Lease.of_this_process("other", "r", file.path))
    assert read_summary(file.path, "other").counts["RUNNING"] == 1


def test_whoever_follows_a_study_sees_its_engine_die(file: StudyFile):
    leave_stale_trial(file)
    own = _lease(file)
    hold = take_lease(file.path, own)
    with StudyReader(file.path, "study") as reader:
        assert reader.refresh()
        assert reader.trials.states.tolist() == [RUNNING]
        assert not reader.refresh()
        hold.release()
        leave_lease(file.path, replace(own, started="another time"))
        assert reader.refresh()
        assert reader.trials.states.tolist() == [STALE]
        file.run("UPDATE trials SET state = 'FAIL'")
        assert reader.refresh()
        assert reader.trials.states.tolist() == [TrialState.FAIL.value]


def test_commands_and_filters_call_it_stale(
    file: StudyFile, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    leave_stale_trial(file)
    monkeypatch.chdir(file.path.parent)
    path = os.fspath(file.path)
    for words in (
        ["trials", path],
        ["trials", path, "--json", "--state", "stale"],
        ["trials", path, "--csv", "--filter", "state=stale"],
        ["show", path],
        ["show", path, "0", "--json"],
        ["ls", "--studies", "."],
    ):
        assert main(words) == 0, words
        shown = capsys.readouterr().out
        assert "stale" in shown, words
        assert "running" not in shown.replace("not running", ""), words
    assert main(["trials", path, "--json", "--state", "running"]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("what", ["fail", "requeue"])
def test_a_trial_that_ends_while_stale_ones_are_marked_keeps_its_end(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch, what: str
):
    leave_stale_trial(file)
    leave_stale_trial(file)
    found = stale_trials.stale_trials

    def end_one_meanwhile(study: optuna.Study) -> list[FrozenTrial]:
        trials = found(study)
        file.run("UPDATE trials SET state = 'COMPLETE' WHERE number = 0")
        return trials

    monkeypatch.setattr(stale_trials, "stale_trials", end_one_meanwhile)
    assert stale_trials.settle_stale_trials(file.path, "study", what) == 1
    study = optuna.load_study(study_name="study", storage=f"sqlite:///{file.path}")
    states = [trial.state.name for trial in study.trials]
    assert states == ["COMPLETE", "FAIL", *(["WAITING"] if what == "requeue" else [])]

"""Steering and doctoring from another shell, as a person does it: real programs only."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import OBJECTIVES, finish, load, run, start, wait_until
from tests.ui.feeding import snapshot_of
from tests.waiting import DEADLINE_S

from hptui.engine.ipc.client import ask_engine
from hptui.storage.read.studies import read_summary

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Generator
    from pathlib import Path

WAITING = f"{OBJECTIVES}:waiting"
QUICK = f"{OBJECTIVES}:quick"


@contextmanager
def a_run(folder: Path) -> Generator[subprocess.Popen[str]]:
    """Run the study `w`, whose first trial waits until a file `go` appears."""
    process = start("run", WAITING, "--study", "w", "-j", "1", "--trials", "3", cwd=folder)
    try:
        wait_until(lambda: (folder / "started-0").exists(), "a trial started")
        yield process
    finally:
        (folder / "go").touch()
        finish(process)


@pytest.fixture
def running(tmp_path: Path) -> Generator[subprocess.Popen[str]]:
    with a_run(tmp_path) as process:
        yield process


def said(*arguments: str, cwd: Path) -> str:
    """Run a command that must succeed, and return what it prints."""
    code, out, err = run(*arguments, cwd=cwd)
    assert (code, err) == (0, "")
    return out


def n_with_params(cwd: Path) -> int:
    """Return how many trials have parameters in the file."""
    return sum(bool(trial.params) for trial in load(cwd, "w").trials)


def status(cwd: Path) -> dict[str, Any]:
    return json.loads(said("status", "w", "--json", cwd=cwd))


def test_status_says_what_each_slot_runs(running: subprocess.Popen[str], tmp_path: Path) -> None:
    text = said("status", "w", cwd=tmp_path)
    assert text.startswith("w: running, 0/3")
    assert f"process {running.pid}" in text
    assert "worker 1    trial 0" in text
    answer = status(tmp_path)
    assert (answer["state"], answer["n_trials"], answer["slots"][0]["trial"]) == ("running", 3, 0)


def test_status_has_the_same_keys_at_rest_and_tells_of_the_run_before(tmp_path: Path) -> None:
    with a_run(tmp_path):
        first = status(tmp_path)
        assert (first["trials"]["running"], first["last_run"]) == (1, None)
    at_rest = status(tmp_path)
    assert at_rest.keys() == first.keys()
    assert at_rest["trials"]["complete"] == 3
    for file in ("go", *(f"started-{number}" for number in range(3))):
        (tmp_path / file).unlink(missing_ok=True)
    again = start("run", WAITING, "--study", "w", "-j", "1", "--trials", "1", cwd=tmp_path)
    try:
        wait_until(lambda: (tmp_path / "started-3").exists(), "a trial started")
        second = status(tmp_path)
    finally:
        (tmp_path / "go").touch()
        finish(again)
    assert (second["state"], second["trials"]["complete"]) == ("running", 3)
    assert second["run"] != at_rest["run"]
    assert second["last_run"] == at_rest["last_run"]


def test_what_status_counts_is_in_the_file(running: subprocess.Popen[str], tmp_path: Path) -> None:
    path = tmp_path / "w.db"
    wait_until(lambda: n_with_params(tmp_path) == 1, "the trial is in the file")
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (tmp_path / "go").touch()

        def has_ended() -> bool:
            return ask_engine(path, "w", {"op": "status"})["counts"]["complete"] == 1

        wait_until(has_ended, "the trial has ended, and the file has not taken it")
        told = status(tmp_path)
        assert read_summary(path, "w").counts["COMPLETE"] == 0
        assert (told["counts"]["complete"], told["best"]) == (0, None)
        snapshot = snapshot_of(path, "w")
        assert snapshot.engine is not None
        assert (snapshot.engine.n_ended, snapshot.counts["COMPLETE"]) == (0, 0)
        other.execute("ROLLBACK")
    assert running.pid


def test_pause_and_resume(running: subprocess.Popen[str], tmp_path: Path) -> None:
    assert "Paused" in said("pause", "w", cwd=tmp_path)
    assert status(tmp_path)["state"] == "paused"
    (tmp_path / "go").touch()
    wait_until(lambda: status(tmp_path)["running"] == 0, "the running trial ended")
    assert status(tmp_path)["counts"]["complete"] == 1
    assert said("resume", "w", cwd=tmp_path) == "Running.\n"
    assert finish(running) == 0
    assert len(load(tmp_path, "w").trials) == 3


def test_stop_lets_the_running_trial_end(running: subprocess.Popen[str], tmp_path: Path) -> None:
    assert "1 trial still running" in said("stop", "w", cwd=tmp_path)
    code, _, err = run("resume", "w", cwd=tmp_path)
    assert code == 2
    assert "it cannot be resumed" in err
    (tmp_path / "go").touch()
    assert finish(running) == 0
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.COMPLETE]


def test_stop_now_ends_the_running_trial(running: subprocess.Popen[str], tmp_path: Path) -> None:
    assert "Ending at once" in said("stop", "w", "--now", cwd=tmp_path)
    assert finish(running) == 3
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.FAIL]
    other = ("--study", "w", "--any-objective")
    assert run("run", QUICK, *other, "-j", "1", "--trials", "2", "-q", cwd=tmp_path) == (0, "", "")
    assert len(load(tmp_path, "w").trials) == 3


def test_kill_ends_one_trial_and_only_a_running_one(
    running: subprocess.Popen[str], tmp_path: Path
) -> None:
    code, _, err = run("kill", "w", "7", cwd=tmp_path)
    assert code == 2
    assert "Trial 7 is not running" in err
    assert "Running now: 0" in err
    said("kill", "w", "0", cwd=tmp_path)
    wait_until(lambda: status(tmp_path)["counts"]["fail"] == 1, "the trial was killed")
    (tmp_path / "go").touch()
    assert finish(running) == 0
    shown = said("show", "w", "0", cwd=tmp_path)
    assert "killed" in shown


def test_jobs_enqueue_extend_and_limit(running: subprocess.Popen[str], tmp_path: Path) -> None:
    assert "Trial 1 waits" in said("enqueue", "w", "--params", '{"x": 0.25}', cwd=tmp_path)
    assert said("extend", "w", "--trials", "4", cwd=tmp_path) == "This run now has 7 trials.\n"
    assert said("extend", "w", "--trials", "-2", cwd=tmp_path) == "This run now has 5 trials.\n"
    assert said("limit", "w", "90m", cwd=tmp_path) == "The run ends in 1 h 30 m at the latest.\n"
    assert 5_000 < status(tmp_path)["time_left_s"] <= 5_400
    assert said("limit", "w", "none", cwd=tmp_path) == "The run has no time limit.\n"
    assert "2 workers" in said("jobs", "w", "2", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "a second trial started")
    assert len(status(tmp_path)["slots"]) == 2
    (tmp_path / "go").touch()
    assert finish(running) == 0
    trials = load(tmp_path, "w").trials
    assert len(trials) == 5
    assert trials[1].params == {"x": 0.25}


def test_a_run_says_what_another_program_made_void(tmp_path: Path) -> None:
    process = start("run", WAITING, "--study", "w", "-j", "1", "--trials", "1", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "a trial started")
    wait_until(lambda: n_with_params(tmp_path) == 1, "its parameter is in the file")
    load(tmp_path, "w").tell(0, 7.0)
    (tmp_path / "go").touch()
    _, err = process.communicate(timeout=DEADLINE_S)
    assert "trial 0" in err.lower()
    assert "another program" in err
    assert load(tmp_path, "w").trials[0].value == 7.0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["jobs", "w", "0"], "1 to"),
        (["jobs", "w", "many"], "many"),
        (["extend", "w", "--trials", "0"], "1 trial or more"),
        (["extend", "w"], "--trials"),
        (["limit", "w", "soon"], "not a duration"),
        (["enqueue", "w", "--params", "{"], "not JSON"),
        (["enqueue", "w", "--params", "[1]"], "not a JSON object"),
        (["enqueue", "w", "--params", '{"x": 99}'], "99"),
        (["enqueue", "w", "--params", '{"y": 1}'], "'y'"),
        (["kill", "w", "-1"], "-1"),
        (["doctor", "w", "--fail"], "is being run by process"),
        (["upgrade", "w"], "up to date"),
        (["space", "w", "--space", "x=5..1"], "low"),
    ],
)
def test_a_bad_request_is_refused_and_changes_nothing(
    arguments: list[str], sentence: str, shared: Path
) -> None:
    before = budget_and_trials(shared)
    code, out, err = run(*arguments, cwd=shared)
    assert code in (1, 2)
    assert out == ""
    assert sentence in err
    assert "internal error" not in err
    assert budget_and_trials(shared) == before


def budget_and_trials(folder: Path) -> tuple[int, int]:
    """Return the run's budget, as its engine says it, and how many trials the file has."""
    answer = ask_engine(folder / "w.db", "w", {"op": "status"})
    return answer["n_trials"], len(load(folder, "w").trials)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Generator[Path]:
    """The folder of a run that many tests may talk to, since they change nothing."""
    folder = tmp_path_factory.mktemp("shared")
    with a_run(folder):
        yield folder


@pytest.mark.parametrize(
    "arguments",
    [
        ["pause", "q"],
        ["resume", "q"],
        ["stop", "q"],
        ["kill", "q", "0"],
        ["limit", "q", "1h"],
    ],
)
def test_without_an_engine_there_is_nothing_to_steer(arguments: list[str], ended: Path) -> None:
    code, out, err = run(*arguments, cwd=ended)
    assert (code, out) == (2, "")
    assert "No engine runs q now." in err


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a study that nobody runs."""
    folder = tmp_path_factory.mktemp("ended")
    assert run("run", QUICK, "--study", "q", "-j", "1", "--trials", "1", "-q", cwd=folder)[0] == 0
    return folder


def test_doctor_finds_nothing_in_a_sound_study(ended: Path) -> None:
    assert said("doctor", "q", cwd=ended) == "q: healthy.\n"
    assert run("doctor", "q", "--requeue", cwd=ended)[0] == 2


@pytest.mark.parametrize("remedy", ["--fail", "--requeue"])
def test_doctor_settles_what_a_killed_engine_left(remedy: str, tmp_path: Path) -> None:
    process = start("run", WAITING, "--study", "w", "-j", "2", "--trials", "9", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    wait_until(lambda: n_with_params(tmp_path) == 2, "both are in the file with their parameters")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    psutil.wait_procs(children, timeout=DEADLINE_S)
    assert list(tmp_path.glob("w.hptui/scratch/*"))

    code, out, _ = run("doctor", "w", "--json", cwd=tmp_path)
    found = json.loads(out)
    assert (code, found["healthy"]) == (1, False)
    assert [each["id"] for each in found["findings"]] == ["lease", "leftover"]
    assert [each["number"] for each in found["leftover"]] == [0, 1]
    assert (found["engine"]["pid"], found["engine_is_running"]) == (process.pid, False)
    code, text, _ = run("doctor", "w", cwd=tmp_path)
    assert code == 1
    assert f"process {process.pid}, has died" in text
    assert "2 trials are stale (their engine died): 0, 1, since " in text
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.RUNNING] * 2

    assert "2 marked as failed" in said("doctor", "w", remedy, cwd=tmp_path)
    trials = load(tmp_path, "w").trials
    again = [TrialState.WAITING] * 2 if remedy == "--requeue" else []
    assert [t.state for t in trials] == [TrialState.FAIL] * 2 + again
    assert trials[0].system_attrs["hptui:error"]["kind"] == "died"
    assert not list(tmp_path.glob("w.hptui/scratch/*"))
    assert said("doctor", "w", cwd=tmp_path) == "w: healthy.\n"
    (tmp_path / "go").touch()
    last = ("--study", "w", "-j", "1", "--trials", "2", "-q")
    assert run("run", WAITING, *last, cwd=tmp_path)[0] == 0
    ended = [t for t in load(tmp_path, "w").trials if t.state is TrialState.COMPLETE]
    if remedy == "--requeue":
        assert [t.params for t in ended] == [t.params for t in trials[:2]]
    assert len(ended) == 2


def test_doctor_leaves_other_programs_trials_alone(ended: Path) -> None:
    study = load(ended, "q")
    other = study.ask()
    assert f"left alone: {other.number}" in said("doctor", "q", cwd=ended)
    assert run("doctor", "q", "--fail", cwd=ended)[0] == 2
    assert load(ended, "q").trials[-1].state is TrialState.RUNNING
    study.tell(other, 1.0)

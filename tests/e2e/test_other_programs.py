"""What other programs do to a study while a run writes it."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import optuna
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import OBJECTIVES, events, finish, load, rest_of, run, start, wait_until

from hptui.engine.ipc.protocol import MAX_MESSAGE_BYTES

PLAIN = Path(__file__).with_name("plain_optuna.py")
QUICK = f"{OBJECTIVES}:quick"
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


N_PLAIN, N_EACH = 3, 8


@pytest.mark.parametrize("study", ["q", "other"])
def test_programs_that_write_beside_a_fast_run_get_their_turns(tmp_path: Path, study: str) -> None:
    arguments = ["run", QUICK, "--study", "q", "--sampler", "random", "-j", "2", "-q"]
    assert finish(start(*arguments, "--trials", "1", cwd=tmp_path)) == 0
    storage = f"sqlite:///{tmp_path / 'q'}.db"
    if study != "q":
        optuna.create_study(study_name=study, storage=storage)
    plain = [_start_plain(storage, study) for _ in range(N_PLAIN)]
    for each in plain:
        assert _line_of(each) == "ready"
    process = start(*arguments, "--timeout", "1h", cwd=tmp_path)
    wait_until(lambda: _n_trials_here(tmp_path) > 20, "the run is under way")
    for each in plain:
        assert each.stdin is not None
        each.stdin.write("go\n")
        each.stdin.flush()
    # The first turn may take a while; from then on the file is known to be shared.
    numbers = [int(_line_of(each)) for each in plain]
    before = _n_trials_here(tmp_path)
    numbers += [int(_line_of(plain[0])) for _ in range(N_EACH - 1)]
    n_meanwhile = _n_trials_here(tmp_path) - before
    for each in plain:
        out, err = rest_of(each)
        assert each.returncode == 0, err
        numbers += map(int, out.split())
    process.send_signal(signal.SIGINT)
    _, err = rest_of(process)
    assert process.returncode == 130, err
    # About one for each of another program. Without turns it is some hundred, yet a busy machine
    # slows a run so much that it can be few: tests of `Commits` tell whether there are turns.
    assert n_meanwhile < 50 * N_EACH
    assert len(set(numbers)) == len(numbers) == N_PLAIN * N_EACH
    for name in {"q", study}:
        trials = load(tmp_path, "q", study=name).trials
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert not [trial for trial in trials if not trial.state.is_finished()]


def _start_plain(storage: str, study: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, PLAIN, storage, study, str(N_EACH)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline().strip()
    assert line, rest_of(process)
    return line


def _n_trials_here(folder: Path) -> int:
    """Return how many trials of study `q` are in its file that hptui has run."""
    with closing(sqlite3.connect(f"file:{folder / 'q.db'}?mode=ro", uri=True)) as connection:
        (count,) = connection.execute(
            "SELECT count(*) FROM trial_system_attributes WHERE key = 'hptui:run'"
        ).fetchone()
    return int(count)


def test_a_run_goes_on_where_what_hptui_stores_of_a_study_is_something_else(tmp_path: Path):
    arguments = ["run", QUICK, "--study", "s", "--sampler", "random", "--trials", "1"]
    assert run(*arguments, cwd=tmp_path)[0] == 0
    with closing(sqlite3.connect(tmp_path / "s.db")) as connection:
        changed = connection.execute(
            "UPDATE study_system_attributes SET value_json = '[5]' "
            "WHERE key IN ('hptui:study', 'hptui:runs', 'hptui:edited')"
        )
        assert changed.rowcount == 3
        connection.commit()
    code, _, err = run(*arguments, cwd=tmp_path)
    assert code == 0, err
    states = [trial.state for trial in load(tmp_path, "s").trials]
    assert states == [TrialState.COMPLETE] * 2


def test_an_enqueued_trial_with_more_than_a_message_holds_fails_and_the_run_goes_on(
    tmp_path: Path,
):
    arguments = ["run", QUICK, "--study", "s", "--sampler", "random", "-j", "1"]
    assert run(*arguments, "--trials", "1", cwd=tmp_path)[0] == 0
    load(tmp_path, "s").enqueue_trial({}, user_attrs={"long": "x" * MAX_MESSAGE_BYTES})
    code, _, err = run(*arguments, "--trials", "2", cwd=tmp_path)
    assert code == 0, err
    trials = load(tmp_path, "s").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL", "COMPLETE"]
    message = trials[1].system_attrs["hptui:error"]["message"]
    assert message.startswith("The trial's attributes cannot be sent.")

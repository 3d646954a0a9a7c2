"""The feed of a study: what it posts while its file is filled, locked, damaged or taken away."""

from __future__ import annotations

import json
import math
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.storage.study_file import CHOICE, FLOAT, StudyFile, leave_stale_trial
from tests.ui.feeding import following, snapshot_of
from tests.waiting import DEADLINE_S, wait_until

from hptui.domain.trial_states import PRUNED
from hptui.engine.recovery.lease import Lease, folder_of
from hptui.errors import HptuiError
from hptui.storage.read.studies import read_summary
from hptui.ui.study import engine_status, study_feed
from hptui.ui.study.run_summary import summarize_run
from hptui.ui.study.study_feed import StudyFeed

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import StudySnapshot

SCRIPT = Path(__file__).with_name("plain_script.py")


@pytest.fixture
def file(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as built:
        built.add_study()
        yield built


def write_lease(path: Path, *, pid: int, started: str, host: str | None = None) -> None:
    lease = Lease.of_this_process("study", "run", path.with_name("no.sock"))
    folder = folder_of(path, "study")
    folder.mkdir(parents=True, exist_ok=True)
    data = (
        asdict(lease)
        | {"pid": pid, "started": started}
        | ({"host": host, "boot": "b"} if host else {})
    )
    (folder / "engine.json").write_text(json.dumps(data))


def test_a_plain_optuna_script_is_followed_while_it_fills_the_study(tmp_path: Path):
    path = tmp_path / "plain.db"
    subprocess.run([sys.executable, SCRIPT, path, "3"], check=True)
    with following(path, "plain") as feed:
        assert feed.wait_for(lambda shot: shot.n_trials == 3).runner == ""
        script = subprocess.Popen([sys.executable, SCRIPT, path, "40"])
        try:
            seen = feed.wait_for(lambda shot: "Another program" in shot.runner)
            assert seen.counts["RUNNING"] >= 1
            last = feed.wait_for(lambda shot: shot.counts.get("COMPLETE") == 35)
        finally:
            assert script.wait(DEADLINE_S) == 0
        last = feed.wait_for(lambda shot: not shot.counts["RUNNING"])
    assert last.n_trials == 43
    assert int((last.trials.states == PRUNED).sum()) == last.counts["PRUNED"] == 8
    summary = read_summary(path, "plain")
    assert summary.best is not None
    assert (last.best_number, last.best_value) == (summary.best.number, summary.best.value)
    revisions = [shot.revision for shot in feed.posted]
    assert revisions == sorted(revisions)
    assert last.history is not None
    assert last.history.best[-1] == last.best_value
    assert list(last.trials.params) == ["x", "kernel"]


def test_what_was_posted_does_not_change_any_more(file: StudyFile):
    running = file.add_trial(state="RUNNING", reports={0: 5.0})
    with following(file.path) as feed:
        first = feed.wait_for(lambda shot: shot.n_trials == 1)
        file.end_trial(running, 2.0)
        file.add_trial(1.0)
        last = feed.wait_for(lambda shot: shot.n_trials == 2)
    assert (first.n_trials, first.counts["RUNNING"], math.isnan(first.trials.values[0, 0])) == (
        1,
        1,
        True,
    )
    assert last.trials.values[:, 0].tolist() == [2.0, 1.0]
    assert (last.best_number, last.best_value) == (1, 1.0)


def test_nothing_is_posted_when_nothing_changes(file: StudyFile):
    file.add_trial(1.0)
    with following(file.path, period_s=0.001) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        before = len(feed.posted)
        for _ in range(20):
            feed.nudge()
        file.add_trial(0.5)
        feed.wait_for(lambda shot: shot.n_trials == 2)
        assert len(feed.posted) == before + 1


def test_a_study_without_trials_is_calm(file: StudyFile):
    shot = snapshot_of(file.path)
    assert (shot.n_trials, shot.best_number, shot.trouble, shot.runner) == (0, None, "", "")
    assert shot.trials.directions == ("minimize",)
    assert shot.history is not None


def test_only_failed_only_pruned_and_infinite_values_have_the_best_that_there_is(file: StudyFile):
    file.add_trial(state="FAIL")
    file.add_trial(3.0, state="PRUNED")
    with following(file.path) as feed:
        shot = feed.wait_for(lambda shot: shot.n_trials == 2)
        assert (shot.best_number, shot.best_value) == (None, None)
        file.add_trial(math.inf)
        shot = feed.wait_for(lambda shot: shot.n_trials == 3)
        assert (shot.best_number, shot.best_value) == (2, math.inf)
        file.add_trial(-math.inf)
        shot = feed.wait_for(lambda shot: shot.n_trials == 4)
        assert (shot.best_number, shot.best_value) == (3, -math.inf)


def test_several_objectives_have_a_front_that_grows(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as file:
        file.add_study(directions=("MINIMIZE", "MAXIMIZE"))
        file.add_trial([1.0, 1.0])
        file.add_trial([2.0, 3.0])
        with following(file.path) as feed:
            shot = feed.wait_for(lambda shot: shot.n_trials == 2)
            assert (shot.front.tolist(), shot.best_number) == ([0, 1], None)
            file.add_trial([0.5, 2.0])
            file.add_trial([9.0, 0.0])
            shot = feed.wait_for(lambda shot: shot.n_trials == 4)
            assert shot.front.tolist() == [1, 2]
            file.add_trial([0.1, 9.0], attributes={"constraints:c": 1.0})
            shot = feed.wait_for(lambda shot: shot.n_trials == 5)
            assert shot.front.tolist() == [1, 2]


def test_metric_names_come_without_a_new_trial(file: StudyFile, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(study_feed, "_FACTS_PERIOD_S", 0.0)
    file.add_trial(1.0)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        file.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
            "study:metric_names",
            '["loss\\u001b[31m"]',
        )
        feed.wait_for(lambda shot: shot.metric_names == ("loss\x1b[31m",))


def test_a_long_reading_is_announced_and_can_be_stopped(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(study_feed, "_MANY_TRIALS", 10)
    file.run("BEGIN")
    for number in range(1_500):
        file.add_trial(float(number))
    file.run("COMMIT")
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.loading is None)
        first = next(shot for shot in feed.posted if shot.loading)
        assert first.loading == (1_000, 1_500)
        assert first.n_trials == 1_000

    gate = threading.Event()
    posted: list[StudySnapshot] = []

    def take(shot: StudySnapshot) -> None:
        posted.append(shot)
        gate.wait(DEADLINE_S)

    feed = StudyFeed(file.path, "study", take)
    feed.start()
    wait_until(lambda: bool(posted))
    feed.stop()
    gate.set()
    assert feed.join(DEADLINE_S)
    assert len(posted) == 1


def test_a_locked_file_is_told_and_forgotten_when_it_is_free(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hptui.storage.files.validation._BUSY_TIMEOUT_S", 0.05)
    file.add_trial(1.0)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        file.add_trial(0.5)
        feed.wait_for(lambda shot: shot.n_trials == 2)
        file.run("BEGIN EXCLUSIVE")
        shot = feed.wait_for(lambda shot: bool(shot.trouble))
        assert "locked by another program" in shot.trouble
        assert shot.n_trials == 2
        file.run("COMMIT")
        file.add_trial(0.1)
        shot = feed.wait_for(lambda shot: shot.n_trials == 3)
        assert shot.trouble == ""


def test_a_deleted_file_keeps_what_was_read_and_may_come_back(file: StudyFile):
    file.add_trial(1.0)
    aside = file.path.with_name("aside")
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        file.path.rename(aside)
        shot = feed.wait_for(lambda shot: bool(shot.trouble))
        assert "does not exist" in shot.trouble or "No such file" in shot.trouble
        assert (shot.n_trials, shot.best_number) == (1, 0)
        aside.rename(file.path)
        shot = feed.wait_for(lambda shot: not shot.trouble)
        assert shot.n_trials == 1


def test_a_missing_file_is_told_until_it_is_there(tmp_path: Path):
    path = tmp_path / "late.db"
    with following(path) as feed:
        shot = feed.wait_for(lambda shot: bool(shot.trouble))
        assert (shot.loading, shot.n_trials) == (None, 0)
        with StudyFile(path) as file:
            file.add_study()
            file.add_trial(1.0)
            feed.wait_for(lambda shot: shot.n_trials == 1 and not shot.trouble)


def test_a_file_that_takes_the_place_of_another_is_read_from_its_start(
    file: StudyFile, tmp_path: Path
):
    for value in (3.0, 2.0, 1.0):
        file.add_trial(value, params={"x": (0.5, FLOAT)})
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 3)
        with StudyFile(tmp_path / "new") as other:
            other.add_study(directions=("MAXIMIZE", "MINIMIZE"))
            other.add_trial([9.0, 1.0], params={"k": (1, CHOICE)}, start="2026-05-01 00:00:00")
        os.replace(tmp_path / "new", file.path)
        shot = feed.wait_for(lambda shot: shot.n_trials == 1)
    assert shot.trials.directions == ("maximize", "minimize")
    assert (list(shot.trials.params), shot.front.tolist(), shot.trouble) == (["k"], [0], "")


def test_a_study_that_is_deleted_and_made_again_is_another_one(file: StudyFile):
    file.add_trial(1.0)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        file.delete_study(1)
        shot = feed.wait_for(lambda shot: bool(shot.trouble))
        assert "no study 'study'" in shot.trouble
        file.add_study()
        feed.wait_for(lambda shot: shot.n_trials == 0 and not shot.trouble)


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\0" * 20])
def test_a_file_that_is_damaged_while_open_is_told(file: StudyFile, content: bytes):
    file.add_trial(1.0)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        damaged = file.path.with_name("damaged")
        damaged.write_bytes(content)
        os.replace(damaged, file.path)
        shot = feed.wait_for(lambda shot: bool(shot.trouble))
        assert shot.n_trials == 1
        assert str(file.path) in shot.trouble


def test_a_file_that_is_overwritten_in_place_is_told(file: StudyFile):
    file.add_trial(1.0)
    good = file.path.with_name("good")
    shutil.copy(file.path, good)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)
        file.path.write_bytes(b"\x00garbage" * 3_000)
        feed.wait_for(lambda shot: bool(shot.trouble))
        os.replace(good, file.path)
        shot = feed.wait_for(lambda shot: not shot.trouble)
        assert shot.n_trials == 1


def test_an_older_file_says_what_to_do(tmp_path: Path):
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE poems (line TEXT)")
    shot = snapshot_of(path)
    assert shot.trouble
    assert shot.n_trials == 0


def test_an_engine_that_died_is_told_with_what_it_left(file: StudyFile):
    leave_stale_trial(file)
    write_lease(file.path, pid=os.getpid(), started="another time")
    shot = snapshot_of(file.path)
    assert shot.engine is None
    assert "has died; 1 trial is stale." in shot.runner


def test_header_and_table_are_of_one_moment(file: StudyFile, monkeypatch: pytest.MonkeyPatch):
    file.add_trial(1.0, state="FAIL")
    file.add_trial(2.0)
    lease = Lease.of_this_process("study", "run", file.path.with_name("a.sock"))
    write_lease(file.path, pid=lease.pid, started=lease.started)
    # The engine has ended two trials of its run, and one of these is not in the file yet.
    answer = an_answer(n_complete=2, others={"complete": 0, "pruned": 0, "fail": 1})

    def ask(*_: object, **__: object) -> dict[str, Any]:
        return answer

    monkeypatch.setattr(engine_status, "ask_engine", ask)
    with following(file.path) as feed:
        first = feed.wait_for(lambda shot: shot.engine is not None and shot.loading is None)
        assert (summarize_run(first).progress, first.n_trials) == ("1/6", 2)
        # It goes on without a word from the engine: the file has more than that says.
        for value in (3.0, 4.0):
            file.add_trial(value)
        last = feed.wait_for(lambda shot: shot.n_trials == 4)
        assert summarize_run(last).progress == "3/6"
        assert last.best_value == 2.0


def test_an_engine_that_gives_no_answer_once_is_shown_still(
    file: StudyFile, monkeypatch: pytest.MonkeyPatch
):
    file.add_trial(1.0)
    lease = Lease.of_this_process("study", "run", file.path.with_name("a.sock"))
    write_lease(file.path, pid=lease.pid, started=lease.started)
    answer = an_answer(n_complete=1, others={"complete": 0, "pruned": 0, "fail": 0})
    answers = [answer | {"pid": lease.pid}]

    def ask(*_: object, **__: object) -> dict[str, Any]:
        if not answers:
            raise HptuiError("The engine did not answer within 2 s.")
        return answers[0]

    monkeypatch.setattr(engine_status, "ask_engine", ask)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.engine is not None and shot.loading is None)
        told = answers.pop()
        shot = feed.wait_for(lambda shot: bool(shot.engine and shot.engine.trouble))
        assert (shot.is_here, shot.is_filled, shot.runner) == (True, False, "")
        assert summarize_run(shot).word == "running"
        answers.append(told)
        feed.wait_for(lambda shot: bool(shot.engine and not shot.engine.trouble))


def an_answer(*, n_complete: int, others: dict[str, int]) -> dict[str, Any]:
    """What an engine answers to `status` that has 6 trials to run."""
    return {
        "state": "running",
        "counts": {"complete": n_complete, "pruned": 0, "fail": 0},
        "others": others,
        "n_trials": 6,
        "rate": 1.0,
        "eta_s": None,
        "elapsed_s": 1.0,
        "sampler": "tpe",
        "pruner": "none",
        "sampler_ms_a_trial": None,
        "backend": "loky",
        "trouble": "",
        "slots": [],
        "pid": 1,
    }


def test_an_engine_elsewhere_is_told_without_its_escape_sequences(file: StudyFile):
    write_lease(file.path, pid=7, started="1", host="far\x1b[2Jaway")
    shot = snapshot_of(file.path)
    assert "far\\x1b[2Jaway" in shot.runner
    assert shot.engine is None


def test_an_engine_that_cannot_be_reached_is_told(file: StudyFile):
    own = Lease.of_this_process("study", "run", file.path.with_name("no.sock"))
    write_lease(file.path, pid=own.pid, started=own.started)
    assert "cannot be reached" in snapshot_of(file.path).runner


def test_trials_that_nobody_runs_are_not_called_a_run(file: StudyFile):
    file.add_trial(state="RUNNING")
    shot = snapshot_of(file.path)
    assert "no engine runs this study here" in shot.runner


def test_only_trials_that_others_run_tell_of_another_program(file: StudyFile):
    left = file.add_trial(state="RUNNING")
    lease = Lease.of_this_process("study", "run", file.path.with_name("no.sock"))
    with following(file.path) as feed:
        feed.wait_for(lambda shot: "no engine runs this study here" in shot.runner)
        # A run of one's own beside what is left; it ends.
        write_lease(file.path, pid=lease.pid, started=lease.started)
        feed.wait_for(lambda shot: "cannot be reached" in shot.runner)
        own = file.add_trial(state="RUNNING", attributes={"hptui:run": "own"})
        feed.wait_for(lambda shot: shot.counts["RUNNING"] == 2)
        file.end_trial(own, 1.0)
        (folder_of(file.path, "study") / "engine.json").unlink()
        shot = feed.wait_for(lambda shot: not shot.is_here)
        assert "1 trial is marked as running, but no engine" in shot.runner
        # Results are imported.
        file.add_trial(0.5)
        shot = feed.wait_for(lambda shot: shot.n_trials == 3)
        assert "no engine runs this study here" in shot.runner
        file.set_param(left, "x", 0.5, FLOAT)
        file.run(
            "INSERT INTO trial_intermediate_values "
            "(trial_id, step, intermediate_value, intermediate_value_type) "
            "VALUES (?, 0, 1.0, 'FINITE')",
            left,
        )
        feed.wait_for(lambda shot: "Another program is adding" in shot.runner)


def test_a_closed_event_loop_ends_the_feed(file: StudyFile):
    def refuse(_: StudySnapshot) -> None:
        raise RuntimeError("Event loop is closed")

    feed = StudyFeed(file.path, "study", refuse)
    feed.start()
    assert feed.join(DEADLINE_S)


def test_an_unforeseen_error_is_told_and_passes(file: StudyFile, monkeypatch: pytest.MonkeyPatch):
    file.add_trial(1.0)
    with following(file.path) as feed:
        feed.wait_for(lambda shot: shot.n_trials == 1)

        def fail(*_: object, **__: object) -> None:
            raise MemoryError("no \x1b room")

        with monkeypatch.context() as patch:
            patch.setattr(study_feed, "engine_status", fail)
            shot = feed.wait_for(lambda shot: bool(shot.trouble))
            assert "MemoryError: no \\x1b room" in shot.trouble
        feed.wait_for(lambda shot: not shot.trouble)


def test_a_thousand_parameters_and_hostile_names_are_read(file: StudyFile):
    names = ["\x1b[31mred", "[bold]", "nul\0nul", "\u202eedoc", "🎉", "x" * 5_000]
    names += [f"p{index}" for index in range(994)]
    file.run("BEGIN")
    file.add_trial(math.nan, params=dict.fromkeys(names, (0.5, FLOAT)))
    file.run("COMMIT")
    shot = snapshot_of(file.path)
    assert list(shot.trials.params) == names
    assert np.isnan(shot.trials.values).all()

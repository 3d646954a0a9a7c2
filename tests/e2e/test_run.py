"""`hptui run` as a person uses it: real workers, real files, real signals."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path

import optuna
import psutil
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import (
    OBJECTIVES,
    events,
    finish,
    load,
    places_in,
    rest_of,
    run,
    start,
    start_anew,
    trials_of,
    wait_until,
)
from tests.ui.feeding import snapshot_of
from tests.waiting import DEADLINE_S

from hptui.engine.ipc.client import ask_engine
from hptui.engine.recovery.lease import read_lease
from hptui.ui.studies.preview_lines import preview_lines
from hptui.ui.studies.study_row import read_rows
from hptui.ui.study.run_summary import notice

QUICK = f"{OBJECTIVES}:quick"
WAITING = f"{OBJECTIVES}:waiting"
ONE_BY_ONE = (QUICK, "--study", "q", "-j", "1")


def test_json_output_is_one_object_a_line_and_nothing_else(tmp_path: Path) -> None:
    process = start_anew("run", QUICK, "--study", "q", "--trials", "5", "--json", cwd=tmp_path)
    out, _ = process.communicate(timeout=DEADLINE_S)
    said = events(out)
    assert process.returncode == 0
    assert not list(Path("/dev/shm").glob(f"sem.loky-{process.pid}-*"))
    assert [each["event"] for each in said] == ["started", *["trial"] * 5, "finished"]
    assert sorted(each["number"] for each in said[1:-1]) == [0, 1, 2, 3, 4]
    assert said[-1]["counts"] == {"complete": 5, "pruned": 0, "fail": 0}
    study = load(tmp_path, "q")
    assert said[-1]["best"]["value"] == study.best_value
    assert said[-1]["best"]["params"] == study.best_params


def test_a_study_goes_on_where_it_stopped(tmp_path: Path) -> None:
    for _ in range(2):
        assert run("run", *ONE_BY_ONE, "--trials", "3", "-q", cwd=tmp_path)[0] == 0
    assert [t.number for t in load(tmp_path, "q").trials] == list(range(6))


def test_edited_bounds_and_fixed_values_are_what_is_stored(tmp_path: Path) -> None:
    narrow = ["--space", "x=0..1", "--trials", "4", "-q"]
    assert run("run", *ONE_BY_ONE, *narrow, cwd=tmp_path)[0] == 0
    study = load(tmp_path, "q")
    assert {str(t.distributions["x"]) for t in study.trials} == {
        "FloatDistribution(high=1.0, log=False, low=0.0, step=None)"
    }
    assert run("run", *ONE_BY_ONE, "--fix", "x=0.5", "--trials", "2", cwd=tmp_path)[0] == 0
    assert [t.params["x"] for t in load(tmp_path, "q").trials[-2:]] == [0.5, 0.5]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--space", "x=5..1"], "low"),
        (["--space", "nope=0..1"], "There is no parameter"),
        (["--space", "x=-1..1:log"], "log scale"),
        (["--fix", "x=99"], "99"),
        (["--enqueue", '{"x": 99}'], "99"),
        (["--direction", "minimize", "--direction", "minimize", "--target", "1"], "one objective"),
    ],
)
def test_what_only_the_objective_tells_is_bad_gets_a_sentence_and_writes_nothing(
    arguments: list[str], sentence: str, tmp_path: Path
) -> None:
    code, out, err = run("run", *ONE_BY_ONE, *arguments, cwd=tmp_path)
    assert (code, out) == (2, "")
    assert sentence in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("objective", "options"),
    [
        ("broken.py:objective", []),
        ("broken.py:objective", ["--seed", "1"]),
        ("leaves.py:objective", []),
        ("syntax.py:objective", []),
        ("other.py:objective", ["--fix", "x=99"]),
        ("other.py:objective", ["--space", "nope=0..1"]),
        ("other.py:nothing", []),
        ("nowhere.module:objective", []),
        ("other.py:objective", ["--sampler", "tpee"]),
    ],
)
def test_a_run_that_is_detached_is_refused_alike(
    objective: str, options: list[str], tmp_path: Path
) -> None:
    debug = "1" if options == ["--seed", "1"] else ""
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    (tmp_path / "leaves.py").write_text("raise SystemExit('no')\ndef objective(trial): ...\n")
    (tmp_path / "syntax.py").write_text("x = 1\ndef objective(trial:\n")
    (tmp_path / "other.py").write_text(
        "def objective(trial):\n    return trial.suggest_float('x', 0, 1)\n"
    )
    told: list[tuple[int, str, str]] = []
    for more in ([], ["--detach"]):
        command = ["run", objective, "--study", "s", "--trials", "1", "-j", "1", *options, *more]
        told.append(run(*command, cwd=tmp_path, HPTUI_DEBUG=debug))
    assert told[0] == told[1]
    assert (told[0][0], told[0][1]) == (2, "")
    assert ("Traceback" in told[0][2]) == bool(debug)
    assert not (tmp_path / "s.db").exists()


INCONSISTENT = f"{OBJECTIVES}:inconsistent"
WARNED = 'Inconsistent parameter values for distribution with name "lr"!'


def test_what_optuna_warns_of_is_told_once_and_kept(tmp_path: Path) -> None:
    plain = optuna.create_study(study_name="i", storage=f"sqlite:///{tmp_path}/i.db")
    for value in (7.5, 8.5):
        plain.enqueue_trial({"lr": value})
    command = ["run", INCONSISTENT, "--study", "i", "-j", "1", "--trials", "6"]
    code, out, err = run(*command, "--json", cwd=tmp_path)
    assert code == 0, err
    notes = [each["text"] for each in events(out) if each["event"] == "note"]
    assert [note for note in notes if WARNED in note] == [notes[1]]
    assert [note for note in notes if "out of range" in note] == [notes[0]]
    assert all(note.startswith("optuna: ") for note in notes)
    assert (tmp_path / "i.hptui/engine.log").read_text().count("Inconsistent") == 1
    assert WARNED in run("show", "i", cwd=tmp_path)[1]
    told = json.loads(run("show", "i", "--json", cwd=tmp_path)[1])
    assert told["runs"][-1]["notes"] == notes
    assert run(*command, cwd=tmp_path)[2].count(WARNED) == 1
    snapshot = snapshot_of(tmp_path / "i.db", "i")
    assert WARNED in notice(snapshot, 0.0)


def test_what_optuna_warns_of_in_a_detached_run_is_kept(tmp_path: Path) -> None:
    command = ["run", INCONSISTENT, "--study", "i", "-j", "1", "--trials", "2", "--detach"]
    assert run(*command, cwd=tmp_path)[0] == 0
    wait_until(lambda: read_lease(tmp_path / "i.db", "i") is None, "it has ended")
    assert (tmp_path / "i.hptui/run.log").read_text().count(WARNED) == 1
    status = json.loads(run("status", "i", "--json", cwd=tmp_path)[1])
    assert WARNED in status["notes"][0]


def test_a_run_that_failed_as_a_whole_says_why_wherever_it_is_shown(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def objective(trial):\n    raise KeyError('always')\n")
    assert run("run", "bad.py", "-j", "1", "--trials", "3", "-q", cwd=tmp_path)[0] == 3
    why = "No trial completed; all failed with: KeyError: 'always'"
    assert why in run("show", "bad", cwd=tmp_path)[1]
    assert why in run("status", "bad", cwd=tmp_path)[1]
    status = json.loads(run("status", "bad", "--json", cwd=tmp_path)[1])
    assert (status["last_run"]["error"], status["last_run"]["reason"]) == (why, "trials")
    snapshot = snapshot_of(tmp_path / "bad.db", "bad")
    assert notice(snapshot, 0.0) == f"The last run failed. {why}"
    row = read_rows(tmp_path / "bad.db", is_known=False)[0]
    assert ("failed", why, "failed") in preview_lines(row, snapshot)


def test_an_objective_that_cannot_be_imported_is_refused_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nowhere_to_be_found\n")
    code, _, err = run("run", "broken.py:objective", "--study", "b", "-j", "1", cwd=tmp_path)
    assert code == 2
    assert "nowhere_to_be_found" in err
    assert not (tmp_path / "b.db").exists()


def test_a_run_in_which_nothing_completes_says_so_by_its_exit_code(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def objective(trial):\n    raise KeyError('always')\n")
    code, _, err = run("run", "bad.py", "-j", "1", "--trials", "40", cwd=tmp_path)
    assert code == 3
    assert "same error" in err
    study = load(tmp_path, "bad")
    assert len(study.trials) < 40
    assert study.trials[0].system_attrs["hptui:error"]["type"] == "KeyError"
    assert all(trial.system_attrs["hptui:peak_memory"] > 10 << 20 for trial in study.trials)


def test_a_study_that_its_objective_stops_says_so(tmp_path: Path) -> None:
    stopping = f"{OBJECTIVES}:stopping"
    code, out, err = run("run", stopping, "--study", "s", "-j", "1", "--json", cwd=tmp_path)
    assert code == 0, err
    assert events(out)[-1]["reason"] == "objective_stop"
    assert len(load(tmp_path, "s").trials) == 3
    assert "The objective stopped the study." in run("show", "s", cwd=tmp_path)[1]
    grid = ["--sampler", "grid:points=2", "-j", "1", "--study", "g", "--json"]
    said = events(run("run", QUICK, *grid, cwd=tmp_path)[1])
    assert (said[-1]["reason"], said[-1]["counts"]["complete"]) == ("exhausted", 2)


def test_a_log_holds_to_its_cap_when_the_trial_has_ended(tmp_path: Path) -> None:
    flooding = f"{OBJECTIVES}:flooding"
    code, _, err = run("run", flooding, "--study", "f", "-j", "2", "--trials", "4", cwd=tmp_path)
    assert code == 0, err
    logs = sorted((tmp_path / "f.hptui" / "logs").iterdir())
    assert len(logs) == 4
    for log in logs:
        text = log.read_bytes()
        assert len(text) < 11 * 1024 * 1024
        assert text.startswith(b"the first line\n")
        assert text.endswith(b"\nthe last line\n")
        assert b"[hptui cut the log here: it had outgrown 10 MiB]" in text


@pytest.mark.parametrize(
    ("number", "code", "times"),
    [
        (signal.SIGINT, 130, 1),
        (signal.SIGINT, 130, 2),
        (signal.SIGTERM, 143, 1),
        (signal.SIGTERM, 143, 2),
        (signal.SIGHUP, 129, 1),
        (signal.SIGQUIT, 131, 2),
        (signal.SIGUSR1, 138, 1),
        (signal.SIGUSR2, 140, 2),
        (signal.SIGALRM, 142, 1),
    ],
)
def test_a_signal_ends_running_trials_and_leaves_the_study_clean(
    number: signal.Signals, code: int, times: int, tmp_path: Path
) -> None:
    begin = start_anew if number == signal.SIGINT and times == 1 else start
    process = begin("run", WAITING, "--study", "w", "-j", "2", "--trials", "9", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    children = psutil.Process(process.pid).children(recursive=True)
    for _ in range(times):
        process.send_signal(number)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == code, err
    assert "Traceback" not in err
    trials = load(tmp_path, "w").trials
    assert [t.state for t in trials] == [TrialState.FAIL] * 2
    assert trials[0].system_attrs["hptui:error"]["kind"] == "interrupted"
    assert not list((tmp_path / "w.hptui").glob("scratch/*"))
    assert read_lease(tmp_path / "w.db", "w") is None
    assert psutil.wait_procs(children, timeout=DEADLINE_S)[1] == []


def test_a_signal_for_the_whole_group_ends_no_resource_tracker(tmp_path: Path) -> None:
    process = start_anew("run", WAITING, "--study", "w", "-j", "1", "--trials", "9", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "a trial started")
    children = psutil.Process(process.pid).children()
    trackers = [each for each in children if "resource_tracker" in " ".join(each.cmdline())]
    assert trackers
    for each in (*trackers, process):
        each.send_signal(signal.SIGQUIT)
    _, err = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 131, err
    assert "resource_tracker" not in err


@pytest.mark.parametrize("closed", ["stdout", "stderr"])
def test_a_reader_that_goes_away_ends_the_run_as_an_interrupt_does(
    closed: str, tmp_path: Path
) -> None:
    shown = ["--json"] if closed == "stdout" else []
    process = start(
        "run", WAITING, "--study", "w", "-j", "2", "--trials", "9", *shown, cwd=tmp_path
    )
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    children = psutil.Process(process.pid).children(recursive=True)
    read, kept = process.stdout, process.stderr
    if closed == "stderr":
        read, kept = kept, read
    assert read is not None
    assert kept is not None
    read.close()
    assert kept.read() == ""
    kept.close()
    assert process.wait(DEADLINE_S) == 141
    trials = load(tmp_path, "w").trials
    assert [t.system_attrs["hptui:error"]["kind"] for t in trials] == ["interrupted"] * 2
    assert read_lease(tmp_path / "w.db", "w") is None
    assert psutil.wait_procs(children, timeout=DEADLINE_S)[1] == []


def test_a_reader_that_reads_nothing_for_a_while_holds_nothing_up(tmp_path: Path) -> None:
    """All trials end meanwhile, though what is told of them fills a pipe several times."""
    (tmp_path / "long.py").write_text(
        f"def objective(trial):\n    return trial.suggest_float('{'x' * 500}', 0, 1)\n"
    )
    process = start("run", "long.py", "--trials", "160", "--jobs", "1", "--json", cwd=tmp_path)

    def is_done() -> bool:
        if not (tmp_path / "long.db").exists():
            return False
        with closing(sqlite3.connect(tmp_path / "long.db")) as file, suppress(sqlite3.Error):
            (n_ended,) = file.execute(
                "SELECT count(*) FROM trials WHERE state = 'COMPLETE'"
            ).fetchone()
            return n_ended == 160
        return False

    wait_until(is_done, "all trials have ended")
    out, _ = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0
    assert len(trials_of(events(out))) == 160
    assert events(out)[-1]["event"] == "finished"


def test_a_quiet_run_whose_last_words_nobody_reads_ends_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("def objective(trial):\n    raise KeyError('always')\n")
    process = start("run", "bad.py", "-j", "1", "--trials", "4", "-q", cwd=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    process.stderr.close()
    assert process.stdout.read() == ""
    process.stdout.close()
    assert process.wait(DEADLINE_S) == 141
    assert TrialState.RUNNING not in [t.state for t in load(tmp_path, "bad").trials]
    assert read_lease(tmp_path / "bad.db", "bad") is None


def test_a_full_disk_under_the_output_ends_the_run_with_a_sentence(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hptui", "run", WAITING, "--study", "w", "-j", "2", "--json"]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            words,
            cwd=tmp_path,
            env={**os.environ, **places_in(tmp_path)},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=DEADLINE_S,
        )
    assert done.returncode == 1
    assert done.stderr.startswith("hptui: The output cannot be written: No space left on device.")
    assert "Traceback" not in done.stderr
    assert TrialState.RUNNING not in [t.state for t in load(tmp_path, "w").trials]


def test_a_run_works_without_any_standard_stream(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "hptui", "run", *ONE_BY_ONE, "--trials", "3"]
    done = subprocess.run(
        ["sh", "-c", shlex.join(words) + " <&- >&- 2>&-"],
        cwd=tmp_path,
        env={**os.environ, **places_in(tmp_path)},
        timeout=DEADLINE_S,
    )
    assert done.returncode == 0
    assert len(load(tmp_path, "q").trials) == 3


def test_a_killed_engine_takes_its_workers_along_and_leaves_trials_to_settle(
    tmp_path: Path,
) -> None:
    process = start("run", WAITING, "--study", "w", "-j", "2", "--trials", "9", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    wait_until(lambda: _params_in_file(tmp_path) == 2, "both are in the file")
    children = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    process.communicate()
    assert psutil.wait_procs(children, timeout=DEADLINE_S)[1] == []
    listed = json.loads(run("ls", "--json", cwd=tmp_path)[1])[0]["counts"]
    assert (listed["running"], listed["stale"]) == (0, 2)
    (tmp_path / "go").touch()
    code, _, err = run(
        "run",
        WAITING,
        "-j",
        "1",
        "--study",
        "w",
        "--trials",
        "3",
        "--leftovers",
        "requeue",
        cwd=tmp_path,
    )
    assert code == 0, err
    assert (
        "2 stale trials (their engine died) are marked as failed"
        " and their parameters enqueued again.\n"
    ) in err
    trials = load(tmp_path, "w").trials
    states = [t.state for t in trials]
    assert states == [TrialState.FAIL] * 2 + [TrialState.COMPLETE] * 3
    assert [t.params for t in trials[2:4]] == [t.params for t in trials[:2]]


def _params_in_file(folder: Path) -> int:
    # Trials are there before what was suggested to them.
    return sum(len(trial.params) for trial in load(folder, "w").trials)


def test_a_running_study_is_steered_over_its_socket(tmp_path: Path) -> None:
    file = tmp_path / "w.db"
    process = start("run", WAITING, "--study", "w", "-j", "1", "--trials", "2", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "a trial started")
    status = ask_engine(file, "w", {"op": "status"})
    assert (status["state"], status["slots"][0]["trial"]) == ("running", 0)
    ask_engine(file, "w", {"op": "extend", "trials": 2})
    ask_engine(file, "w", {"op": "enqueue", "params": {"x": 0.25}})
    ask_engine(file, "w", {"op": "pause"})
    ask_engine(file, "w", {"op": "kill", "trial": 0})
    wait_until(
        lambda: ask_engine(file, "w", {"op": "status"})["running"] == 0, "the trial was killed"
    )
    ask_engine(file, "w", {"op": "jobs", "n": 2})
    (tmp_path / "go").touch()
    ask_engine(file, "w", {"op": "resume"})
    assert finish(process) == 0
    trials = load(tmp_path, "w").trials
    assert [t.state.name for t in trials] == ["FAIL", *["COMPLETE"] * 3]
    assert trials[0].system_attrs["hptui:error"]["kind"] == "killed"
    assert trials[1].params == {"x": 0.25}


def test_a_second_engine_is_refused_while_the_first_runs(tmp_path: Path) -> None:
    process = start("run", WAITING, "--study", "w", "-j", "1", "--trials", "1", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "a trial started")
    code, _, err = run("run", WAITING, "--study", "w", "--trials", "1", cwd=tmp_path)
    assert code == 1
    assert str(process.pid) in err
    detached = run("run", WAITING, "--study", "w", "--trials", "1", "--detach", cwd=tmp_path)
    assert detached == (code, "", err)
    (tmp_path / "go").touch()
    assert finish(process) == 0


def test_a_trial_that_hangs_is_ended_by_its_time_limit(tmp_path: Path) -> None:
    code, out, _ = run(
        "run", WAITING, "-j", "1", "--trials", "1", "--trial-timeout", "1s", "--json", cwd=tmp_path
    )
    assert code == 3
    assert events(out)[1]["error"]["kind"] == "timeout"


def test_a_file_locked_at_the_end_of_a_run_only_makes_it_wait(tmp_path: Path) -> None:
    process = start("run", WAITING, "--study", "w", "--trials", "1", "-j", "1", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-0").exists(), "the trial started")
    wait_until(lambda: _params_in_file(tmp_path) == 1, "its parameter is in the file")
    with closing(sqlite3.connect(tmp_path / "w.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        (tmp_path / "go").touch()
        assert process.stderr is not None
        lines = [process.stderr.readline() for _ in range(2)]
        other.execute("COMMIT")
    _, err = rest_of(process)
    assert process.returncode == 0, (lines, err)
    assert (
        lines[1]
        == "The file is locked by another program. Waiting for up to 10 minutes; nothing is lost.\n"
    )
    assert "The study file can be written again." in err
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.COMPLETE]


def test_a_long_path_of_the_folder_for_temporary_files_does_no_harm(tmp_path: Path) -> None:
    temporary = tmp_path / ("long" * 20)
    temporary.mkdir()
    process = start("run", *ONE_BY_ONE, "--trials", "1", cwd=tmp_path, TMPDIR=str(temporary))
    assert finish(process) == 0
    assert list(temporary.iterdir()) == []

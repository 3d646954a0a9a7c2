"""Files that take no writes for a while, or no more: locked by another program, on a full disk."""

from __future__ import annotations

import json
import os
import resource
import signal
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from optuna.trial import TrialState
from tests.e2e.programs import (
    OBJECTIVES,
    events,
    load,
    rest_of,
    run,
    start,
    trials_of,
    wait_until,
)
from tests.storage.other_program import locked_by_another
from tests.waiting import DEADLINE_S

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

QUICK = f"{OBJECTIVES}:quick"
WAITING = f"{OBJECTIVES}:waiting"
REPORTING = f"{OBJECTIVES}:reporting"
LOCK_S = 6.0
WAITS = "Waiting for up to 10 minutes; nothing is lost."


def test_a_file_locked_for_a_while_only_makes_the_run_wait(tmp_path: Path) -> None:
    arguments = ["run", WAITING, "--study", "w", "--sampler", "random", "-j", "2", "--json"]
    process = start(*arguments, "--trials", "100", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    with locked_by_another(tmp_path / "w.db") as let_go:
        (tmp_path / "go").touch()
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(LOCK_S)
        let_go()
    out, err = rest_of(process)
    assert process.returncode == 0, err
    assert err.splitlines() == [
        f"hptui: The file is locked by another program. {WAITS}",
        "hptui: The study file can be written again.",
    ]
    announced = events(out)
    assert announced[-1]["counts"] == {"complete": 100, "pruned": 0, "fail": 0}
    assert sorted(each["number"] for each in trials_of(announced)) == list(range(100))
    trials = load(tmp_path, "w").trials
    assert [t.state for t in trials] == [TrialState.COMPLETE] * 100
    for each in trials_of(announced):
        number: int = each["number"]
        assert trials[number].params == each["params"]


def test_a_file_that_is_moved_away_and_back_only_makes_the_run_wait(tmp_path: Path) -> None:
    arguments = ["run", WAITING, "--study", "w", "--sampler", "random", "-j", "2", "--json"]
    process = start(*arguments, "--trials", "20", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    (tmp_path / "w.db").rename(tmp_path / "away.db")
    (tmp_path / "go").touch()
    assert process.stderr is not None
    assert process.stderr.readline() == f"hptui: The file was moved or deleted. {WAITS}\n"
    (tmp_path / "away.db").rename(tmp_path / "w.db")
    out, err = rest_of(process)
    assert (process.returncode, err) == (0, "hptui: The study file can be written again.\n")
    assert sorted(each["number"] for each in trials_of(events(out))) == list(range(20))
    assert [t.state for t in load(tmp_path, "w").trials] == [TrialState.COMPLETE] * 20


def test_a_file_that_took_the_place_of_the_study_is_not_written_to(tmp_path: Path) -> None:
    run("run", QUICK, "--study", "other", "--trials", "1", cwd=tmp_path)
    before = (tmp_path / "other.db").read_bytes()
    process = start("run", WAITING, "--study", "w", "-j", "2", "--trials", "20", cwd=tmp_path)
    wait_until(lambda: (tmp_path / "started-1").exists(), "two trials started")
    (tmp_path / "w.db").rename(tmp_path / "away.db")
    (tmp_path / "other.db").rename(tmp_path / "w.db")
    (tmp_path / "go").touch()
    _, err = rest_of(process)
    assert process.returncode != 0
    (kept,) = (tmp_path / "w.hptui").glob("unsaved-*.jsonl")
    assert f"{tmp_path / 'w.db'} was replaced by another file" in err
    assert f"are in {kept}" in err
    assert (tmp_path / "w.db").read_bytes() == before
    unsaved = [json.loads(line) for line in kept.read_text().splitlines()]
    assert {0, 1} <= {each["number"] for each in unsaved}


@pytest.fixture
def small_disk(tmp_path: Path) -> Generator[Path]:
    """A file system of its own with room for a few trials."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "none", str(folder)]
    try:
        subprocess.run(mount, check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no right to mount a file system: {error}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Take the room that is left on a file system."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as stream:
        try:
            while True:
                stream.write(bytes(4096))
        except OSError:
            return filling


def test_a_run_on_a_full_disk_goes_on_when_there_is_room_again(small_disk: Path) -> None:
    arguments = ["run", REPORTING, "--study", "r", "--sampler", "random", "-j", "2", "--json"]
    process = start(*arguments, "--trials", "600", cwd=small_disk)
    assert process.stdout is not None
    assert process.stderr is not None
    said = [process.stdout.readline() for _ in range(5)]
    filling = fill(small_disk)
    assert process.stderr.readline() == f"hptui: The disk is full. {WAITS}\n"
    filling.unlink()
    subprocess.run(["mount", "-o", "remount,size=100m", str(small_disk)], check=True)
    out, err = rest_of(process)
    assert (process.returncode, err) == (0, "hptui: The study file can be written again.\n")
    announced = trials_of(events("".join(said) + out))
    trials = load(small_disk, "r").trials
    assert [t.number for t in trials] == sorted(each["number"] for each in announced)
    for each in announced:
        number: int = each["number"]
        trial = trials[number]
        assert trial.state.name.lower() == each["state"], each
        assert trial.values == each["values"]
        # A trial may fail on the full disk by itself; it says so.
        assert each["state"] == "complete" or "No space left" in each["error"]["message"]


def test_a_run_on_a_full_disk_ends_with_a_sentence_and_keeps_what_it_has(
    small_disk: Path, tmp_path: Path
) -> None:
    temporary = tmp_path / "t"
    temporary.mkdir()
    arguments = ["run", REPORTING, "--study", "r", "--sampler", "random", "-j", "2", "--json"]
    process = start(*arguments, "--trials", "100000", cwd=small_disk, TMPDIR=str(temporary))
    assert process.stdout is not None
    assert process.stderr is not None
    said = [process.stdout.readline() for _ in range(5)]
    fill(small_disk)
    assert process.stderr.readline() == f"hptui: The disk is full. {WAITS}\n"
    code, sentence = _interrupt_to_the_end(process, said)
    assert code == 1
    assert "The disk is full." in sentence
    # The end of the workers may have made room, for the file with the trials or for them.
    kept = [file for folder in (small_disk, temporary) for file in folder.rglob("unsaved-*.jsonl")]
    where = f"are in {kept[0]}" if kept else "all trials that have ended are stored"
    assert where in sentence
    assert len(kept) <= 1
    _check_what_is_kept(small_disk / "r.db", said, *kept)


def test_a_file_that_may_not_grow_ends_with_a_sentence_and_keeps_what_it_has(
    tmp_path: Path,
) -> None:
    arguments = ["run", REPORTING, "--study", "r", "--sampler", "random", "-j", "2", "--json"]
    process = start(*arguments, "--trials", "100000", cwd=tmp_path)
    assert process.stdout is not None
    assert process.stderr is not None
    said = [process.stdout.readline() for _ in range(5)]
    size = (tmp_path / "r.db-wal").stat().st_size
    psutil.Process(process.pid).rlimit(resource.RLIMIT_FSIZE, (size, size))
    assert f"{WAITS}\n" in process.stderr.readline()
    code, sentence = _interrupt_to_the_end(process, said)
    assert code == 1
    (kept,) = (tmp_path / "r.hptui").glob("unsaved-*.jsonl")
    assert f"are in {kept}" in sentence
    unsaved = _check_what_is_kept(tmp_path / "r.db", said, kept)
    assert unsaved

    code, out, err = run("run", REPORTING, "--study", "r", "--trials", "1", "--json", cwd=tmp_path)
    assert code == 0, err
    assert f"{len(unsaved)} trial" in err
    assert "that an earlier run could not store." in err
    assert not kept.exists()
    trials = load(tmp_path, "r").trials
    assert [trial.number for trial in trials] == list(range(len(trials)))
    for each in unsaved:
        number: int = each["number"]
        trial = trials[number]
        assert trial.state.name.lower() == each["state"]
        assert (trial.params, trial.values) == (each["params"], each["values"])
    ended = {each["number"] for each in events("".join(said)) if each["event"] == "trial"}
    (again,) = {each["number"] for each in events(out) if each["event"] == "trial"}
    assert again not in ended | {each["number"] for each in unsaved}


def _interrupt_to_the_end(process: subprocess.Popen[str], said: list[str]) -> tuple[int, str]:
    """Interrupt twice; returns the exit code and what is on standard error."""
    assert process.stdout is not None
    workers = psutil.Process(process.pid).children(recursive=True)
    # Two of a kind may arrive as one; to the run these are the same.
    process.send_signal(signal.SIGINT)
    process.send_signal(signal.SIGTERM)
    out, err = rest_of(process)
    said += out.splitlines(keepends=True)
    assert psutil.wait_procs(workers, timeout=DEADLINE_S)[1] == []
    assert "Traceback" not in err
    return process.returncode, err


def _check_what_is_kept(study_file: Path, said: list[str], *kept: Path) -> list[dict[str, Any]]:
    """Check that each trial that has ended is in one place; return those that are not stored."""
    announced = {each["number"] for each in events("".join(said)) if each["event"] == "trial"}
    unsaved = [json.loads(line) for file in kept for line in file.read_text().splitlines()]
    with closing(sqlite3.connect(study_file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        finished = "SELECT number FROM trials WHERE state NOT IN ('RUNNING', 'WAITING')"
        stored = {number for (number,) in connection.execute(finished)}
    assert announced
    assert announced <= stored
    assert stored.isdisjoint(each["number"] for each in unsaved)
    for each in unsaved:
        x, y = each["params"]["x"], each["params"]["y"]
        assert each["state"] == "fail" or each["values"] == [x * x + y]
    return unsaved


def test_a_run_that_cannot_begin_on_a_full_disk_leaves_nothing(small_disk: Path) -> None:
    fill(small_disk)
    code, out, err = run("run", QUICK, "--study", "q", "--trials", "1", cwd=small_disk)
    assert (code, out) == (2, "")
    assert "disk is full" in err
    assert os.listdir(small_disk) == ["filling"]

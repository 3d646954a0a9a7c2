"""One engine at a time runs a study, by whatever path and from wherever it is started."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from itertools import cycle, islice
from typing import TYPE_CHECKING, Final

import pytest
from tests.e2e.programs import OBJECTIVES, events, finish, load, rest_of, run, start, trials_of
from tests.waiting import DEADLINE_S, wait_until

from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.recovery.lease import Lease, folder_of, take_lease
from hptui.errors import StudyBusyError
from hptui.storage.files.study_lock import acquire

if TYPE_CHECKING:
    from pathlib import Path

# 500 starts: HPTUI_TEST_ROUNDS=9 HPTUI_TEST_STARTS=20 pytest tests/e2e/test_one_engine.py
_ROUNDS: Final = int(os.environ.get("HPTUI_TEST_ROUNDS", "1"))
_STARTS: Final = int(os.environ.get("HPTUI_TEST_STARTS", "6"))
_N_TRIALS: Final = 10


def run_at(path: Path, *options: str, objective: str = "quick") -> tuple[str, ...]:
    """Return the arguments that run the study `s` in a file."""
    more = options or ("--trials", str(_N_TRIALS))
    base = ("run", f"{OBJECTIVES}:{objective}", "--study", "s", "--jobs", "1", "--json")
    return (*base, "--storage", str(path), *more)


def end(
    program: subprocess.Popen[str], file: Path, study: str = "s", cwd: Path | None = None
) -> None:
    """End a run of the objective `waiting`, in the file's folder if in no other, in order."""
    code, out, err = run("stop", f"{file}:{study}", cwd=file.parent)
    assert code == 0, (out, err)
    go = (cwd or file.parent) / "go"
    go.touch()
    assert finish(program) == 0
    go.unlink()


@pytest.mark.parametrize("round_", range(_ROUNDS))
@pytest.mark.parametrize("kind", ["new", "existing"])
def test_of_engines_that_start_at_once_one_runs(tmp_path: Path, kind: str, round_: int):
    folder = tmp_path / str(round_)
    (folder / "elsewhere").mkdir(parents=True)
    file = folder / "s.db"
    paths = [file]
    n_before = 0
    if kind == "existing":
        paths += [folder / "elsewhere" / "other.db", folder / "way" / "s.db"]
        paths[1].symlink_to(file)
        (folder / "way").symlink_to(folder)
        assert run(*run_at(file, "--trials", "3"), cwd=folder)[0] == 0
        (folder / "s.hptui" / "logs").mkdir(exist_ok=True)
        (folder / "s.hptui" / "logs" / "kept").write_text("kept")
        n_before = 3
    programs = [start(*run_at(path), cwd=folder) for path in islice(cycle(paths), _STARTS)]
    told: list[int] = []
    for program in programs:
        out, err = rest_of(program)
        if program.returncode:
            assert "s is being run by process" in err or "not visible from here" in err
        else:
            told += [each["number"] for each in trials_of(events(out))]
    # One may begin when another one has ended; what any of them told is stored, once.
    assert told
    assert sorted(told) == list(range(n_before, n_before + len(told)))
    assert [each.number for each in load(folder, "s").trials] == list(range(n_before + len(told)))
    with closing(sqlite3.connect(file)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert not list(folder.rglob("*.old-*"))
    assert (folder / "s.hptui" / "logs" / "kept").exists() == (kind != "new")


def test_what_a_deleted_study_left_is_set_aside_for_a_new_one_alone(tmp_path: Path):
    file = tmp_path / "s.db"
    kept = tmp_path / "s.hptui" / "scratch" / "000000" / "model"
    other = tmp_path / "s.hptui" / "studies" / "other-1" / "mine"
    for path in (kept, other):
        path.parent.mkdir(parents=True)
        path.write_text("earlier")
    assert run(*run_at(file, "--trials", "1"), cwd=tmp_path)[0] == 0
    (aside,) = tmp_path.glob("s.hptui.old-*")
    assert (aside / "scratch" / "000000" / "model").read_text() == "earlier"
    assert other.read_text() == "earlier", "it is another study's"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text("kept")
    assert run(*run_at(file, "--trials", "1"), cwd=tmp_path)[0] == 0
    assert kept.read_text() == "kept"
    assert len(list(tmp_path.glob("s.hptui.old-*"))) == 1


def test_an_engine_whose_folder_is_removed_is_still_the_only_one(tmp_path: Path):
    file = tmp_path / "s.db"
    program = start(*run_at(file, objective="waiting"), cwd=tmp_path)
    wait_until(lambda: running_engine(file, "s") is not None, "the start")
    shutil.rmtree(tmp_path / "s.hptui", ignore_errors=True)
    code, _, err = run(*run_at(file), cwd=tmp_path)
    assert code, "a second one is let in"
    assert "s is being run by process" in err or "not visible from here" in err
    lease = tmp_path / "s.hptui" / "engine.json"
    wait_until(lease.exists, "the lease is written again")
    wait_until(lambda: ask_engine(file, "s", {"op": "status"})["ok"], "it answers")
    end(program, file)
    assert not lease.exists()


def test_a_killed_engine_gives_the_study_free_at_once(tmp_path: Path):
    file = tmp_path / "s.db"
    program = start(*run_at(file, objective="waiting"), cwd=tmp_path)
    wait_until((tmp_path / "started-0").exists, "the first trial")
    assert acquire(file, "s") is None
    # Workers and guardian are still there.
    program.send_signal(signal.SIGKILL)
    program.wait(DEADLINE_S)
    lock = acquire(file, "s")
    assert lock is not None
    lock.release()
    program.communicate(timeout=DEADLINE_S)


_IN_A_CONTAINER: Final = ["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"]


def test_an_engine_in_another_container_counts(tmp_path: Path):
    try:
        subprocess.run([*_IN_A_CONTAINER, "true"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no pid namespaces here")
    file = tmp_path / "s.db"
    arguments = run_at(file, objective="waiting")
    with subprocess.Popen(
        [*_IN_A_CONTAINER, sys.executable, "-m", "hptui", *arguments],
        cwd=tmp_path,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as program:
        wait_until(lambda: running_engine(file, "s") is not None, "the start")
        code, _, err = run(*run_at(file), cwd=tmp_path)
        assert code, "a second one is let in"
        assert "s is being run by process" in err
        answer = json.loads(run("doctor", str(file), "--json", cwd=tmp_path)[1])
        assert (answer["engine_is_running"], answer["leftover"]) == (True, [])
        end(program, file)


def test_files_that_differ_in_their_ending_are_run_side_by_side(tmp_path: Path):
    files = [tmp_path / name for name in ("x.db", "x.sqlite3", "x")]
    # Each trial waits in a folder of its own.
    folders = [tmp_path / str(at) for at in range(len(files))]
    for folder in folders:
        folder.mkdir()
    programs = [
        start(*run_at(file, "--study", "x", objective="waiting"), cwd=folder)
        for file, folder in zip(files, folders, strict=True)
    ]
    for file in files:
        wait_until(lambda file=file: running_engine(file, "x") is not None, "the start")
    assert len({folder_of(file, "x") for file in files}) == len(files)
    for at, (file, program) in enumerate(zip(files, programs, strict=True)):
        running = [running_engine(other, "x") is not None for other in files[at:]]
        assert all(running), [each.poll() for each in programs]
        end(program, file, "x", folders[at])


def test_a_file_with_two_names_is_refused_and_told(tmp_path: Path):
    file = tmp_path / "s.db"
    assert run(*run_at(file, "--trials", "1"), cwd=tmp_path)[0] == 0
    other = tmp_path / "other.db"
    os.link(file, other)
    before = file.read_bytes(), sorted(tmp_path.rglob("*"))
    for arguments in (
        run_at(file),
        ("note", f"{file}:s", "--set", "x"),
        ("retry", f"{other}:s"),
        ("rename", f"{file}:s", "t"),
        ("delete", f"{other}:s"),
    ):
        code, _, err = run(*arguments, cwd=tmp_path)
        assert code == 2, arguments
        assert "is one file with 2 names (hard links), also" in err
    assert run("doctor", cwd=tmp_path)[0] == 1
    assert "is one file with 2 names" in run("doctor", "--fix", cwd=tmp_path)[1]
    assert "is one file with 2 names" in run("ls", cwd=tmp_path)[1]
    assert (file.read_bytes(), sorted(tmp_path.rglob("*"))) == before
    other.unlink()
    assert run(*run_at(file), cwd=tmp_path)[0] == 0


def test_nobody_else_writes_where_a_linked_folder_leads(tmp_path: Path):
    """As in an archive from elsewhere: `evil.db` comes with `evil.hptui`, a link to `s.hptui`."""
    file, evil = tmp_path / "s.db", tmp_path / "evil.db"
    assert run(*run_at(file, "--trials", "2"), cwd=tmp_path)[0] == 0
    shutil.copy(file, evil)
    with closing(sqlite3.connect(evil)) as connection:
        connection.execute("UPDATE studies SET study_name = 'evil'")
        connection.execute("UPDATE trials SET state = 'FAIL'")
        connection.commit()
    mine = tmp_path / "s.hptui" / "scratch" / "000000" / "model"
    mine.parent.mkdir(parents=True)
    mine.write_text("kept")
    (tmp_path / "evil.hptui").symlink_to("s.hptui")
    hold = take_lease(file, Lease.of_this_process("s", "run", tmp_path / "socket"))
    assert "not running" in run("status", "evil", cwd=tmp_path)[1]
    assert run("stop", "evil", cwd=tmp_path)[0] == 2
    hold.release()
    before = sorted(tmp_path.rglob("*"))
    for arguments in (
        ("run", f"{OBJECTIVES}:quick", "--study", "evil", "--trials", "1", "--any-objective"),
        ("rename", "evil", "other"),
        ("delete", "evil"),
        ("note", "evil", "--set", "x"),
    ):
        code, _, err = run(*arguments, cwd=tmp_path)
        assert code == 2, arguments
        assert "evil.hptui is a link" in err
    run("doctor", "evil", "--fix", cwd=tmp_path)
    assert mine.read_text() == "kept"
    assert sorted(tmp_path.rglob("*")) == before


def test_a_process_of_the_same_program_is_refused_too(tmp_path: Path):
    file = tmp_path / "s.db"
    assert run(*run_at(file, "--trials", "1"), cwd=tmp_path)[0] == 0
    linked = tmp_path / "linked.db"
    linked.symlink_to(file)
    take_lease(file, Lease.of_this_process("s", "run", tmp_path / "socket"))
    with pytest.raises(StudyBusyError, match="is being run by process"):
        take_lease(linked, Lease.of_this_process("s", "other", tmp_path / "socket"))
    take_lease(linked, Lease.of_this_process("another", "third", tmp_path / "socket"))

"""The lock of a study is on its file, by whatever path, and does nothing to SQLite's locks."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from tests.waiting import DEADLINE_S

from hptui.errors import StudyBusyError, StudyFileError
from hptui.storage.files import study_lock
from hptui.storage.files.open_files import (
    may_be_written_by_others,
    programs_with_open,
    require_closed,
)
from hptui.storage.files.study_folder import earlier_folder, folder_of
from hptui.storage.files.study_lock import (
    StudyLock,
    acquire,
    byte_of,
    held_bytes,
    whole_file_held,
)

_HOLDER: Final = """
import os, sys
from pathlib import Path
from hptui.storage.files.study_lock import acquire
lock = acquire(Path(sys.argv[1]), sys.argv[2])
if "fork" not in sys.argv or not os.fork():
    print("free" if lock is None else "held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "s.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE told (text)")
    return path


def holder(path: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start a process that holds the study `s` until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(path), "s", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def held(path: Path, study: str = "s") -> StudyLock:
    lock = acquire(path, study)
    assert lock is not None
    return lock


def test_it_holds_by_every_path_and_after_a_rename(file: Path):
    linked = file.with_name("linked.db")
    linked.symlink_to(file)
    with holder(linked) as process:
        assert acquire(file, "s") is None
        assert held_bytes(file) == held_bytes(linked) == {byte_of("s")}
        moved = file.rename(file.with_name("moved.db"))
        assert acquire(moved, "s") is None
        held(moved, "another study of the file").release()
        process.communicate(timeout=DEADLINE_S)
    held(moved).release()
    assert held_bytes(moved) == frozenset()


def test_it_is_free_at_once_when_its_process_is_killed_though_a_child_lives_on(file: Path):
    with holder(file, "fork") as process:
        process.kill()
        process.wait(DEADLINE_S)
        lock = acquire(file, "s")
        assert lock is not None
        lock.release()
        process.communicate(timeout=DEADLINE_S)


def test_a_program_that_this_one_starts_does_not_inherit_it(file: Path):
    lock = held(file)
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, close_fds=False) as child:
        lock.release()
        assert programs_with_open(file) == []
        with holder(file) as process:
            process.communicate(timeout=DEADLINE_S)
        child.communicate(timeout=DEADLINE_S)


def test_a_whole_file_is_held_against_every_study_of_it_wherever_it_is(file: Path):
    with holder(file) as process:
        with (
            pytest.raises(StudyBusyError, match="run or changed by another process"),
            whole_file_held(file),
        ):
            pytest.fail("it was held")
        process.communicate(timeout=DEADLINE_S)
    with whole_file_held(file):
        moved = file.rename(file.with_name("moved.db"))
        assert acquire(moved, "any") is None
        assert acquire(moved, None) is None
        assert held_bytes(moved) == frozenset()
        other = [sys.executable, "-c", _HOLDER, str(moved), "s"]
        assert (
            subprocess.run(other, input="", capture_output=True, text=True, check=True).stdout
            == "free\n"
        )
    lock = held(moved)
    assert acquire(moved, None) is None
    lock.release()


def sqlite_locks(file: Path) -> list[str]:
    """Return the system's locks that SQLite has on a file in this process."""
    lines = Path("/proc/locks").read_text("ascii").splitlines()
    own = f" {os.getpid()} "
    return [line for line in lines if own in line and f":{file.stat().st_ino} " in line]


def test_taking_and_releasing_it_leaves_sqlites_locks_alone(file: Path):
    if not Path("/proc/locks").exists():
        pytest.skip("locks are not told here")
    with closing(sqlite3.connect(file)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM told").fetchall()
        assert len(sqlite_locks(file)) == 1
        for study in ("s", "t"):
            held(file, study).release()
        assert len(sqlite_locks(file)) == 1, "its lock tells others that they are not alone"
        # The descriptor that had to stay is nobody's who reads or writes.
        assert programs_with_open(file) == [os.getpid()]
        assert not may_be_written_by_others(file)
    require_closed(file)
    held(file).release()
    assert not list_descriptors(file), "closed as soon as nothing else has it open"


def list_descriptors(file: Path) -> list[str]:
    found = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
    return [each.name for each in found if each.exists() and each.samefile(file)]


def test_a_file_with_two_names_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(study_lock, "_SETTLING_S", 0.0)
    os.link(file, file.with_name("other.db"))
    with pytest.raises(StudyFileError, match=r"one file with 2 names .* also other.db"):
        acquire(file, "s")
    assert held_bytes(file) == frozenset()


def test_a_file_that_is_being_made_may_have_two_names(file: Path, monkeypatch: pytest.MonkeyPatch):
    draft = file.with_name("draft")
    os.link(file, draft)

    def finish(_: float) -> None:
        draft.unlink()

    monkeypatch.setattr(study_lock.time, "sleep", finish)
    held(file).release()


def test_a_file_that_is_replaced_meanwhile_is_locked_anew(
    file: Path, monkeypatch: pytest.MonkeyPatch
):
    old = file.stat().st_ino
    lock = fcntl.fcntl

    def replace(fd: int, command: int, argument: bytes) -> object:
        monkeypatch.undo()
        file.rename(file.with_name("old.db"))
        file.touch()
        return lock(fd, command, argument)

    monkeypatch.setattr(study_lock.fcntl, "fcntl", replace)
    taken = held(file)
    assert taken.inode == file.stat().st_ino != old
    taken.release()


def test_without_such_locks_the_folder_has_one(file: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(study_lock, "_SET", None)
    lock = held(file)
    assert acquire(file, "s") is None
    held(file, "t").release()
    (folder_of(file, "s") / "engine.lock").unlink()
    held(file).release()
    lock.release()
    held(file).release()


def test_no_two_files_share_a_folder(tmp_path: Path):
    names = ("x", "x.db", "x.sqlite3", "x.sqlite", "x.sqlite3.db", "x.db.db", "x.hptui", "x-hptui")
    folders = {folder_of(tmp_path / name, Path(name).stem) for name in names}
    assert len(folders) == len(names)
    assert folders.isdisjoint(tmp_path / name for name in names if not name.endswith("hptui"))
    assert folder_of(tmp_path / "x.db", "x") == tmp_path / "x.hptui"


def test_the_folder_of_earlier_versions_is_taken_over_where_it_is_one_files(tmp_path: Path):
    file, folder = tmp_path / "x.sqlite3", tmp_path / "x.hptui"
    folder.mkdir()
    assert earlier_folder(file) == folder
    assert earlier_folder(tmp_path / "x.db") is None
    (tmp_path / "x.db").touch()
    assert earlier_folder(file) is None

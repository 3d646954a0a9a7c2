"""For how long an engine keeps away from the lock: not at all when it is alone."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import optuna
import pytest
from tests.waiting import DEADLINE_S

from hptui.engine.run.clock import now
from hptui.engine.run.lock_turns import LockTurns
from hptui.storage.files import open_files
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

HOLD = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?mode={sys.argv[2]}", uri=True)
connection.execute("SELECT count(*) FROM trials").fetchone()
print("open", flush=True)
sys.stdin.readline()
"""
LOOKS_EVERY_S = 0.1
"""SQLite looks for a lock so often after a while."""


@pytest.fixture
def storage(tmp_path: Path) -> Generator[SqliteStorage]:
    with SqliteStorage(tmp_path / "s.db", create=True) as made:
        optuna.create_study(study_name="s", storage=made)
        made.grouped = True
        yield made


@contextmanager
def _program(path: Path, mode: str) -> Generator[None]:
    """Have another program keep the file open."""
    words = [sys.executable, "-c", HOLD, str(path), mode]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "open\n"
    yield
    process.communicate("end\n", timeout=DEADLINE_S)


def _rests(storage: SqliteStorage, turns: LockTurns) -> list[float]:
    """Return the rests after commits that follow each other at once for some seconds."""
    rests: list[float] = []
    for tenth in range(50):
        storage.create_new_trial(1)
        assert storage.flush()
        rests.append(turns.rest_s(storage.lock_taken_at_s + tenth / 10))
    return rests


def test_alone_it_never_rests(storage: SqliteStorage, monkeypatch: pytest.MonkeyPatch):
    def read_locks() -> None:
        raise AssertionError("this would stop all locking of the machine for a moment")

    monkeypatch.setattr(open_files, "_connected_pids", read_locks)
    assert not any(_rests(storage, LockTurns(storage)))


def test_a_program_that_only_reads_is_no_reason_to_rest(storage: SqliteStorage):
    with _program(storage.path, "ro"):
        assert not any(_rests(storage, LockTurns(storage)))


def test_a_program_that_could_write_finds_the_lock_free_now_and_then(storage: SqliteStorage):
    with _program(storage.path, "rw"):
        rests = list(filter(None, _rests(storage, LockTurns(storage))))
    assert len(rests) >= 2
    assert min(rests) > LOOKS_EVERY_S


def test_others_that_write_get_a_turn_after_each_commit(storage: SqliteStorage):
    turns = LockTurns(storage)
    assert turns.rest_s(now()) == 0
    optuna.load_study(study_name="s", storage=f"sqlite:///{storage.path}").ask()
    storage.create_new_trial(1)
    assert storage.flush()
    held_s = 0.05
    rest_s = turns.rest_s(storage.lock_taken_at_s + held_s)
    assert rest_s >= max(LOOKS_EVERY_S, 2 * held_s)


def test_a_lock_that_others_hold_makes_the_file_a_shared_one(storage: SqliteStorage):
    turns = LockTurns(storage)
    with SqliteStorage(storage.path) as other:
        other.grouped = True
        other.create_new_trial(1)
        assert not turns.is_shared(now())
        with pytest.raises(Exception, match="locked"):
            storage.create_new_trial(1)
        assert turns.is_shared(now())

"""Locks, full disks and sudden deaths: nothing that was promised is lost."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from optuna.distributions import FloatDistribution
from optuna.study import StudyDirection
from optuna.trial import TrialState
from tests.storage.comparison import content_of
from tests.storage.other_program import locked_by_another
from tests.waiting import DEADLINE_S

from hptui.errors import StudyFileError
from hptui.storage.files.validation import inspect_file
from hptui.storage.sqlite import creation
from hptui.storage.sqlite.connection import StorageWriteError
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Iterator

MINIMIZE = [StudyDirection.MINIMIZE]
X = FloatDistribution(0, 1)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "study.db"


@pytest.fixture
def storage(path: Path) -> Iterator[SqliteStorage]:
    with SqliteStorage(path, create=True) as storage:
        storage.grouped = True
        yield storage


def _run_trial(storage: SqliteStorage, study_id: int) -> int:
    trial_id = storage.create_new_trial(study_id)
    _go_on(storage, trial_id)
    return trial_id


def _go_on(storage: SqliteStorage, trial_id: int) -> None:
    storage.set_trial_param(trial_id, "x", 0.5, X)
    storage.set_trial_intermediate_value(trial_id, 0, 0.5)
    storage.set_trial_user_attr(trial_id, "note", "long enough to need a page " * 200)
    storage.set_trial_state_values(trial_id, TrialState.COMPLETE, [float(trial_id)])


def test_a_lock_of_another_process_is_waited_out(storage: SqliteStorage, path: Path) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    running = [storage.create_new_trial(study_id) for _ in range(3)]
    assert storage.flush()
    with locked_by_another(path) as let_go:
        for trial_id in running:
            _go_on(storage, trial_id)
            assert not storage.flush()
        assert storage.trouble == "The file is locked by another program."
        written = content_of(storage)

        let_go()
        assert storage.flush(timeout_s=DEADLINE_S)
    assert storage.trouble is None
    assert content_of(storage) == content_of(path) == written


def test_a_full_disk_loses_nothing(storage: SqliteStorage, path: Path) -> None:
    study_id = storage.create_new_study(MINIMIZE, "s")
    raw = storage._file.connection.raw
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages + 4}")
    ids = [_run_trial(storage, study_id) for _ in range(20)]

    assert not storage.flush()
    assert storage.trouble == "The disk is full."
    assert storage.has_pending_finish
    # The trials go on in memory while the disk is full, and new ones come.
    ids.append(_run_trial(storage, study_id))
    assert not storage.flush()
    assert len(storage.get_all_trials(study_id)) == len(ids)
    written = content_of(storage)

    raw.execute("PRAGMA max_page_count = 1000000")
    assert storage.flush()
    assert storage.trouble is None
    assert [trial._trial_id for trial in storage.get_all_trials(study_id)] == ids
    assert content_of(storage) == content_of(path) == written


def test_a_full_disk_is_an_error_for_a_write_at_once(storage: SqliteStorage, path: Path) -> None:
    storage.grouped = False
    study_id = storage.create_new_study(MINIMIZE, "s")
    trial_id = storage.create_new_trial(study_id)
    raw = storage._file.connection.raw
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count = {pages}")

    with pytest.raises(StorageWriteError, match="The disk is full"):
        storage.set_trial_user_attr(trial_id, "note", "x" * 100_000)

    assert storage.get_trial(trial_id).user_attrs == {}
    assert content_of(storage) == content_of(path)


def test_every_statement_that_fails_once_is_made_up_for(path: Path) -> None:
    """Fail the n-th write of a flush, for each n, by a limit on the size of the file."""
    n_pages = 1
    failures = 0
    while True:
        with SqliteStorage(path, create=True) as storage:
            storage.grouped = True
            study_id = storage.create_new_study(MINIMIZE, f"s{n_pages}")
            raw = storage._file.connection.raw
            (pages,) = raw.execute("PRAGMA page_count").fetchone()
            raw.execute(f"PRAGMA max_page_count = {pages + n_pages}")
            for _ in range(4):
                _run_trial(storage, study_id)
            is_written = storage.flush()
            raw.execute("PRAGMA max_page_count = 1000000")
            assert storage.flush()
            assert content_of(storage) == content_of(path)
        if is_written:
            break
        failures += 1
        n_pages += 1
    assert failures >= 3


@pytest.mark.parametrize("seed", range(6))
def test_a_killed_process_leaves_a_sound_file(path: Path, seed: int) -> None:
    rng = random.Random(seed)
    announced: list[int] = []
    for _ in range(2):
        n_lines = rng.randrange(1, 60)
        with subprocess.Popen(
            [sys.executable, Path(__file__).with_name("writing_process.py"), str(path)],
            stdout=subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            text=True,
        ) as writer:
            assert writer.stdout is not None
            announced += [int(writer.stdout.readline()) for _ in range(n_lines)]
            writer.kill()
            announced += [int(line) for line in writer.stdout if line.endswith("\n")]

    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    half = connection.execute(
        "SELECT count(*) FROM trials WHERE state = 'COMPLETE' AND (SELECT count(*) FROM"
        " trial_values WHERE trial_values.trial_id = trials.trial_id) != 1"
    ).fetchone()
    connection.close()
    assert half == (0,)
    with SqliteStorage(path) as storage:
        trials = storage.get_all_trials(storage.get_study_id_from_name("s"))
        assert [trial.number for trial in trials] == list(range(len(trials)))
        assert all(len(trial.intermediate_values) == 5 for trial in trials)
        finished = {trial.number for trial in trials if trial.state is TrialState.COMPLETE}
        assert set(announced) <= finished


FILLING = """
import subprocess, sys
from pathlib import Path
from hptui.errors import HptuiError
from hptui.storage.sqlite.creation import create_study_file
from hptui.storage.files.validation import inspect_file

place, refused = Path(sys.argv[1]), 0
for n_kilobytes in range(4, 320, 8):
    size = f"size={n_kilobytes}k"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", str(place)], check=True)
    path = place / "study.db"
    try:
        create_study_file(path)
    except HptuiError:
        refused += 1
        assert not path.exists(), size
    else:
        assert inspect_file(path).kind == "optuna", size
    assert {each.name for each in place.iterdir()} <= {path.name}, size
    subprocess.run(["umount", "-l", str(place)], check=True)
print(refused)
"""
ALONE = ("unshare", "--user", "--map-root-user", "--mount")


def may_mount(place: Path) -> bool:
    """Whether there may be small disks of our own here."""
    words = [*ALONE, "mount", "-t", "tmpfs", "none", str(place)]
    try:
        return subprocess.run(words, capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def test_a_disk_that_fills_while_a_file_is_made_leaves_the_whole_file_or_none(
    tmp_path: Path,
) -> None:
    if not may_mount(tmp_path):
        pytest.skip("no small disk can be mounted here")
    script = [*ALONE, sys.executable, "-c", FILLING, str(tmp_path)]
    done = subprocess.run(script, capture_output=True, text=True, timeout=DEADLINE_S, check=False)
    assert done.returncode == 0, done.stderr
    assert 5 < int(done.stdout) < 35


def test_a_file_that_holds_nothing_is_filled_once_by_several_runs_and_no_other_is_touched(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make = creation._make

    def make_after_another(path: Path, *, wal: bool) -> None:
        make(path, wal=wal)
        make(path, wal=wal)

    monkeypatch.setattr(creation, "_make", make_after_another)
    path.touch()
    beside = path.with_name("study.db-wal")
    beside.write_bytes(b"of an earlier file")
    with pytest.raises(StudyFileError, match="it belongs to a file that is gone"):
        creation.fill_empty_file(path)
    beside.unlink()
    creation.fill_empty_file(path)
    assert inspect_file(path).kind == "optuna"
    path.write_bytes(b"text")
    creation.fill_empty_file(path)
    assert path.read_bytes() == b"text"

"""Studies get other names and are copied, with all that belongs to them and nothing else."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import subprocess
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import pytest
from tests.storage.comparison import content_of, everything, plain_optuna
from tests.storage.random_studies import write_study
from tests.storage.study_file import FLOAT, StudyFile

from hptui.domain.study_name import check_study_name
from hptui.engine.recovery.lease import Lease, folder_of, take_lease
from hptui.engine.studies.renaming import duplicate_study, free_name, rename_study
from hptui.errors import HptuiError, StudyBusyError, StudyFileError, UsageError
from hptui.storage.files import open_files
from hptui.storage.read.studies import list_studies, read_summary, study_names

if TYPE_CHECKING:
    from pathlib import Path


def make(path: Path, *names: str, n_trials: int = 3) -> Path:
    """A study file in WAL mode, with studies of these names and a folder with a log for each."""
    with StudyFile(path) as built:
        built.run("PRAGMA journal_mode = WAL")
        for name in names:
            study_id = built.add_study(name)
            for value in range(n_trials):
                built.add_trial(float(value), study_id=study_id, params={"x": (0.5, FLOAT)})
            log = folder_of(path, name) / "logs" / "trial-000000.log"
            log.parent.mkdir(parents=True)
            log.write_text(name)
    return path


def log_of(path: Path, name: str) -> str:
    return (folder_of(path, name) / "logs" / "trial-000000.log").read_text()


def names_in(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


@pytest.fixture
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(open_files, "_OWN_READERS_TIMEOUT_S", 0.05)


# Renaming.


def test_a_study_its_file_and_its_folder_get_the_new_name(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    assert rename_study(path, "old", "new") == tmp_path / "new.db"
    assert names_in(tmp_path) == {"new.db", "new.hptui"}
    assert read_summary(tmp_path / "new.db", "new").n_trials == 3
    assert log_of(tmp_path / "new.db", "new") == "old"
    assert names_in(tmp_path / "new.hptui") == {"logs"}


def test_a_study_without_a_folder_gets_none(tmp_path: Path):
    with StudyFile(tmp_path / "old.db") as built:
        built.add_study("old")
    rename_study(tmp_path / "old.db", "old", "new")
    assert names_in(tmp_path) == {"new.db"}


def test_commits_that_are_only_in_the_wal_file_go_along(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    script = (
        "import os, sqlite3, sys\n"
        "connection = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "connection.execute('PRAGMA wal_autocheckpoint = 0')\n"
        'connection.execute("UPDATE trial_values SET value = 77.0 WHERE trial_id = 1")\n'
        "os._exit(0)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    assert (tmp_path / "old.db-wal").stat().st_size
    target = rename_study(path, "old", "new")
    assert names_in(tmp_path) == {"new.db", "new.hptui"}
    with closing(sqlite3.connect(target)) as connection:
        (value,) = connection.execute("SELECT value FROM trial_values LIMIT 1").fetchone()
    assert value == 77.0


def test_a_study_among_others_is_renamed_inside_its_file(tmp_path: Path):
    path = make(tmp_path / "shared.db", "shared", "second")
    assert rename_study(path, "second", "third") == path
    assert study_names(path) == ["shared", "third"]
    assert log_of(path, "third") == "second"
    assert rename_study(path, "shared", "first") == path
    assert study_names(path) == ["first", "third"]
    assert log_of(path, "first") == "shared"
    assert not (tmp_path / "shared.hptui" / "logs").exists()
    rename_study(path, "third", "shared")
    assert log_of(path, "shared") == "second"
    assert log_of(path, "first") == "shared"


def test_a_lone_study_that_is_not_called_like_its_file_leaves_the_file_alone(tmp_path: Path):
    path = make(tmp_path / "file.db", "study")
    assert rename_study(path, "study", "other") == path
    assert study_names(path) == ["other"]
    assert log_of(path, "other") == "study"


def test_the_renamed_study_is_the_same_for_plain_optuna(tmp_path: Path):
    storage = plain_optuna(tmp_path / "old.db")
    write_study(storage, random.Random(1), "old")
    storage.remove_session()
    storage.engine.dispose()
    before = content_of(tmp_path / "old.db")
    rename_study(tmp_path / "old.db", "old", "new")
    after = content_of(tmp_path / "new.db")
    assert [study[2:] for study in after] == [study[2:] for study in before]
    assert [study[1] for study in after] == ["new"]


@pytest.mark.parametrize(
    "taken", ["new.db", "new.hptui/logs/trial-000001.log", "new.db-wal", "new.db-journal"]
)
def test_nothing_is_replaced(tmp_path: Path, taken: str):
    path = make(tmp_path / "old.db", "old")
    (tmp_path / taken).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / taken).write_text("mine")
    before = everything(tmp_path)
    with pytest.raises(StudyFileError, match=r"in the way|already exists"):
        rename_study(path, "old", "new")
    assert everything(tmp_path).items() >= before.items()
    assert study_names(path) == ["old"]


def test_a_dangling_link_counts_as_taken(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    (tmp_path / "new.db").symlink_to(tmp_path / "nowhere")
    with pytest.raises(StudyFileError, match="already exists"):
        rename_study(path, "old", "new")


def test_a_name_in_the_same_file_is_taken(tmp_path: Path):
    path = make(tmp_path / "shared.db", "a", "b")
    with pytest.raises(StudyFileError, match=r"already holds a study 'b'|in the way"):
        rename_study(path, "a", "b")
    assert study_names(path) == ["a", "b"]
    assert log_of(path, "a") == "a"


@pytest.mark.parametrize(
    "name", ["", ".hidden", "../up", "a/b", "-x", "a\nb", "x" * 101, "a\x1b[m"]
)
def test_a_name_that_cannot_be_a_files_is_refused(tmp_path: Path, name: str):
    path = make(tmp_path / "old.db", "old")
    for act in (rename_study, duplicate_study):
        with pytest.raises(UsageError, match="cannot be a study's name"):
            act(path, "old", name)
    assert study_names(path) == ["old"]


def test_the_same_name_is_refused(tmp_path: Path):
    with pytest.raises(UsageError, match="already called old"):
        rename_study(make(tmp_path / "old.db", "old"), "old", "old")


def test_a_study_that_is_not_there(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    for act in (rename_study, duplicate_study):
        with pytest.raises(StudyFileError, match="no study 'other'"):
            act(path, "other", "new")
        with pytest.raises(StudyFileError, match="does not exist"):
            act(tmp_path / "none.db", "none", "new")


def test_a_study_that_an_engine_runs_is_left_alone(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    lease = Lease.of_this_process("old", "run", tmp_path / "socket")
    take_lease(path, lease)
    with pytest.raises(StudyBusyError, match="being run by process"):
        rename_study(path, "old", "new")
    assert study_names(path) == ["old"]
    assert json.loads((tmp_path / "old.hptui" / "engine.json").read_text())["run"] == "run"


def test_the_lease_of_a_dead_engine_is_no_obstacle(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    lease = Lease.of_this_process("old", "run", tmp_path / "socket")
    dead = {**{key: getattr(lease, key) for key in ("study", "run", "pid", "boot", "host")}}
    (tmp_path / "old.hptui" / "engine.json").write_text(
        json.dumps({**dead, "started": "1", "socket": ""})
    )
    assert rename_study(path, "old", "new").name == "new.db"


def test_a_file_that_another_program_has_open_is_not_moved(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    script = "import sys\nfile = open(sys.argv[1])\nprint('open', flush=True)\nsys.stdin.read()\n"
    with subprocess.Popen(
        [sys.executable, "-c", script, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as other:
        assert other.stdout is not None
        other.stdout.readline()
        with pytest.raises(StudyBusyError, match=f"open in process {other.pid}"):
            rename_study(path, "old", "new")
    assert study_names(path) == ["old"]
    assert rename_study(path, "old", "new").name == "new.db"


def test_a_process_that_is_just_being_started_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """Between its start and its own program it has all open that we have."""
    path, looks = make(tmp_path / "old.db", "old"), [[1], [1]]

    def programs(path: Path) -> list[int]:
        return looks.pop() if looks else []

    monkeypatch.setattr(open_files, "programs_with_open", programs)
    assert rename_study(path, "old", "new") == tmp_path / "new.db"
    assert looks == []


@pytest.mark.usefixtures("short_wait")
def test_a_file_that_is_being_read_here_is_not_moved(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    with path.open("rb"), pytest.raises(StudyBusyError, match="still being read"):
        rename_study(path, "old", "new")
    assert study_names(path) == ["old"]


def test_a_link_is_not_renamed(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "elsewhere" / "old.db", "old")
    link = tmp_path / "old.db"
    link.symlink_to(tmp_path / "elsewhere" / "old.db")
    with pytest.raises(StudyFileError, match="is a link to"):
        rename_study(link, "old", "new")
    assert link.is_symlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    tmp_path.chmod(0o500)
    try:
        for act in (rename_study, duplicate_study):
            with pytest.raises(StudyFileError, match=r"read-only|cannot be written"):
                act(path, "old", "new")
    finally:
        tmp_path.chmod(0o700)
    assert study_names(path) == ["old"]


def test_when_the_move_fails_the_study_keeps_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = make(tmp_path / "old.db", "old")

    def refuse(*_: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("hptui.storage.files.moving.put_in_place", refuse)
    with pytest.raises(StudyFileError, match="cannot be renamed: Permission denied"):
        rename_study(path, "old", "new")
    monkeypatch.undo()
    assert study_names(path) == ["old"]
    assert log_of(path, "old") == "old"
    assert not {name for name in names_in(tmp_path) if name.startswith("new")}


@pytest.mark.parametrize("stem", ["a b", "ä%41?#", "it's", "[x]", "a.b.c"])
def test_odd_file_names(tmp_path: Path, stem: str):
    path = make(tmp_path / f"{stem}.db", stem)
    assert rename_study(path, stem, "new") == tmp_path / "new.db"
    assert log_of(tmp_path / "new.db", "new") == stem


# Duplicating.


@pytest.mark.parametrize("seed", range(3))
def test_a_duplicate_holds_what_its_original_holds(tmp_path: Path, seed: int):
    rng = random.Random(seed)
    storage = plain_optuna(tmp_path / "shared.db")
    for name in ("one", "two", "three"):
        write_study(storage, rng, name)
    storage.remove_session()
    storage.engine.dispose()
    before = content_of(tmp_path / "shared.db")
    running_ends(before)
    assert duplicate_study(tmp_path / "shared.db", "two", "copy") == tmp_path / "copy.db"
    (copy,) = content_of(tmp_path / "copy.db")
    running_ends([copy])
    (original,) = [study for study in before if study[1] == "two"]
    assert copy[1] == "copy"
    assert copy[2:] == original[2:]
    assert names_in(tmp_path) == {"shared.db", "copy.db"}


def running_ends(studies: list[Any]) -> None:
    """Leave out what a copy changes of trials that were running."""
    for study in studies:
        for trial in study[5]:
            attributes = trial["_system_attrs"]
            if trial["state"].name == "RUNNING" or "was copied" in attributes:
                for name in ("state", "_datetime_complete", "_system_attrs"):
                    trial.pop(name, None)
                trial.pop("datetime_complete", None)


def test_a_duplicate_can_be_made_while_an_engine_runs(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    with StudyFile(path) as built:
        built.add_trial(state="RUNNING")
    take_lease(path, Lease.of_this_process("s", "run", tmp_path / "socket"))
    duplicate_study(path, "s", "copy")
    assert read_summary(path, "s").counts["RUNNING"] == 1
    assert read_summary(tmp_path / "copy.db", "copy").counts == {
        "RUNNING": 0,
        "COMPLETE": 3,
        "PRUNED": 0,
        "FAIL": 1,
        "WAITING": 0,
        "STALE": 0,
    }


def test_a_duplicate_is_a_study_of_its_own(tmp_path: Path):
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s", hptui_study={"token": "t", "created": "2026-03-01"})
    duplicate_study(tmp_path / "s.db", "s", "copy")
    with closing(sqlite3.connect(tmp_path / "copy.db")) as connection:
        ((text,),) = connection.execute("SELECT value_json FROM study_system_attributes").fetchall()
    facts = json.loads(text)
    assert facts["created"] == "2026-03-01"
    assert facts["token"] != "t"


@pytest.mark.parametrize("taken", ["copy.db", "copy.hptui/logs", "copy.db-wal"])
def test_a_duplicate_replaces_nothing(tmp_path: Path, taken: str):
    path = make(tmp_path / "s.db", "s")
    (tmp_path / taken).parent.mkdir(exist_ok=True)
    (tmp_path / taken).write_text("mine")
    with pytest.raises(StudyFileError, match=r"already exists|in the way"):
        duplicate_study(path, "s", "copy")
    assert (tmp_path / taken).read_text() == "mine"
    assert not [name for name in names_in(tmp_path) if name.startswith(".hptui-new")]


def test_a_damaged_file_is_not_copied(tmp_path: Path):
    (tmp_path / "s.db").write_bytes(b"SQLite format 3\0" + b"\1" * 5000)
    with pytest.raises(HptuiError):
        duplicate_study(tmp_path / "s.db", "s", "copy")
    assert names_in(tmp_path) == {"s.db"}


def test_free_names_count_up(tmp_path: Path):
    make(tmp_path / "s.db", "s")
    assert free_name(tmp_path, "s") == "s-2"
    make(tmp_path / "s-2.db", "s-2")
    assert free_name(tmp_path, "s") == "s-3"
    assert free_name(tmp_path, "s-2") == "s-3"
    for name, offered in (
        ("a/b: \x1b[2J.", "a-b- -2J-2"),
        ("../..", "study-2"),
        ("x" * 100, f"{'x' * 98}-2"),
        ("s" + "-" * 120, "s-3"),
        ("_own one", "_own-one-2"),
        ("a b.", "a b.-2"),
        ("\ud800" + "9" * 5_000, f"{'9' * 98}-2"),
        ("木" * 90, f"{'木' * 66}-2"),
    ):
        assert free_name(tmp_path, name) == offered
        check_study_name(offered)
    assert [study.name for study in list_studies(tmp_path)] == ["s-2", "s"]

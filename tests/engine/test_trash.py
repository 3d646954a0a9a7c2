"""Deleting moves to a trash, and undoing brings everything back."""

from __future__ import annotations

import json
import os
import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest
from tests.engine.test_renaming import log_of, make, names_in
from tests.storage.comparison import content_of, everything, plain_optuna
from tests.storage.random_studies import write_study
from tests.storage.study_file import StudyFile

from hptui.engine.recovery.lease import Lease, folder_of, take_lease
from hptui.engine.studies.trash import TRASH, delete_study, list_trash, undo_delete
from hptui.errors import HptuiError, StudyBusyError, StudyFileError, UsageError
from hptui.storage.read.studies import list_studies, study_names

if TYPE_CHECKING:
    from pathlib import Path


def test_a_lone_study_goes_with_its_file_and_comes_back(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    before = content_of(path)
    entry = delete_study(path, "s")
    assert names_in(tmp_path) == {TRASH}
    assert list_studies(tmp_path) == []
    assert list_trash(tmp_path) == [entry]
    assert undo_delete(entry) == path
    assert content_of(path) == before
    assert log_of(path, "s") == "s"
    assert names_in(tmp_path) == {"s.db", "s.hptui"}
    assert list_trash(tmp_path) == []


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", ["one", "two", "three"])
def test_one_study_of_several_goes_alone_and_comes_back(tmp_path: Path, seed: int, name: str):
    rng = random.Random(seed)
    path = tmp_path / "shared.db"
    storage = plain_optuna(path)
    for each in ("one", "two", "three"):
        write_study(storage, rng, each)
    storage.remove_session()
    storage.engine.dispose()
    before = content_of(path)
    entry = delete_study(path, name)
    assert content_of(path) == [study for study in before if study[1] != name]
    undo_delete(entry)
    assert content_of(path) == before
    assert names_in(tmp_path) == {"shared.db"}


def test_ids_that_were_used_again_make_way(tmp_path: Path):
    path = make(tmp_path / "shared.db", "one", "two")
    logs = {name: log_of(path, name) for name in ("one", "two")}
    entry = delete_study(path, "two")
    with StudyFile(path) as built:
        study_id = built.add_study("three")
        for value in (7.0, 8.0):
            built.add_trial(value, study_id=study_id)
    three = content_of(path)[1]
    undo_delete(entry)
    studies = {study[1]: study for study in content_of(path)}
    assert studies["three"] == three
    assert [trial["_values"] for trial in studies["two"][5]] == ["[0.0]", "[1.0]", "[2.0]"]
    assert [trial["_number"] for trial in studies["two"][5]] == [0, 1, 2]
    assert logs == {name: log_of(path, name) for name in ("one", "two")}


def test_the_folder_of_the_others_stays(tmp_path: Path):
    path = make(tmp_path / "shared.db", "shared", "two")
    entry = delete_study(path, "shared")
    assert not (tmp_path / "shared.hptui" / "logs").exists()
    assert log_of(path, "two") == "two"
    undo_delete(entry)
    assert log_of(path, "shared") == "shared"
    assert log_of(path, "two") == "two"


def test_the_last_study_of_a_file_takes_the_file_and_all_folders_along(tmp_path: Path):
    path = make(tmp_path / "file.db", "study")
    entry = delete_study(path, "study")
    assert entry.is_whole_file
    assert names_in(tmp_path) == {TRASH}
    undo_delete(entry)
    assert log_of(path, "study") == "study"


def test_deletions_are_undone_latest_first(tmp_path: Path):
    path = make(tmp_path / "shared.db", "one", "two")
    first = delete_study(path, "one")
    second = delete_study(path, "two")
    assert not path.exists()
    assert list_trash(tmp_path) == [second, first]
    undo_delete(second)
    undo_delete(first)
    assert sorted(study_names(path)) == ["one", "two"]


def test_a_study_whose_file_is_gone_comes_back_in_one_of_its_own(tmp_path: Path):
    path = make(tmp_path / "shared.db", "one", "two")
    entry = delete_study(path, "one")
    path.unlink()
    assert undo_delete(entry) == path
    assert study_names(path) == ["one"]


def test_a_name_that_was_taken_since_is_left_alone(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    entry = delete_study(path, "s")
    path.write_text("mine")
    with pytest.raises(StudyFileError, match="already exists") as refused:
        undo_delete(entry)
    assert "then undo" in refused.value.hint
    assert path.read_text() == "mine"
    path.unlink()
    undo_delete(entry)
    assert study_names(path) == ["s"]


def test_a_study_of_the_same_name_in_the_file_is_left_alone(tmp_path: Path):
    path = make(tmp_path / "shared.db", "one", "two")
    (folder_of(path, "one") / "logs" / "trial-000000.log").unlink()
    (folder_of(path, "one") / "logs").rmdir()
    entry = delete_study(path, "one")
    with StudyFile(path) as built:
        built.add_study("one")
    before = content_of(path)
    with pytest.raises(StudyFileError, match="'one' in the file already"):
        undo_delete(entry)
    assert content_of(path) == before
    assert list_trash(tmp_path) == [entry]


def test_a_study_that_an_engine_runs_is_not_deleted(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    take_lease(path, Lease.of_this_process("s", "run", tmp_path / "socket"))
    before = everything(tmp_path)
    with pytest.raises(StudyBusyError, match="being run"):
        delete_study(path, "s")
    assert everything(tmp_path) == before


def test_a_study_beside_one_that_runs_can_be_deleted(tmp_path: Path):
    path = make(tmp_path / "shared.db", "shared", "two")
    take_lease(path, Lease.of_this_process("shared", "run", tmp_path / "socket"))
    delete_study(path, "two")
    assert study_names(path) == ["shared"]
    with pytest.raises(StudyBusyError):
        delete_study(path, "shared")


def test_trials_that_run_in_another_program_keep_a_study_from_being_deleted(tmp_path: Path):
    path = make(tmp_path / "shared.db", "one", "two")
    with StudyFile(path) as built:
        built.add_trial(study_id=1, state="RUNNING")
        with pytest.raises(StudyBusyError, match="still being read here"):
            delete_study(path, "one")
    delete_study(path, "one")


@pytest.mark.parametrize(
    "content", [b"", b"SQLite format 3\0" + b"\1" * 5000, b"SQLite format 3\0"]
)
def test_a_damaged_study_file_can_be_deleted_and_brought_back(tmp_path: Path, content: bytes):
    path = tmp_path / "s.db"
    path.write_bytes(content)
    (tmp_path / "s.db-wal").write_bytes(b"what is left")
    entry = delete_study(path, "s")
    assert names_in(tmp_path) == {TRASH}
    undo_delete(entry)
    assert path.read_bytes() == content
    assert (tmp_path / "s.db-wal").read_bytes() == b"what is left"


def test_what_is_no_study_file_is_not_deleted(tmp_path: Path):
    (tmp_path / "text.db").write_text("notes")
    with closing(sqlite3.connect(tmp_path / "other.db")) as connection:
        connection.execute("CREATE TABLE invoices (id)")
    (tmp_path / "folder.db").mkdir()
    for name in ("text", "other", "folder", "none"):
        with pytest.raises(StudyFileError):
            delete_study(tmp_path / f"{name}.db", name)
    assert names_in(tmp_path) == {"text.db", "other.db", "folder.db"}


def test_a_link_is_not_deleted(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "elsewhere" / "s.db", "s")
    (tmp_path / "s.db").symlink_to(tmp_path / "elsewhere" / "s.db")
    with pytest.raises(StudyFileError, match="is a link"):
        delete_study(tmp_path / "s.db", "s")
    assert (tmp_path / "s.db").is_symlink()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(StudyFileError, match="read-only"):
            delete_study(path, "s")
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_the_place_of_the_trash(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    (tmp_path / TRASH).write_text("mine")
    with pytest.raises(StudyFileError, match="cannot be deleted"):
        delete_study(path, "s")
    assert study_names(path) == ["s"]
    assert log_of(path, "s") == "s"


@pytest.mark.parametrize("name", ["../s.db", "/s.db", "", "..", "a/b.db"])
def test_an_entry_cannot_bring_back_to_elsewhere(tmp_path: Path, name: str):
    entry = delete_study(make(tmp_path / "s.db", "s"), "s")
    facts = json.loads((entry.folder / "entry.json").read_text())
    (entry.folder / "entry.json").write_text(json.dumps({**facts, "file": name}))
    assert list_trash(tmp_path) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"file": "s.db"}'])
def test_unreadable_entries_are_passed_over(tmp_path: Path, text: str):
    entry = delete_study(make(tmp_path / "s.db", "s"), "s")
    (entry.folder / "entry.json").write_text(text)
    assert list_trash(tmp_path) == []


def test_what_was_taken_out_of_the_trash_cannot_be_brought_back(tmp_path: Path):
    for names in (["s"], ["one", "two"]):
        path = make(tmp_path / f"{names[0]}.db", *names)
        entry = delete_study(path, names[-1])
        for file in entry.folder.glob("*.db"):
            file.unlink()
        with pytest.raises(UsageError, match="no longer in the trash"):
            undo_delete(entry)


def test_a_trap_in_the_trash_is_not_taken_in(tmp_path: Path):
    path = make(tmp_path / "shared.db", "one", "two")
    entry = delete_study(path, "two")
    with closing(sqlite3.connect(entry.folder / "study.db")) as connection:
        connection.execute("CREATE VIEW v AS SELECT 1")
    with pytest.raises(HptuiError, match="view"):
        undo_delete(entry)
    assert study_names(path) == ["one"]

"""Changes whose process was killed are gone on with; journals from elsewhere do no harm."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from tests.engine.test_renaming import everything, log_of, make, names_in
from tests.storage.study_file import StudyFile

from hptui.cli import main
from hptui.engine.recovery.lease import Lease, take_lease
from hptui.engine.studies import resuming
from hptui.engine.studies.renaming import rename_study
from hptui.engine.studies.resuming import resume_changes
from hptui.engine.studies.trash import TRASH, delete_study, list_trash
from hptui.errors import HptuiError, StudyBusyError, StudyFileError
from hptui.storage.files import journal
from hptui.storage.files.journal import JOURNAL, begin_journal
from hptui.storage.read.studies import study_names

if TYPE_CHECKING:
    from pathlib import Path

RENAMING = {
    "kind": "rename",
    "file": "old.db",
    "study": "old",
    "new_file": "new.db",
    "new_study": "new",
}
UNDOING = {"kind": "undo", "file": "s.db", "study": "s", "is_whole_file": True}


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resuming, "_PATIENCE_S", 0.0)
    monkeypatch.setattr(journal, "_PATIENCE_S", 0.0)


def leave(folder: Path, facts: dict[str, Any]) -> None:
    """Leave the journal of a change whose process is gone."""
    with begin_journal(folder, facts):
        pass


def test_a_file_that_a_kill_left_with_both_names_has_one_again(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    leave(tmp_path, RENAMING)
    os.link(path, tmp_path / "new.db")
    assert "It is finished now." in resume_changes(tmp_path)
    assert names_in(tmp_path) == {"new.db", "new.hptui"}
    assert (tmp_path / "new.db").stat().st_nlink == 1
    assert study_names(tmp_path / "new.db") == ["new"]
    assert log_of(tmp_path / "new.db", "new") == "old"


def test_what_has_not_begun_is_taken_back(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    leave(tmp_path, RENAMING)
    before = everything(tmp_path)
    said = resume_changes(tmp_path)
    assert said == "Renaming old to new was interrupted: its process died. It was undone."
    after = everything(tmp_path)
    assert after.keys() - {"old.hptui/engine.lock"} == before.keys() - {JOURNAL}
    assert study_names(path) == ["old"]
    assert resume_changes(tmp_path) == ""


def test_a_renaming_whose_new_name_is_taken_meanwhile_is_taken_back(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    leave(tmp_path, RENAMING)
    with StudyFile(path) as built:
        built.add_study("new")
    path.rename(tmp_path / "new.db")
    assert "It was undone." in resume_changes(tmp_path)
    assert names_in(tmp_path) == {"old.db", "old.hptui"}
    assert study_names(path) == ["old", "new"]


def test_nothing_is_replaced_when_neither_can_be_done(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = make(tmp_path / "old.db", "old")
    leave(tmp_path, RENAMING)
    with StudyFile(path) as built:
        built.add_study("new")
    path.rename(tmp_path / "new.db")
    path.write_text("mine")
    assert main(["ls", "--studies", str(tmp_path)]) == 0
    assert "Renaming old to new" in capsys.readouterr().err
    assert path.read_text() == "mine"
    assert study_names(tmp_path / "new.db") == ["old", "new"]


def test_the_list_and_other_commands_go_on_first_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = make(tmp_path / "old.db", "old")
    for words in (["ls"], ["show", "new"], ["show", str(tmp_path / "new.db")]):
        leave(tmp_path, RENAMING)
        path.rename(tmp_path / "new.db")
        assert main([*words, "--studies", str(tmp_path)]) == 0
        told = capsys.readouterr()
        assert "Renaming old to new was interrupted" in told.err
        assert "new" in told.out
        assert study_names(tmp_path / "new.db") == ["new"]
        rename_study(tmp_path / "new.db", "new", "old")


def test_the_doctor_changes_nothing_before_it_is_asked_to(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    path = make(tmp_path / "old.db", "old")
    leave(tmp_path, RENAMING)
    path.rename(tmp_path / "new.db")
    assert main(["doctor", "--studies", str(tmp_path), "--json"]) == 1
    (found, *_) = json.loads(capsys.readouterr().out)
    assert [each["id"] for each in found["findings"]] == ["change"]
    assert (tmp_path / JOURNAL).exists()
    assert main(["doctor", "--studies", str(tmp_path), "--fix"]) == 0
    assert names_in(tmp_path) == {"new.db", "new.hptui"}


@pytest.mark.usefixtures("no_patience")
def test_a_change_that_goes_on_is_left_alone(tmp_path: Path):
    make(tmp_path / "old.db", "old")
    make(tmp_path / "other.db", "other")
    with begin_journal(tmp_path, RENAMING) as held:
        assert resume_changes(tmp_path) == ""
        with pytest.raises(StudyBusyError, match="are being changed"):
            delete_study(tmp_path / "other.db", "other")
        assert (tmp_path / JOURNAL).exists()
        assert names_in(tmp_path) >= {"old.db", "other.db"}
        held.remove()
    delete_study(tmp_path / "other.db", "other")


@pytest.mark.usefixtures("no_patience")
def test_a_study_that_an_engine_runs_is_gone_on_with_later(tmp_path: Path):
    path = make(tmp_path / "old.db", "old")
    leave(tmp_path, RENAMING)
    path.rename(tmp_path / "new.db")
    lease = Lease.of_this_process("new", "run", tmp_path / "socket")
    hold = take_lease(tmp_path / "new.db", lease)
    with pytest.raises(StudyBusyError, match="being run"):
        resume_changes(tmp_path)
    hold.release()
    assert "It is finished now." in resume_changes(tmp_path)
    assert log_of(tmp_path / "new.db", "new") == "old"


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"kind": "rename"},
        {"kind": "format"},
        {"kind": ["rename"]},
        {**RENAMING, "file": "../elsewhere/old.db"},
        {**RENAMING, "new_file": "../new.db"},
        {**RENAMING, "new_file": "evil.py"},
        {**RENAMING, "new_study": "../up"},
        {**RENAMING, "study": None},
        {**RENAMING, "file": "a\0.db"},
        {**RENAMING, "file": JOURNAL},
        {**UNDOING, "stamp": ".."},
        {**UNDOING, "stamp": "a/b"},
    ],
)
def test_a_journal_that_leads_elsewhere_is_not_followed(
    tmp_path: Path, facts: dict[str, Any], capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "elsewhere").mkdir()
    make(tmp_path / "elsewhere" / "old.db", "old")
    folder = tmp_path / "studies"
    folder.mkdir()
    make(folder / "old.db", "old")
    (folder / JOURNAL).write_text(json.dumps(facts))
    before = everything(tmp_path)
    with pytest.raises(StudyFileError, match="cannot be continued"):
        resume_changes(folder)
    assert main(["ls", "--studies", str(folder)]) == 0
    assert main(["doctor", "--studies", str(folder), "--fix"]) == 1
    assert JOURNAL in capsys.readouterr().out
    assert everything(tmp_path) == before


def test_a_journal_that_is_no_file_of_its_own_is_not_read(tmp_path: Path):
    make(tmp_path / "old.db", "old")
    place = tmp_path / JOURNAL
    (tmp_path / "text").write_text(json.dumps(RENAMING))
    for put in (
        lambda: os.mkfifo(place),
        lambda: place.symlink_to(tmp_path / "text"),
        lambda: place.symlink_to("/dev/zero"),
        lambda: place.write_text("[" * 9_000),
    ):
        put()
        with pytest.raises(HptuiError, match="cannot be continued"):
            resume_changes(tmp_path)
        place.unlink()
    assert study_names(tmp_path / "old.db") == ["old"]


def test_a_trash_that_leads_elsewhere_is_not_followed(tmp_path: Path):
    folder, elsewhere = tmp_path / "studies", tmp_path / "elsewhere"
    folder.mkdir()
    (elsewhere / "entry").mkdir(parents=True)
    make(elsewhere / "entry" / "s.db", "s")
    (folder / TRASH).symlink_to(elsewhere)
    before = everything(elsewhere)
    leave(folder, {**UNDOING, "stamp": "entry"})
    with pytest.raises(StudyFileError, match="is a link"):
        resume_changes(folder)
    assert everything(elsewhere) == before
    assert names_in(folder) == {TRASH, JOURNAL}


def test_a_folder_that_an_older_version_left_in_the_trash_is_brought_back(tmp_path: Path):
    path = make(tmp_path / "s.db", "s")
    entry = delete_study(path, "s")
    (entry.folder / "s.db").rename(path)
    assert main(["undo", "--studies", str(tmp_path)]) == 0
    assert log_of(path, "s") == "s"
    assert list_trash(tmp_path) == []
    assert names_in(tmp_path) == {"s.db", "s.hptui"}

"""Notes and tags: the notes are optuna-dashboard's, in both directions."""

# pyright: reportMissingTypeStubs=false, reportPrivateUsage=false, reportUnknownMemberType=false

from __future__ import annotations

import io
import json
import sqlite3
import threading
from contextlib import closing
from typing import TYPE_CHECKING, Any

import optuna
import optuna_dashboard
import pytest
from optuna.trial import TrialState
from optuna_dashboard import _note as dashboard_note
from tests.storage.study_file import START_S, StudyFile, text_of

from hptui.engine.studies.annotations import save_edit
from hptui.errors import StudyFileError, UsageError
from hptui.storage.annotations.changes import NoteEdit, TagEdit, edit_from_json
from hptui.storage.annotations.notes import NoteConflictError
from hptui.storage.annotations.tags import known_tags, tagged_trials
from hptui.storage.files.study_identity import mark_of
from hptui.storage.read.session import read_study_file
from hptui.storage.read.studies import read_summary
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.trial_detail import read_trial
from hptui.storage.sqlite.connection import StorageBusyError
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from pathlib import Path

LONG = "".join(f"line {number} of a long note, ünïcödé 🎈\n" for number in range(300)).rstrip()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A study `s` with a complete, a failed and a running trial; trial ids are 1, 2, 3."""
    file = tmp_path / "s.db"
    with StudyFile(file) as built:
        built.add_study("s")
        built.add_trial(0.5)
        built.add_trial(state="FAIL")
        built.add_trial(state="RUNNING")
    return file


def plain(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(f"sqlite:///{path}")


def shown_by_dashboard(path: Path, number: int | None) -> dict[str, Any]:
    storage = plain(path)
    trial_id = None if number is None else number + 1
    return dict(
        dashboard_note.get_note_from_system_attrs(storage.get_study_system_attrs(1), trial_id)
    )


def request(path: Path, method: str, url: str, body: object = None) -> tuple[int, Any]:
    """Ask optuna-dashboard's application as its web page does."""
    sent = json.dumps(body).encode()
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": url,
        "SERVER_NAME": "here",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(sent),
        "wsgi.errors": io.StringIO(),
        "CONTENT_TYPE": "application/json",
        "CONTENT_LENGTH": str(len(sent)),
    }
    status: list[str] = []

    def start(line: str, *_: object) -> None:
        status.append(line)

    application: Any = optuna_dashboard.wsgi(plain(path))
    answer = b"".join(application(environ, start))
    return int(status[0].split()[0]), json.loads(answer or b"null")


@pytest.mark.parametrize("number", [None, 2])
def test_the_dashboard_shows_what_hptui_saves(path: Path, number: int | None):
    for version, body in enumerate(("# One\n**bold**", LONG, "short again", "", "back"), start=1):
        assert save_edit(path, "s", NoteEdit(number, body, version - 1)) == 1
        assert shown_by_dashboard(path, number) == {"version": version, "body": body}
        detail = read_study(path, "s") if number is None else read_trial(path, "s", number)
        assert (detail.note.version, detail.note.body) == (version, body)
    others = {None, 0, 1, 2} - {number}
    assert {shown_by_dashboard(path, other)["body"] for other in others} == {""}
    assert not path.with_name("s.hptui").exists(), "the folder of the lease was left"


@pytest.mark.parametrize(
    ("number", "url"), [(None, "/api/studies/1/note"), (1, "/api/studies/1/2/note")]
)
def test_hptui_reads_what_the_dashboard_saves_and_neither_overwrites_the_other(
    path: Path, number: int | None, url: str
):
    def read() -> tuple[int, str]:
        detail = read_study(path, "s") if number is None else read_trial(path, "s", number)
        return detail.note.version, detail.note.body

    assert request(path, "PUT", url, {"version": 1, "body": LONG})[0] == 204
    assert read() == (1, LONG)
    with pytest.raises(NoteConflictError, match="changed by somebody else"):
        save_edit(path, "s", NoteEdit(number, "mine", expected_version=0))
    assert read() == (1, LONG)
    save_edit(path, "s", NoteEdit(number, "mine", expected_version=1))
    status, answer = request(path, "PUT", url, {"version": 2, "body": "theirs"})
    assert (status, answer["note"]) == (409, {"version": 2, "body": "mine"})
    assert request(path, "PUT", url, {"version": 3, "body": "theirs"})[0] == 204
    assert read() == (3, "theirs")


def test_dashboards_own_function_in_an_objective_and_hptui_agree(path: Path):
    study = optuna.load_study(study_name="s", storage=plain(path))
    optuna_dashboard.save_note(study, LONG)
    assert read_study(path, "s").note.body == LONG
    save_edit(path, "s", NoteEdit(None, "x"))
    fresh = optuna.load_study(study_name="s", storage=plain(path))
    assert optuna_dashboard.get_note(fresh) == "x"
    assert read_summary(path, "s").note_start == "x"
    assert "dashboard" not in str(read_study(path, "s").system_attributes)


def test_tags_of_finished_and_running_trials_are_user_attributes(path: Path):
    assert save_edit(path, "s", TagEdit((0, 1, 2), add=("good", "slow run"))) == 3
    assert save_edit(path, "s", TagEdit((1, 2), add=("good",), remove=("slow run",))) == 2
    assert save_edit(path, "s", TagEdit((1,), add=("good",))) == 0
    save_edit(path, "s", TagEdit((0,), add=("new",), clears=True))
    save_edit(path, "s", TagEdit(None, add=("of the study",)))
    study = optuna.load_study(study_name="s", storage=plain(path))
    found = [trial.user_attrs.get("hptui:tags") for trial in study.trials]
    assert found == [["new"], ["good"], ["good"]]
    assert study.user_attrs == {"hptui:tags": ["of the study"]}
    assert read_summary(path, "s").tags == ("of the study",)
    assert read_trial(path, "s", 0).tags == ("new",)
    assert read_study_file(path, lambda c: known_tags(c, 1)) == ("good", "new", "of the study")
    assert read_study_file(path, lambda c: tagged_trials(c, 1)) == {0, 1, 2}


def test_what_is_refused_changes_nothing(path: Path):
    save_edit(path, "s", TagEdit((0,), add=("a",)))
    before = path.read_bytes()
    refused = [
        NoteEdit(None, "x" * 100_001),
        NoteEdit(0, "nul \0"),
        NoteEdit(0, "escape \x1b[2J"),
        NoteEdit(0, "half \ud800"),
        NoteEdit(9, "no such trial"),
        NoteEdit(-1, "no such trial"),
        TagEdit((0,), add=("",)),
        TagEdit((0,), add=("two\nlines",)),
        TagEdit((0,), add=("t" * 101,)),
        TagEdit((0, 9), add=("b",)),
        TagEdit((0,), add=tuple(map(str, range(101)))),
    ]
    for edit in refused:
        with pytest.raises(UsageError):
            save_edit(path, "s", edit)
    assert path.read_bytes() == before
    assert not path.with_name("s.hptui").exists()


def test_odd_rows_of_others_are_read_as_far_as_they_make_sense(path: Path):
    rows = {
        "dashboard:note_ver": 4,
        "dashboard:note_str:0": "a",
        "dashboard:note_str:1": 7,
        "dashboard:note_str:10": "c",
        "dashboard:note_str:2": "b",
        "dashboard:note_str:x": "no",
        "dashboard:1:note_str:0": "of a trial, without a version",
        "dashboard:2:note_ver": "seven",
    }
    with StudyFile(path) as built:
        for key, value in rows.items():
            built.run(
                "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
                key,
                json.dumps(value),
            )
        built.set_attribute(1, "hptui:tags", json.dumps({"no": "list"}), "user")
        built.set_attribute(2, "hptui:tags", json.dumps(["good", 3, None]), "user")
        built.set_attribute(3, "hptui:tags", "no json", "user")
    assert read_study(path, "s").note.body == "abc"
    assert [read_trial(path, "s", number).note.body for number in range(3)] == ["", "", ""]
    assert [read_trial(path, "s", number).tags for number in range(3)] == [(), ("good",), ()]
    save_edit(path, "s", NoteEdit(None, "new"))
    assert read_study(path, "s").note.version == 5
    save_edit(path, "s", TagEdit((0, 1, 2), add=("t",)))
    assert [read_trial(path, "s", number).tags for number in range(3)] == [
        ("t",),
        ("good", "t"),
        ("t",),
    ]


def test_a_storage_in_use_knows_what_was_annotated(path: Path):
    with closing(SqliteStorage(path)) as storage:
        storage.grouped = True
        storage.keep_to(1)
        handed_out = storage.get_trial(1)
        done = storage.get_all_trials(1, deepcopy=False, states=(TrialState.COMPLETE,))
        storage.set_trial_user_attr(3, "own", 1)
        storage.annotate(1, TagEdit((0, 2), add=("t",)))
        storage.annotate(1, NoteEdit(0, "text"))
        assert storage.get_trial(1).user_attrs == {"hptui:tags": ["t"]}
        assert storage.get_trial(3).user_attrs == {"own": 1, "hptui:tags": ["t"]}
        assert storage.get_study_system_attrs(1)["dashboard:1:note_ver"] == 1
        assert storage.get_best_trial(1).user_attrs == {"hptui:tags": ["t"]}
        (again,) = storage.get_all_trials(1, deepcopy=False, states=(TrialState.COMPLETE,))
        assert again.user_attrs == {"hptui:tags": ["t"]}
        assert handed_out.user_attrs == {}, "a trial that was handed out has changed"
        assert done[0].user_attrs == {}
        assert not storage.pending
    trial = optuna.load_study(study_name="s", storage=plain(path)).trials[2]
    assert trial.user_attrs == {"own": 1, "hptui:tags": ["t"]}


def test_a_save_waits_for_programs_that_write_to_the_file(path: Path):
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("UPDATE trials SET state = 'COMPLETE' WHERE trial_id = 3")
        late = threading.Timer(0.2, lambda: other.execute("COMMIT"))
        late.start()
        save_edit(path, "s", NoteEdit(2, "after it"))
        late.join()
    assert (read_trial(path, "s", 2).note.body, read_trial(path, "s", 2).state) == (
        "after it",
        "COMPLETE",
    )


def test_an_engine_that_cannot_save_now_loses_nothing(path: Path):
    with closing(SqliteStorage(path)) as storage:
        storage.grouped = True
        storage.set_trial_user_attr(3, "own", 1)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StorageBusyError):
                storage.annotate(1, NoteEdit(None, "x"))
            with pytest.raises(StorageBusyError):
                storage.annotate(1, TagEdit((2,), add=("t",)))
        with pytest.raises(UsageError):
            storage.annotate(1, TagEdit((9,), add=("t",)))
        assert storage.get_study_system_attrs(1) == {}
        assert storage.pending == 1
    trial = optuna.load_study(study_name="s", storage=plain(path)).trials[2]
    assert trial.user_attrs == {"own": 1}


@pytest.mark.parametrize("facts", [{}, {"hptui_study": {"token": "first"}}])
def test_what_was_written_for_a_study_is_not_saved_to_one_that_took_its_name(
    tmp_path: Path, facts: dict[str, Any]
):
    path = tmp_path / "s.db"
    with StudyFile(path) as built:
        built.add_study("s", **facts)
        built.add_trial(0.5)
    mark = read_study_file(path, lambda connection: mark_of(connection, "s"))
    assert mark
    save_edit(path, "s", NoteEdit(0, "mine", 0, mark))
    with StudyFile(path) as built:
        if not facts:
            # A run of hptui gives a token to a study that Optuna made: it is the same one.
            built.run(
                "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
                "hptui:study",
                '{"token": "later"}',
            )
            save_edit(path, "s", TagEdit((0,), ("good",), mark=mark))
        built.delete_study(1)
        # Ids are used again.
        assert built.add_study("s", hptui_study={"token": "second"}) == 1
        assert built.add_trial(0.5, start=text_of(START_S + 1)) == 1
    for edit in (NoteEdit(0, "mine", 0, mark), TagEdit((0,), ("bad",), mark=mark)):
        with pytest.raises(StudyFileError, match="another one has its name now"):
            save_edit(path, "s", edit)
        storage = SqliteStorage(path)
        with closing(storage), pytest.raises(StudyFileError, match="another one has its name"):
            storage.annotate(1, edit_from_json(edit.to_json()))
    found = read_trial(path, "s", 0)
    assert (found.note.body, "bad" in found.tags) == ("", False)

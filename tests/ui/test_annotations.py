"""Notes and tags in the application: written in dialogs, marked in tables, found by the filter."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import FLOAT, StudyFile
from tests.ui.driving import drive

from hptui.engine.studies.annotations import save_edit
from hptui.errors import UsageError
from hptui.storage.annotations.changes import NoteEdit, TagEdit
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.trial_detail import read_trial
from hptui.ui.dialogs import note as note_screen
from hptui.ui.dialogs.annotating import (
    complete_tag,
    note_problem,
    parse_tags,
    spell_tags,
    tags_problem,
)

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.annotations.notes import Note
    from hptui.ui.dialogs.annotating import Annotated

EVIL = "\x1b[31m[b]bold[/b]\u202e [@click=app.quit]x[/] [link](http://x)\x07"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The studies `mine` and `other`, of three trials each."""
    for name in ("mine", "other"):
        with StudyFile(tmp_path / f"{name}.db") as built:
            built.add_study(name)
            for value in (0.5, 0.25, 0.75):
                built.add_trial(value, params={"x": (value, FLOAT)})
    return tmp_path


ADDRESSES = ("mysql://me:secret@h/x", "mysql://me:other@h/x")


def test_tags_are_one_line() -> None:
    for tags in ((), ("good",), ("good", "slow run"), ("a, b", "c"), ('say "x"', "y"), ADDRESSES):
        assert parse_tags(spell_tags(tags)) == tags
    assert parse_tags(" good ,, slow run,good, ") == ("good", "slow run")
    with pytest.raises(UsageError):
        parse_tags("x" * 101)
    assert "at most 100 are kept" in (tags_problem("good, " + "x" * 101) or "")
    assert "at most 100,000" in (note_problem("x" * 100_001) or "")
    assert note_problem(EVIL) is not None
    known = ("good", "gone", "slow, run")
    assert complete_tag("g", known) == "good"
    assert complete_tag("good, g", known) == "good, gone"
    assert complete_tag("good,gon", known) == "good,gone"
    assert [complete_tag(line, known) for line in ("", "good, ", "sl", "x")] == [None] * 4


def test_notes_and_tags_of_a_study_are_written_at_home_and_found_there(folder: Path) -> None:
    drive(
        """
        wait "last"
        press m
        wait-not "Reading the note"
        expect "Note of mine"
        type #1
        press enter
        type -a
        press ctrl+s
        wait "Saved the note of mine."
        wait "mine ¶"
        wait "#1"
        expect "-a"
        press #
        wait-not "Reading the tags"
        type mnist, todo
        press enter
        wait "Saved the tags of mine."
        wait "mine ¶ #mnist #todo"
        wait "mnist, todo"
        press #
        wait "mnist, todo"
        type ,
        wait "mnist, todo,"
        expect-not "is empty"
        press esc
        press j
        press #
        wait "known: mnist, todo"
        type mn
        press right
        wait "mnist"
        press esc
        press /
        type mnist
        wait-not "other"
        expect "mine"
        """,
        folder,
    )
    study = read_study(folder / "mine.db", "mine")
    assert (study.note.body, study.summary.tags) == ("#1\n-a", ("mnist", "todo"))
    assert read_study(folder / "other.db", "other").note.version == 0


def test_notes_and_tags_of_trials_are_written_on_the_study_and_on_the_trial(folder: Path) -> None:
    save_edit(folder / "mine.db", "mine", TagEdit((0,), add=("good", "late")))
    drive(
        """
        wait "✓ complete  #"
        press G
        press m
        wait "Note of trial 2 of mine"
        wait-not "Reading the note"
        type n
        press esc
        wait "Save the note?"
        press n
        type ew
        press esc
        press s
        wait "Saved the note of trial 2 of mine."
        wait "✓ complete ¶"
        press #
        wait-not "Reading the tags"
        expect "known: good, late"
        type g
        press right
        wait "good"
        press enter
        wait "Saved the tags of trial 2 of mine."
        wait "✓ complete ¶#"
        press M
        wait "Note of mine"
        wait-not "Reading the note"
        type s
        press ctrl+s
        wait "Saved the note of mine."
        press enter
        wait "parameters"
        expect "tags     good"
        expect "new"
        press m
        wait-not "Reading the note"
        press e
        type er
        press esc
        press d
        press [ [
        wait "late"
        press m
        wait "Note of trial"
        press esc
        wait-not "Note of trial"
        """,
        folder / "mine.db",
        size="130x40",
    )
    path = folder / "mine.db"
    assert [read_trial(path, "mine", number).note.body for number in range(3)] == ["", "", "new"]
    assert read_trial(path, "mine", 2).tags == ("good",)
    assert read_study(path, "mine").note.body == "s"


def test_a_newer_note_is_not_overwritten_unseen(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = folder / "mine.db"
    reads: list[Note] = []
    read = note_screen.read_note_of

    def read_and_be_overtaken(what: Annotated) -> Note:
        reads.append(read(what))
        if len(reads) in (1, 3):
            save_edit(path, "mine", NoteEdit(None, f"theirs {len(reads)}"))
        return reads[-1]

    monkeypatch.setattr(note_screen, "read_note_of", read_and_be_overtaken)
    drive(
        """
        wait "last"
        press m
        wait-not "Reading the note"
        type my words
        press ctrl+s
        wait "Someone else saved this note after"
        press b
        wait "theirs 1"
        expect "my words"
        press ctrl+s
        wait "Saved the note of mine."
        press m
        wait-not "Reading the note"
        press enter
        type !
        press ctrl+s
        wait "Two notes"
        press o
        wait-not "Two notes"
        wait "Saved the note of mine."
        """,
        folder,
    )
    assert read_study(path, "mine").note.body == "theirs 1\n\nmy words!"


def test_addresses_in_a_note_stay_as_they_are(folder: Path) -> None:
    path = folder / "mine.db"
    body = "http://localhost:8888?user=ann@home, mysql://me:secret@h/x, s3://bucket:data/x@v2"
    save_edit(path, "mine", NoteEdit(None, body))
    drive(
        """
        wait "last"
        press m
        wait-not "Reading the note"
        press e
        type Jupyter:
        press ctrl+s
        wait "Saved the note of mine."
        """,
        folder,
    )
    assert read_study(path, "mine").note.body.replace("Jupyter:", "") == body


def test_what_others_wrote_is_text_and_does_nothing(folder: Path) -> None:
    path = folder / "mine.db"
    with StudyFile(path) as built:
        insert = "INSERT INTO study_{}_attributes (study_id, key, value_json) VALUES (1, ?, ?)"
        for key, value in (
            ("dashboard:note_ver", 1),
            ("dashboard:note_str:0", EVIL),
            ("dashboard:1:note_ver", 1),
            ("dashboard:1:note_str:0", f"{EVIL}\n{EVIL}"),
        ):
            built.run(insert.format("system"), key, json.dumps(value))
        built.run(insert.format("user"), "hptui:tags", json.dumps([EVIL, "b"]))
        built.set_attribute(1, "hptui:tags", json.dumps([EVIL]), "user")
        # Longer than is read: to save it would drop the rest.
        for at in range(60):
            built.run(insert.format("system"), f"dashboard:2:note_str:{at}", f'"{"y" * 2045}"')
        built.run(insert.format("system"), "dashboard:2:note_ver", "1")
    drive(
        """
        wait "mine ¶ #"
        wait "[@click=app.quit]x"
        press m
        wait "shown as text"
        expect "\\x1b[31m[b]bold[/b]\\u202e"
        press e
        wait "Markdown"
        expect "\\x1b[31m[b]bold[/b]\\u202e"
        press esc
        wait-not "Note of mine"
        press #
        wait-not "Reading the tags"
        press end
        type , xx
        press enter
        wait "Saved the tags of mine."
        press enter
        wait "✓ complete ¶#"
        press g enter
        wait "[@click=app.quit]x"
        expect "\\x1b[31m[b]bold[/b]\\u202e"
        press esc
        press j
        press m
        wait "more than 100,000 characters"
        press e
        type x
        press ctrl+s
        press esc
        wait-not "Note of trial 1"
        """,
        folder,
        size="160x40",
    )
    assert read_trial(path, "mine", 1).note.version == 1
    assert read_study(path, "mine").summary.tags == (EVIL, "b", "xx")
    assert read_study(path, "mine").note.body == EVIL

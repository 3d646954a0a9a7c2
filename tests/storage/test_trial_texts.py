"""What is read of all trials besides columns, from files of anyone."""

from __future__ import annotations

import json
import sqlite3
from typing import TYPE_CHECKING

import optuna
import optuna_dashboard  # pyright: ignore[reportMissingTypeStubs]
import pytest
from tests.storage.study_file import StudyFile

from hptui.errors import StudyFileError
from hptui.storage.read.text_fields import FileTexts
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def file(tmp_path: Path):
    with StudyFile(tmp_path / "study.db") as built:
        built.add_study()
        yield built


def as_trial(study: optuna.Study, number: int) -> optuna.Trial:
    """A trial as its objective had it."""
    frozen = study.trials[number]
    return optuna.Trial(study, frozen._trial_id)  # pyright: ignore[reportPrivateUsage]


def test_notes_are_those_that_the_dashboard_shows(tmp_path: Path):
    storage = f"sqlite:///{tmp_path / 'noted.db'}"
    optuna.create_study(study_name="other", storage=storage).add_trial(
        optuna.trial.create_trial(value=0.0)
    )
    study = optuna.create_study(study_name="noted", storage=storage)
    texts = ["short", "x" * 25_000 + "end", "to be cleared", "ü\n**b**", ""]
    for text in texts:
        trial = study.ask()
        optuna_dashboard.save_note(trial, text)
        study.tell(trial, 0.0)
    trials = [as_trial(study, number) for number in range(len(texts))]
    optuna_dashboard.save_note(trials[2], "")
    optuna_dashboard.save_note(study, "a note on the study, not on a trial")
    found = dict(FileTexts(tmp_path / "noted.db", "noted").notes())
    shown = {number: optuna_dashboard.get_note(trial) for number, trial in enumerate(trials)}
    assert found == {number: text for number, text in shown.items() if text}
    assert sorted(found) == [0, 1, 3]
    assert list(FileTexts(tmp_path / "noted.db", "other").notes()) == []


def test_errors_tags_and_attributes(file: StudyFile):
    other = file.add_study("other")
    file.add_trial(0.0, study_id=other, user_attributes={"fold": 99})
    error = {"kind": "died", "type": "", "message": "Killed.", "traceback": "deep"}
    file.add_trial(state="FAIL", attributes={"hptui:error": error})
    error = {"kind": "exception", "type": "ValueError", "message": "no"}
    file.add_trial(state="FAIL", attributes={"hptui:error": error})
    file.add_trial(0.0, user_attributes={"hptui:tags": ["good", 3, "b"], "fold": [1]})
    file.add_trial(0.0, user_attributes={"hptui:tags": [], "fold": None})
    texts = FileTexts(file.path, "study")
    assert list(texts.errors()) == [(0, "died Killed."), (1, "exception ValueError: no")]
    assert list(texts.tags()) == [(2, ["good", "b"])]
    assert list(texts.attributes("fold")) == [(2, [1]), (3, None)]
    assert list(texts.attributes("' OR 1 --")) == []


def test_what_nobody_writes_counts_as_not_there(file: StudyFile):
    for text in (
        "no json",
        None,
        b"\xff\xfe",
        sqlite3.Binary(b"12"),
        "[" * 100_000,
        json.dumps("x" * MAX_JSON_CHARS),
    ):
        trial_id = file.add_trial(0.0)
        file.set_attribute(trial_id, "fold", text, "user")
        file.set_attribute(trial_id, "hptui:tags", text, "user")
        file.set_attribute(trial_id, "hptui:error", text)
    nameless = file.add_trial(0.0, number="odd")
    file.set_attribute(nameless, "fold", "1", "user")
    for key in (
        "dashboard:1:note_str:0",
        "dashboard::note_str:0",
        "dashboard:99:note_str:0",
        "dashboard:99:note_ver",
        "dashboard:2:note_ver",
        "dashboard:2:note_str:x",
    ):
        file.run(
            "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (1, ?, ?)",
            key,
            '"text"',
        )
    texts = FileTexts(file.path, "study")
    assert list(texts.attributes("fold")) == [(3, 12)]
    assert list(texts.tags()) == []
    assert list(texts.errors()) == []
    # A note without a version is none, one without a trial is nobody's.
    assert list(texts.notes()) == []


def test_a_study_or_file_that_is_gone_is_told(file: StudyFile, tmp_path: Path):
    with pytest.raises(StudyFileError, match="no study 'gone'"):
        list(FileTexts(file.path, "gone").tags())
    with pytest.raises(StudyFileError):
        list(FileTexts(tmp_path / "gone.db", "study").notes())

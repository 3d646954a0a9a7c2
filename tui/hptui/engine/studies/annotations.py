"""Saving notes and tags: by the engine that runs the study, in its file, or on its server."""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.studies.held_study import locked_study
from hptui.errors import StudyBusyError
from hptui.storage.annotations.changes import Edit, annotate, checked
from hptui.storage.annotations.notes import NoteConflictError
from hptui.storage.files.moving import connect_for_writing
from hptui.storage.files.validation import require_writable
from hptui.storage.mirror.changing import annotate_on_server
from hptui.storage.mirror.mirrors import changeable_source
from hptui.storage.read.session import find_study
from hptui.storage.sqlite.connection import as_storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.ipc.protocol import Message

_PATIENCE_S: Final = 5.0
"""How long others may rename the study, save a note to it, or lock its file."""
_RETRY_S: Final = 0.05


def save_edit(path: Path, study_name: str, edit: Edit) -> int:
    """Save a note or tags, all or none; return how many studies or trials are not as they were.

    Raises:
        UsageError: A text cannot be stored, or there is no such trial; nothing was written.
        NoteConflictError: Somebody else has saved the note since it was read.
        StudyBusyError: Others keep the study from being written.
        StudyFileError: The file cannot be written.
        SourceError: The server that the file mirrors refuses.
    """
    fit = checked(edit)
    address = changeable_source(path)
    if address is not None:
        return annotate_on_server(address, path, study_name, fit)
    deadline_s = time.monotonic() + _PATIENCE_S
    while True:
        try:
            return _save(path, study_name, fit)
        except StudyBusyError:
            if time.monotonic() > deadline_s:
                raise
            time.sleep(_RETRY_S)


def _save(path: Path, study_name: str, edit: Edit) -> int:
    if running_engine(path, study_name) is not None:
        # One request however many trials: 100,000 keep an engine from its trials for a second.
        return _ask(path, study_name, {"op": "annotate", "edit": edit.to_json()})
    require_writable(path)
    with locked_study(path, study_name):
        return _write(path, study_name, edit)


def _ask(path: Path, study_name: str, message: Message) -> int:
    answer = ask_engine(path, study_name, message)
    problem = answer.get("problem")
    if problem == "conflict":
        raise NoteConflictError(str(answer["text"]), hint=str(answer["hint"]))
    if problem == "busy":
        raise StudyBusyError(str(answer["text"]), hint=str(answer["hint"]))
    return int(answer["changed"])


def _write(path: Path, study_name: str, edit: Edit) -> int:
    try:
        with closing(connect_for_writing(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            study_id = find_study(connection, path, study_name).study_id
            done = annotate(connection, study_id, study_name, edit)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error
    return done.n_changed

"""What a file holds of all trials of a study besides columns: errors, notes, tags, attributes.

Read on demand, row by row, so that no more than one text at a time is in memory.
"""

from __future__ import annotations

import json
import re
import sqlite3
from contextlib import closing, contextmanager
from itertools import groupby
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.notes import MAX_NOTE_CHARS
from hptui.storage.attributes import MAX_JSON_CHARS
from hptui.storage.connection import as_storage_error
from hptui.storage.gate import open_read_only
from hptui.storage.study_identity import no_such_study, read_identity
from hptui.storage.tags import TAGS_KEY, tags_of

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Sequence
    from pathlib import Path

    _Row = tuple[int, bytes | None]

ERROR_KEY: Final = "hptui:error"

_UNREADABLE: Final = object()
_NOTE_KEY: Final = re.compile(r"dashboard:(\d{1,18}):note_(?:str:(\d{1,9})|ver)", re.ASCII)
_NOTE_RANGE: Final = ("dashboard:", "dashboard;")


class FileTexts:
    """The texts of one study in a file; each method is a new look at the file.

    What is not as hptui, Optuna or optuna-dashboard write it, or is longer than
    `attributes.MAX_JSON_CHARS`, counts as not there.

    Iterating raises:
        StudyFileError: The study is not there, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """

    def __init__(self, path: Path, study_name: str) -> None:
        self._path = path
        self._study_name = study_name

    def errors(self) -> Iterator[tuple[int, str]]:
        """Yield the numbers of trials that failed, each with `KIND TYPE: MESSAGE`."""
        for number, error in self._attributes("system", ERROR_KEY):
            if isinstance(error, dict):
                kind, name, message = (
                    str(cast("dict[str, object]", error).get(key) or "")
                    for key in ("kind", "type", "message")
                )
                summary = f"{name}: {message}" if name else message
                yield number, f"{kind} {summary}".strip()

    def notes(self) -> Iterator[tuple[int, str]]:
        """Yield the numbers of trials with a note, each with what optuna-dashboard shows."""
        with self._opened() as (connection, study_id):
            rows = connection.execute(
                "SELECT key, CAST(substr(value_json, 1, ?) AS BLOB) FROM study_system_attributes "
                # All keys of a trial follow one another.
                "WHERE study_id = ? AND key >= ? AND key < ? ORDER BY key",
                (MAX_JSON_CHARS + 1, study_id, *_NOTE_RANGE),
            )
            pieces = (
                (match, text)
                for key, text in rows
                if (match := _NOTE_KEY.fullmatch(str(key))) is not None
            )
            for trial_id, of_trial in groupby(pieces, lambda piece: piece[0][1]):
                note = _join_note(of_trial)
                found = (
                    note
                    and connection.execute(
                        "SELECT number FROM trials WHERE trial_id = ? AND study_id = ? "
                        "AND typeof(number) = 'integer'",
                        (int(trial_id), study_id),
                    ).fetchone()
                )
                if found:
                    yield int(found[0]), note

    def tags(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield the numbers of trials with tags, each with its tags."""
        for number, stored in self._attributes("user", TAGS_KEY):
            tags = list(tags_of(stored))
            if tags:
                yield number, tags

    def attributes(self, key: str) -> Iterator[tuple[int, object]]:
        """Yield the numbers of trials with a user attribute, each with what its JSON holds."""
        return self._attributes("user", key)

    def _attributes(self, kind: str, key: str) -> Iterator[tuple[int, object]]:
        with self._opened() as (connection, study_id):
            rows: Iterable[_Row] = connection.execute(
                # As bytes, so that what is no UTF-8 ends nothing.
                "SELECT number, CAST(substr(value_json, 1, ?) AS BLOB) FROM trials "
                f"JOIN trial_{kind}_attributes USING (trial_id) WHERE study_id = ? AND key = ? "
                "AND typeof(number) = 'integer'",
                (MAX_JSON_CHARS + 1, study_id, key),
            )
            for number, text in rows:
                value = _json(text)
                if value is not _UNREADABLE:
                    yield number, value

    @contextmanager
    def _opened(self) -> Generator[tuple[sqlite3.Connection, int]]:
        try:
            with closing(open_read_only(self._path)) as connection:
                connection.execute("BEGIN")
                identity = read_identity(connection, self._study_name)
                if identity is None:
                    raise no_such_study(connection, self._path, self._study_name)
                yield connection, identity.study_id
        except sqlite3.Error as error:
            raise as_storage_error(error, self._path) from error


def _json(text: bytes | None) -> object:
    if text is None:
        return _UNREADABLE
    try:
        spelled = text.decode()
        return json.loads(spelled) if len(spelled) <= MAX_JSON_CHARS else _UNREADABLE
    except (ValueError, RecursionError):
        return _UNREADABLE


def _join_note(pieces: Iterable[tuple[re.Match[str], bytes | None]]) -> str:
    """Return a note from its numbered pieces; empty where it has no version, as in the dashboard.

    Keys are ordered as text, so the tenth piece comes before the second.
    """
    has_version, found, n_chars = False, dict[int, str](), 0
    for match, text in pieces:
        if match[2] is None:
            has_version = True
            continue
        piece = _json(text)
        if isinstance(piece, str) and n_chars < MAX_NOTE_CHARS:
            found[int(match[2])] = piece
            n_chars += len(piece)
    return "".join(found[at] for at in sorted(found)) if has_version else ""

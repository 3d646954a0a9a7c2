"""What a file holds of all trials of a study besides columns: errors, notes, tags, attributes.

Read on demand, row by row, so that no more than one text at a time is in memory.
"""

from __future__ import annotations

import json
import re
from itertools import groupby
from typing import TYPE_CHECKING, Final

from hptui.domain.attribute_keys import MEMORY_KEY, PLACE_KEY, TAGS_KEY
from hptui.domain.resources import StoredPlace
from hptui.domain.texts.notes import MAX_NOTE_CHARS
from hptui.storage.annotations.tags import tags_of
from hptui.storage.read.failures import read_causes, read_failures
from hptui.storage.read.session import open_study
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    _Row = tuple[int, bytes | None]


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
        for failure in read_failures(self._path, self._study_name):
            said = f"{failure.type}: {failure.message}" if failure.type else failure.message
            text = f"{failure.kind} {said}".strip()
            if text:
                yield failure.number, text

    def causes(self) -> Iterator[tuple[int, str]]:
        """Yield the numbers of trials that failed with a reason, each with its `Cause.text`."""
        yield from read_causes(self._path, self._study_name).items()

    def notes(self) -> Iterator[tuple[int, str]]:
        """Yield the numbers of trials with a note, each with what optuna-dashboard shows."""
        with open_study(self._path, self._study_name, is_known=True) as study:
            connection, study_id = study.connection, study.study_id
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

    def devices(self) -> Iterator[tuple[int, Sequence[str]]]:
        """Yield the numbers of trials with devices of their own, each with those."""
        for number, stored in self._attributes("system", PLACE_KEY):
            place = StoredPlace.read(stored)
            if place is not None and place.devices:
                yield number, place.devices

    def hosts(self) -> Iterator[tuple[int, str]]:
        """Yield the numbers of trials that ran on other machines, each with its name."""
        for number, stored in self._attributes("system", PLACE_KEY):
            place = StoredPlace.read(stored)
            if place is not None and place.host:
                yield number, place.host

    def memory(self) -> Iterator[tuple[int, int]]:
        """Yield the numbers of trials whose memory is known, each with its peak in bytes."""
        for number, stored in self._attributes("system", MEMORY_KEY):
            if isinstance(stored, int) and stored >= 0:
                yield number, stored

    def attribute_names(self, limit: int) -> list[str]:
        """Return the keys of the user attributes of trials, at most `limit`, hptui's own left out.

        Raises:
            StudyFileError: The study is not there, or its file cannot be read.
            StudyBusyError: Another program has locked the file.
        """
        with open_study(self._path, self._study_name, is_known=True) as study:
            rows: Iterable[tuple[object]] = study.connection.execute(
                "SELECT DISTINCT key FROM trials JOIN trial_user_attributes USING (trial_id) "
                "WHERE study_id = ? AND typeof(key) = 'text' AND key != ? LIMIT ?",
                (study.study_id, TAGS_KEY, limit),
            )
            return sorted(str(key) for (key,) in rows)

    def attributes(self, key: str) -> Iterator[tuple[int, object]]:
        """Yield the numbers of trials with a user attribute, each with what its JSON holds."""
        return self._attributes("user", key)

    def _attributes(self, kind: str, key: str) -> Iterator[tuple[int, object]]:
        with open_study(self._path, self._study_name, is_known=True) as study:
            connection, study_id = study.connection, study.study_id
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

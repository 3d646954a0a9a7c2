"""Notes on studies and trials, stored as optuna-dashboard stores them.

They are system attributes of the study, so that trials can have them after their end, too: a
version that rises with each save, and pieces of text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.notes import MAX_NOTE_CHARS
from hptui.errors import HptuiError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable

    from hptui.storage.sqlite.attributes import Attributes

_PIECE_CHARS: Final = 2045
"""Of one attribute; older schemas have room for 2048 characters of JSON."""
_MAX_PIECES: Final = 1_000
_MAX_EMPTIED: Final = 20_000
_MAX_PIECE_JSON_CHARS: Final = 100_000
_KEY: Final = re.compile(r"dashboard:(?:(\d{1,18}):)?note_(?:str:(\d{1,9})|ver)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Note:
    """A note, and how many times it was saved."""

    version: int = 0
    body: str = ""
    """At most MAX_NOTE_CHARS of it, not sanitised."""
    is_cut: bool = False
    """Whether there is more of it."""


NO_NOTE: Final = Note()


class NoteConflictError(HptuiError):
    """A note that somebody else has saved since it was read; nothing was written."""


def is_note_key(key: str) -> bool:
    """Say whether a system attribute of a study is a part of a note."""
    return _KEY.fullmatch(key) is not None


def without_notes(attributes: Attributes) -> Attributes:
    """Return a study's system attributes without the parts of notes."""
    return attributes.without(*(each.key for each in attributes.found if is_note_key(each.key)))


def read_note(connection: sqlite3.Connection, study_id: int, trial_id: int | None) -> Note:
    """Return the note of a study, or with `trial_id` that of a trial; empty where there is none."""
    version = _attribute(connection, study_id, version_key(trial_id))
    if not isinstance(version, int):
        return NO_NOTE
    pieces: dict[int, str] = {}
    found = _pieces(connection, study_id, trial_id)
    for index, text in found:
        piece = read_json(text)
        if isinstance(piece, str):
            pieces[index] = piece
    body = "".join(pieces[at] for at in sorted(pieces))
    is_cut = len(body) > MAX_NOTE_CHARS or len(found) == _MAX_PIECES or len(pieces) < len(found)
    return Note(version, body[:MAX_NOTE_CHARS], is_cut)


def write_note(
    connection: sqlite3.Connection,
    study_id: int,
    trial_id: int | None,
    body: str,
    expected_version: int | None,
) -> dict[str, Any]:
    """Save a note within the caller's transaction; return the attributes that it consists of.

    Args:
        connection: Holds the write lock.
        study_id: The study.
        trial_id: The trial, or None for the study itself.
        body: What `check_note` has let pass.
        expected_version: The version that the writer has seen; None to save in any case.

    Raises:
        NoteConflictError: The note has another version by now.
    """
    now = read_note(connection, study_id, trial_id)
    indices = [each for each, _ in _pieces(connection, study_id, trial_id, most=_MAX_EMPTIED)]
    rows = attributes_of_note(trial_id, body, now.version, indices, expected_version)
    connection.executemany(
        'INSERT INTO study_system_attributes (study_id, "key", value_json) VALUES (?, ?, ?) '
        'ON CONFLICT (study_id, "key") DO UPDATE SET value_json = excluded.value_json',
        [(study_id, key, json.dumps(value)) for key, value in rows.items()],
    )
    return rows


def attributes_of_note(
    trial_id: int | None,
    body: str,
    version: int,
    indices: Iterable[int],
    expected_version: int | None,
) -> dict[str, Any]:
    """Return the attributes that save a note over the one that is there.

    Args:
        trial_id: The trial, or None for the study itself.
        body: What `check_note` has let pass.
        version: That of the note that is there; 0 where there is none.
        indices: The numbers of the pieces that are there.
        expected_version: The version that the writer has seen; None to save in any case.

    Raises:
        NoteConflictError: The note has another version by now.
    """
    if expected_version is not None and version != expected_version:
        raise NoteConflictError(
            "The note was changed by somebody else since it was read "
            f"(it has version {version}, not {expected_version}).",
            hint="Read it again, and put your text into it.",
        )
    rows: dict[str, Any] = {version_key(trial_id): version + 1}
    # Pieces that are no longer needed are emptied, as the dashboard does; it counts them.
    for index in indices:
        rows[_piece_key(trial_id, index)] = ""
    for at in range(0, len(body), _PIECE_CHARS):
        rows[_piece_key(trial_id, at // _PIECE_CHARS)] = body[at : at + _PIECE_CHARS]
    return rows


def piece_index(key: str) -> int | None:
    """Return which piece of a note an attribute is; None where it is none."""
    found = _KEY.fullmatch(key)
    return None if found is None or found[2] is None else int(found[2])


def piece_prefix(trial_id: int | None) -> str:
    """Return how the keys of the pieces of a note begin."""
    return _piece_key(trial_id, 0).removesuffix("0")


def noted_trials(connection: sqlite3.Connection, study_id: int) -> frozenset[int]:
    """Return the numbers of the trials that have a note with text in it."""
    texts = connection.execute(
        "SELECT key FROM study_system_attributes WHERE study_id = ? AND key >= 'dashboard:' "
        "AND key < 'dashboard;' AND length(value_json) > 2",
        (study_id,),
    )
    matches = (_KEY.fullmatch(str(key)) for (key,) in texts)
    ids = {int(match[1]) for match in matches if match and match[1] and match[2]}
    return frozenset(_numbers(connection, study_id, ids))


def _numbers(connection: sqlite3.Connection, study_id: int, ids: Iterable[int]) -> Iterable[int]:
    for trial_id in ids:
        row = connection.execute(
            "SELECT number FROM trials WHERE trial_id = ? AND study_id = ? "
            "AND typeof(number) = 'integer'",
            (trial_id, study_id),
        ).fetchone()
        if row is not None:
            yield int(row[0])


def version_key(trial_id: int | None) -> str:
    """Return the key of the version of a note."""
    return "dashboard:note_ver" if trial_id is None else f"dashboard:{trial_id}:note_ver"


def _piece_key(trial_id: int | None, index: int) -> str:
    whose = "" if trial_id is None else f"{trial_id}:"
    return f"dashboard:{whose}note_str:{index}"


def _pieces(
    connection: sqlite3.Connection, study_id: int, trial_id: int | None, *, most: int = _MAX_PIECES
) -> list[tuple[int, bytes | None]]:
    """Return the numbered pieces of a note, as JSON."""
    prefix = piece_prefix(trial_id)
    rows = connection.execute(
        # As bytes, so that what is no UTF-8 ends nothing. `;` follows `:`.
        "SELECT key, CAST(substr(value_json, 1, ?) AS BLOB) FROM study_system_attributes "
        "WHERE study_id = ? AND key >= ? AND key < ? LIMIT ?",
        (_MAX_PIECE_JSON_CHARS, study_id, prefix, f"{prefix[:-1]};", most),
    )
    return [(index, text) for key, text in rows if (index := piece_index(str(key))) is not None]


def _attribute(connection: sqlite3.Connection, study_id: int, key: str) -> object:
    row = connection.execute(
        "SELECT CAST(substr(value_json, 1, 100) AS BLOB) FROM study_system_attributes "
        "WHERE study_id = ? AND key = ?",
        (study_id, key),
    ).fetchone()
    return None if row is None else read_json(row[0])

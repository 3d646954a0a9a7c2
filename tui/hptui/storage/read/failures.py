"""The failed trials of a study, each with why it failed: read in bulk, without tracebacks."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.attribute_keys import ERROR_KEY, PLACE_KEY, RETRY_KEY
from hptui.domain.causes import Failure, cause_of
from hptui.domain.resources import StoredPlace
from hptui.storage.read.session import open_study
from hptui.storage.sqlite.attributes import MAX_JSON_CHARS

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator
    from pathlib import Path


_FAILURES: Final = (
    "SELECT number, CASE WHEN length(error.value_json) <= ? AND json_valid(error.value_json) "
    # As bytes, so that what is no UTF-8 ends nothing.
    "THEN CAST(json_array(json_extract(error.value_json, '$.kind'), json_extract(error.value_json, "
    "'$.type'), json_extract(error.value_json, '$.message')) AS BLOB) END, CASE WHEN "
    "length(place.value_json) <= ? THEN CAST(place.value_json AS BLOB) END FROM trials LEFT JOIN "
    "trial_system_attributes AS error ON error.trial_id = trials.trial_id AND error.key = ? LEFT "
    "JOIN trial_system_attributes AS place ON place.trial_id = trials.trial_id AND place.key = ? "
    "WHERE study_id = ? AND state = 'FAIL' AND typeof(number) = 'integer' ORDER BY number"
)


def read_failures(path: Path, study_name: str) -> Iterator[Failure]:
    """Yield the failed trials by number, those without a recorded reason too.

    Raises:
        StudyFileError: The study is not there, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    with open_study(path, study_name, is_known=True) as study:
        connection, study_id = study.connection, study.study_id
        retried = _retried(connection, study_id)
        for number, text, place in connection.execute(
            _FAILURES, (MAX_JSON_CHARS, MAX_JSON_CHARS, ERROR_KEY, PLACE_KEY, study_id)
        ):
            kind, name, message = _words(text)
            is_retried = number in retried
            found = _place(place)
            yield Failure(number, kind, name, message, is_retried, found.devices, found.host)


def read_causes(path: Path, study_name: str) -> dict[int, str]:
    """Return the `Cause.text` of each failed trial with a recorded reason, by its number.

    Raises:
        StudyFileError: The study is not there, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    # Many trials fail with the very same words.
    texts: dict[tuple[str, str, str], str] = {}
    causes: dict[int, str] = {}
    for failure in read_failures(path, study_name):
        words = (failure.kind, failure.type, failure.message)
        text = texts.get(words)
        if text is None:
            text = texts[words] = cause_of(*words).text
        if text:
            causes[failure.number] = text
    return causes


def _words(text: bytes | None) -> list[str]:
    if text is None:
        return ["", "", ""]
    words = cast("list[object]", json.loads(text.decode("utf-8", "replace")))
    return ["" if word is None else str(word) for word in words]


def _place(text: bytes | None) -> StoredPlace:
    if text is not None:
        with contextlib.suppress(ValueError, RecursionError):
            return StoredPlace.read(json.loads(text)) or StoredPlace()
    return StoredPlace()


def _retried(connection: sqlite3.Connection, study_id: int) -> set[int]:
    rows = connection.execute(
        "SELECT CAST(value_json AS INTEGER) FROM trial_system_attributes "
        "JOIN trials USING (trial_id) WHERE study_id = ? AND key = ?",
        (study_id, RETRY_KEY),
    )
    return {number for (number,) in rows}

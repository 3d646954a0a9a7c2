"""What tells that trials were carried over from another study or a file."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.attribute_keys import FIXED_KEY, RETRY_KEYS, TRANSFERRED_KEY
from hptui.domain.texts.json_values import read_json

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Mapping


_NOTE_KEY: Final = re.compile(r"dashboard:(\d{1,18}):(.*)", re.ASCII | re.DOTALL)
_KEYS_WITH_IDS: Final = "(key GLOB 'dashboard:[0-9]*' OR key GLOB '*Sampler:parent:*')"
_STATE_OF_A_SAMPLER: Final = (
    f"(key GLOB 'cma:*' OR key GLOB 'sepcma:*' OR key GLOB 'cmawm:*' OR key = '{FIXED_KEY}')"
)
_GENERATION: Final = "key GLOB 'NSGAI*Sampler:generation'"


def replace_trial_ids(
    connection: sqlite3.Connection, study_id: int, new_id: Callable[[int], int | None]
) -> None:
    """Let what a study's attributes say of trials be about other ids.

    Those are the notes of optuna-dashboard, and the populations that genetic samplers remember.
    What is about a trial that has no new id goes.
    """
    rows = connection.execute(
        "SELECT key, value_json FROM study_system_attributes "
        f"WHERE study_id = ? AND {_KEYS_WITH_IDS}",
        (study_id,),
    ).fetchall()
    connection.execute(
        f"DELETE FROM study_system_attributes WHERE study_id = ? AND {_KEYS_WITH_IDS}", (study_id,)
    )
    kept = [row for row in (with_new_ids(key, text, new_id) for key, text in rows) if row]
    connection.executemany(
        "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?)",
        [(study_id, *row) for row in kept],
    )


def is_about_trials(key: str) -> bool:
    """Say whether a study's system attribute holds ids of trials."""
    return _NOTE_KEY.fullmatch(key) is not None or "Sampler:parent:" in key


def with_new_ids(
    key: str, text: object, new_id: Callable[[int], int | None]
) -> tuple[str, object] | None:
    """Return a study's system attribute about trials with their new ids; None where it goes."""
    note = _NOTE_KEY.fullmatch(key)
    if note is not None:
        trial_id = new_id(int(note[1]))
        return None if trial_id is None else (f"dashboard:{trial_id}:{note[2]}", text)
    parents = read_json(text)
    if not isinstance(parents, list):
        return key, text
    ids = [new_id(each) for each in cast("list[object]", parents) if isinstance(each, int)]
    return key, json.dumps([each for each in ids if each is not None])


def replace_trial_numbers(connection: sqlite3.Connection, new_number: Mapping[int, int]) -> None:
    """Let attributes that hold the numbers of other trials hold the new ones.

    Those of trials that are not there any more go.
    """
    marks = ", ".join("?" * len(RETRY_KEYS))
    rows = connection.execute(
        "SELECT trial_system_attribute_id, value_json FROM trial_system_attributes "
        f"WHERE key IN ({marks})",
        RETRY_KEYS,
    ).fetchall()
    for row_id, text in rows:
        held = read_json(text)
        if isinstance(held, list):
            numbers = cast("list[object]", held)
            now: object = [
                new_number[each] for each in numbers if isinstance(each, int) and each in new_number
            ]
        else:
            now = new_number.get(held) if isinstance(held, int) else None
        if now is None:
            connection.execute(
                "DELETE FROM trial_system_attributes WHERE trial_system_attribute_id = ?", (row_id,)
            )
        else:
            connection.execute(
                "UPDATE trial_system_attributes SET value_json = ? "
                "WHERE trial_system_attribute_id = ?",
                (json.dumps(now), row_id),
            )


def leave_sampler_state(connection: sqlite3.Connection, study_id: int) -> None:
    """Take out what samplers left in the trials of a study's file about its former space.

    An optimizer of CMA-ES goes; the trials become the first generation of a genetic sampler.
    """
    of_study = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = ?)"
    connection.execute(
        f"DELETE FROM trial_system_attributes WHERE {_STATE_OF_A_SAMPLER} AND {of_study}",
        (study_id,),
    )
    connection.execute(
        f"UPDATE trial_system_attributes SET value_json = '0' WHERE {_GENERATION} AND {of_study}",
        (study_id,),
    )
    connection.execute(
        "DELETE FROM study_system_attributes WHERE study_id = ? AND key GLOB '*Sampler:parent:*'",
        (study_id,),
    )
    (last,) = connection.execute(
        "SELECT MAX(number) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    if last is not None:
        put_study_attribute(connection, study_id, TRANSFERRED_KEY, last)


def put_study_attribute(
    connection: sqlite3.Connection, study_id: int, key: str, value: object
) -> None:
    """Set a system attribute of a study."""
    connection.execute(
        "INSERT INTO study_system_attributes (study_id, key, value_json) VALUES (?, ?, ?) "
        "ON CONFLICT (study_id, key) DO UPDATE SET value_json = excluded.value_json",
        (study_id, key, json.dumps(value)),
    )


def read_study_attribute(connection: sqlite3.Connection, study_id: int, key: str) -> object:
    """Return a system attribute of a study; None where it is missing or no JSON."""
    row = connection.execute(
        "SELECT value_json FROM study_system_attributes WHERE study_id = ? AND key = ?",
        (study_id, key),
    ).fetchone()
    return None if row is None else read_json(row[0])

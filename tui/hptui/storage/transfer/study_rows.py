"""A study's rows in Optuna's tables as a whole: taken out of a file, or put into another."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Final

from hptui.domain.attribute_keys import ERROR_KEY, STUDY_KEY
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.study_identity import read_study_facts
from hptui.storage.sqlite.schema import COLUMNS, TABLES_OF_STUDY, TABLES_OF_TRIAL, add_late_tables
from hptui.storage.sqlite.timestamps import now
from hptui.storage.transfer.trial_origin import replace_trial_ids

if TYPE_CHECKING:
    import sqlite3

_CUT_OFF: Final = {
    "kind": "died",
    "type": "",
    "message": "The trial was still running when its study was copied; the copy cannot end it.",
    "traceback": "",
}


def study_id_of(connection: sqlite3.Connection, study_name: str) -> int | None:
    """Return the id of the study with this name, or None."""
    row = connection.execute(
        "SELECT study_id FROM studies WHERE study_name = ?", (study_name,)
    ).fetchone()
    return None if row is None else int(row[0])


def delete_study(connection: sqlite3.Connection, study_id: int) -> None:
    """Delete a study and all that belongs to it."""
    _delete(connection, "=", study_id)


def delete_other_studies(connection: sqlite3.Connection, study_id: int) -> bool:
    """Delete all studies but one; return whether there were any."""
    (count,) = connection.execute("SELECT COUNT(*) FROM studies").fetchone()
    if count > 1:
        _delete(connection, "<>", study_id)
    return count > 1


def _delete(connection: sqlite3.Connection, which: str, study_id: int) -> None:
    trials = f"(SELECT trial_id FROM trials WHERE study_id {which} ?)"
    for table in present_tables(connection, "main", TABLES_OF_TRIAL):
        connection.execute(f"DELETE FROM {table} WHERE trial_id IN {trials}", (study_id,))
    for table in ("trials", *TABLES_OF_STUDY, "studies"):
        connection.execute(f"DELETE FROM {table} WHERE study_id {which} ?", (study_id,))


def rename_study(connection: sqlite3.Connection, study_id: int, study_name: str) -> None:
    """Give a study another name.

    Raises:
        StudyFileError: Another study of the file is called so.
    """
    if study_id_of(connection, study_name) not in (None, study_id):
        raise StudyFileError(
            f"The file already holds a study {safe_line(study_name, max_chars=60)!r}.",
            hint="Choose another name.",
        )
    connection.execute(
        "UPDATE studies SET study_name = ? WHERE study_id = ?", (study_name, study_id)
    )


def make_independent(connection: sqlite3.Connection, study_id: int) -> None:
    """Make of the rows of a copied study a study of its own.

    It gets an identity of its own, and its running trials fail: nobody will end them here.
    """
    facts = read_study_facts(connection, study_id)
    if facts:
        connection.execute(
            "UPDATE study_system_attributes SET value_json = ? WHERE study_id = ? AND key = ?",
            (json.dumps({**facts, "token": secrets.token_hex(16)}), study_id, STUDY_KEY),
        )
    running = "study_id = ? AND state = 'RUNNING'"
    connection.execute(
        "INSERT OR IGNORE INTO trial_system_attributes (trial_id, key, value_json) "
        f"SELECT trial_id, ?, ? FROM trials WHERE {running}",
        (ERROR_KEY, json.dumps(_CUT_OFF), study_id),
    )
    connection.execute(
        f"UPDATE trials SET state = 'FAIL', datetime_complete = ? WHERE {running}",
        (now()[1], study_id),
    )


def take_in_study(connection: sqlite3.Connection, study_name: str) -> None:
    """Copy a study from the attached database `source` into the main one.

    Its ids stay where they are free; else those of its trials are shifted as a whole.

    Raises:
        StudyFileError: There is a study of this name already, or none in `source`.
    """
    row = connection.execute(
        "SELECT study_id FROM source.studies WHERE study_name = ?", (study_name,)
    ).fetchone()
    if row is None or study_id_of(connection, study_name) is not None:
        state = "no study" if row is None else "a study"
        where = "to take in" if row is None else "in the file already"
        raise StudyFileError(f"There is {state} {safe_line(study_name, max_chars=60)!r} {where}.")
    old_id = int(row[0])
    new_id = _free_study_id(connection, old_id)
    shift = _shift(connection, old_id)
    present = present_tables(connection, "source", (*TABLES_OF_STUDY, *TABLES_OF_TRIAL))
    add_late_tables(connection, frozenset(present_tables(connection, "main", TABLES_OF_TRIAL)))
    connection.execute(
        "INSERT INTO studies (study_id, study_name) VALUES (?, ?)", (new_id, study_name)
    )
    of_study = {"study_id": str(new_id)}
    of_trial = {"trial_id": f"trial_id + {shift}"}
    by_study = "study_id = ?"
    by_trial = "trial_id IN (SELECT trial_id FROM source.trials WHERE study_id = ?)"
    _copy(connection, "trials", of_study | of_trial, by_study, old_id)
    for table in present:
        is_of_trial = table in TABLES_OF_TRIAL
        replaced, which = (of_trial, by_trial) if is_of_trial else (of_study, by_study)
        _copy(connection, table, replaced, which, old_id)
    if shift:
        replace_trial_ids(connection, new_id, lambda trial_id: trial_id + shift)


def _free_study_id(connection: sqlite3.Connection, wanted: int) -> int:
    taken, last = connection.execute(
        "SELECT SUM(study_id = ?), MAX(study_id) FROM studies", (wanted,)
    ).fetchone()
    return int(last) + 1 if taken else wanted


def _shift(connection: sqlite3.Connection, old_study_id: int) -> int:
    """Return how far the ids of the study's trials must move to be free."""
    first, last = connection.execute(
        "SELECT MIN(trial_id), MAX(trial_id) FROM source.trials WHERE study_id = ?", (old_study_id,)
    ).fetchone()
    if first is None:
        return 0
    (is_taken,) = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM trials WHERE trial_id BETWEEN ? AND ?)", (first, last)
    ).fetchone()
    (greatest,) = connection.execute("SELECT MAX(trial_id) FROM trials").fetchone()
    return int(greatest) + 1 - int(first) if is_taken else 0


def _copy(
    connection: sqlite3.Connection, table: str, replaced: dict[str, str], which: str, study_id: int
) -> None:
    """Copy a study's rows of a table, with some columns replaced by expressions."""
    columns = sorted(COLUMNS[table] - ({_key_of(connection, table)} - replaced.keys()))
    names = ", ".join(f'"{column}"' for column in columns)
    cells = ", ".join(replaced.get(column, f'"{column}"') for column in columns)
    connection.execute(
        f"INSERT INTO main.{table} ({names}) SELECT {cells} FROM source.{table} "
        f"WHERE {which} ORDER BY rowid",
        (study_id,),
    )


def _key_of(connection: sqlite3.Connection, table: str) -> str:
    columns = connection.execute(f"PRAGMA main.table_info({table})").fetchall()
    return next(str(name) for _, name, _, _, _, is_key in columns if is_key)


def present_tables(
    connection: sqlite3.Connection, database: str, tables: tuple[str, ...]
) -> tuple[str, ...]:
    """Return those of `tables` that a database of the connection has."""
    rows = connection.execute(f"SELECT name FROM {database}.sqlite_master WHERE type = 'table'")
    found = {name for (name,) in rows}
    return tuple(table for table in tables if table in found)

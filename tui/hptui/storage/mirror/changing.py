"""Changing studies on database servers: notes, tags, names and their end.

Optuna's own methods write nothing to trials that have ended, and give no study another name. So
each change is a transaction of plain SQL that locks the study's row, as Optuna does to add a trial.
"""

from __future__ import annotations

import json
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.attribute_keys import ENGINE_PREFIX, TAGGED_KEY, TAGS_KEY
from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import escape_line, safe_line
from hptui.errors import StudyBusyError, StudyFileError, UsageError
from hptui.storage.annotations.changes import NoteEdit, require_same, trial_ids
from hptui.storage.annotations.notes import (
    attributes_of_note,
    piece_index,
    piece_prefix,
    version_key,
)
from hptui.storage.annotations.tags import tags_after, tags_of
from hptui.storage.files.study_identity import read_identity
from hptui.storage.mirror.server import engine_of, refusal_of, table_of
from hptui.storage.mirror.source import MAX_NAME_CHARS, MAX_TEXT_CHARS
from hptui.storage.read.session import read_study_file
from hptui.storage.server.engines import read_mark
from hptui.storage.sqlite.schema import TABLES_OF_STUDY, TABLES_OF_TRIAL

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, TableClause

    from hptui.storage.annotations.changes import Edit
    from hptui.storage.mirror.address import SourceAddress

_IDS_A_QUERY: Final = 5_000
_WITH_TEXTS: Final = (
    "study_user_attributes",
    "study_system_attributes",
    "trial_user_attributes",
    "trial_system_attributes",
)


@dataclass(frozen=True, slots=True)
class Extent:
    """How much a study holds; it tells whether trials came or ended since."""

    n_trials: int
    last_id: int
    """The greatest id of a trial; 0 where there is none."""
    n_open: int
    """Trials that run or wait."""


def annotate_on_server(address: SourceAddress, mirror: Path, study_name: str, edit: Edit) -> int:
    """Save a note or tags; return how many studies or trials are not as they were.

    Args:
        address: The server.
        mirror: The file that mirrors it: what the writer has seen, with the server's ids.
        study_name: The study.
        edit: What `checked` has let pass.

    Raises:
        UsageError: There is no such trial, or one would have too many tags.
        NoteConflictError: The note has another version than the writer has seen.
        StudyFileError: The study was deleted since.
        SourceError: The server refuses.
    """

    def known(connection: sqlite3.Connection) -> tuple[int, list[int]]:
        require_same(connection, study_name, edit.mark)
        identity = read_identity(connection, study_name)
        if identity is None:
            raise _gone(address, study_name)
        numbers = _numbers(edit)
        ids = trial_ids(connection, identity.study_id, study_name, numbers)
        return identity.study_id, ids

    known_id, ids = read_study_file(mirror, known)
    with _changing(address, study_name) as (connection, study_id):
        if study_id != known_id:
            raise _gone(address, study_name)
        if isinstance(edit, NoteEdit):
            _write_note(connection, study_id, next(iter(ids), None), edit)
            return 1
        if edit.trials is None:
            return _change_tags(connection, "study", [study_id], edit)
        changed = _change_tags(connection, "trial", ids, edit)
        if changed:
            at_s = json.dumps(round(time.time(), 6))
            _put(connection, "study_system_attributes", "study_id", [(study_id, TAGGED_KEY, at_s)])
        return changed


def rename_on_server(address: SourceAddress, study_name: str, new_name: str) -> None:
    """Give a study another name.

    Raises:
        UsageError: The name is none, or another study there has it.
        StudyBusyError: An engine runs the study.
        SourceError: There is no such study, or the server refuses.
    """
    from sqlalchemy import select, update

    problem = name_problem_on_server(study_name, new_name)
    if problem is not None:
        raise UsageError(problem)
    studies = table_of("studies")
    with _changing(address, study_name) as (connection, study_id):
        _require_no_engine(connection, study_id, study_name)
        taken = select(studies.c.study_id).where(studies.c.study_name == new_name)
        # Some servers take a name in capitals for the same.
        if connection.execute(taken).scalar() not in (None, study_id):
            raise UsageError(
                f"{safe_line(address.shown)} holds a study "
                f"{safe_line(new_name, max_chars=60)!r} already.",
                hint="Choose another name.",
            )
        statement = update(studies).where(studies.c.study_id == study_id)
        connection.execute(statement.values(study_name=new_name))


def name_problem_on_server(study_name: str, new_name: str) -> str | None:
    """Return why a study on a server cannot get a name; None where it can, for all known here."""
    shown = safe_line(new_name, max_chars=60)
    if new_name == study_name:
        return f"It is already called {shown}."
    if not new_name.strip() or escape_line(new_name) != new_name or len(new_name) > MAX_NAME_CHARS:
        return (
            f"{shown!r} cannot be a study's name: give 1 to {MAX_NAME_CHARS} characters that can "
            "be shown."
        )
    return None


def delete_on_server(address: SourceAddress, study_name: str, known_id: int, kept: Extent) -> bool:
    """Delete a study with all its trials if it holds what a copy of it does; return whether it did.

    Raises:
        SourceError: There is no such study, or the server refuses.
        StudyFileError: It is another study by now, or holds texts that no copy has.
        StudyBusyError: An engine runs it.
    """
    from sqlalchemy import delete, select

    trials = table_of("trials")
    with _changing(address, study_name) as (connection, study_id):
        if study_id != known_id:
            raise _gone(address, study_name)
        _require_no_engine(connection, study_id, study_name)
        if _extent_on_server(connection, study_id) != kept:
            return False
        _require_short_texts(connection, study_id, study_name)
        of_study = select(trials.c.trial_id).where(trials.c.study_id == study_id)
        for name in TABLES_OF_TRIAL:
            table = table_of(name)
            connection.execute(delete(table).where(table.c.trial_id.in_(of_study)))
        for name in ("trials", *TABLES_OF_STUDY, "studies"):
            table = table_of(name)
            connection.execute(delete(table).where(table.c.study_id == study_id))
    return True


def extent_in_file(connection: sqlite3.Connection, study_id: int) -> Extent:
    """Return how much a study in a file holds."""
    count, last, n_open = connection.execute(
        "SELECT COUNT(*), MAX(trial_id), SUM(state IN ('RUNNING', 'WAITING')) FROM trials "
        "WHERE study_id = ?",
        (study_id,),
    ).fetchone()
    return Extent(count, last or 0, n_open or 0)


def _extent_on_server(connection: Connection, study_id: int) -> Extent:
    from sqlalchemy import Text, cast, func, select

    trials = table_of("trials")
    of_study = select(func.count(), func.max(trials.c.trial_id)).where(
        trials.c.study_id == study_id
    )
    count, last = connection.execute(of_study).one()
    still_open = of_study.where(cast(trials.c.state, Text).in_(("RUNNING", "WAITING")))
    return Extent(count, last or 0, connection.execute(still_open).one()[0])


def _require_no_engine(connection: Connection, study_id: int, study_name: str) -> None:
    """Refuse to rename or delete what an engine of hptui runs, on whatever machine.

    Raises:
        StudyBusyError: One does.
    """
    from sqlalchemy import select, text

    is_mysql = connection.dialect.name != "postgresql"
    clock = "UNIX_TIMESTAMP(NOW(6))" if is_mysql else "EXTRACT(EPOCH FROM clock_timestamp())"
    now_s = float(connection.execute(text(f"SELECT {clock}")).scalar_one())
    table = table_of("study_system_attributes")
    told = select(table.c.value_json).where(
        table.c.study_id == study_id, table.c.key.startswith(ENGINE_PREFIX, autoescape=True)
    )
    for (mark_text,) in connection.execute(told).all():
        mark = read_mark(mark_text)
        if mark is not None and mark.is_alive(now_s):
            raise StudyBusyError(
                f"{safe_line(study_name, max_chars=60)} is being run by process {mark.lease.pid} "
                f"on {safe_line(mark.lease.host, max_chars=60)}.",
                hint="Stop it first.",
            )


def _require_short_texts(connection: Connection, study_id: int, study_name: str) -> None:
    from sqlalchemy import func, select

    trials = table_of("trials")
    of_study = select(trials.c.trial_id).where(trials.c.study_id == study_id)
    for name in _WITH_TEXTS:
        table = table_of(name)
        is_trials = name.startswith("trial_")
        whose = table.c.trial_id.in_(of_study) if is_trials else table.c.study_id == study_id
        long = select(func.count()).where(
            whose, func.octet_length(table.c.value_json) > MAX_TEXT_CHARS
        )
        if connection.execute(long.select_from(table)).scalar():
            raise StudyFileError(
                f"{safe_line(study_name, max_chars=60)} holds attributes of more than "
                f"{MAX_TEXT_CHARS // 1_000_000} million characters, which no copy here would have; "
                "it was not deleted.",
                hint="optuna delete-study --study-name NAME --storage ADDRESS deletes it without "
                "a copy.",
            )


@contextmanager
def _changing(address: SourceAddress, study_name: str) -> Generator[tuple[Connection, int]]:
    """Yield a connection in a transaction that has locked the study, and the study's id.

    Raises:
        SourceError: There is no such study, or the server refuses.
    """
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    studies = table_of("studies")
    mine = select(studies.c.study_id).where(studies.c.study_name == study_name)
    try:
        engine = engine_of(address, "READ COMMITTED")
        try:
            with engine.begin() as connection:
                study_id = connection.execute(mine.with_for_update()).scalar()
                if study_id is None:
                    raise _gone(address, study_name)
                yield connection, int(study_id)
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        raise refusal_of(address, error, "changed") from error


def _gone(address: SourceAddress, study_name: str) -> StudyFileError:
    return StudyFileError(
        f"The study {safe_line(study_name, max_chars=60)!r} that you have seen is no longer on "
        f"{safe_line(address.shown)}: it was deleted or renamed. Nothing was changed."
    )


def _numbers(edit: Edit) -> Sequence[int]:
    if isinstance(edit, NoteEdit):
        return () if edit.trial is None else (edit.trial,)
    return edit.trials or ()


def _write_note(
    connection: Connection, study_id: int, trial_id: int | None, edit: NoteEdit
) -> None:
    from sqlalchemy import select

    table = table_of("study_system_attributes")
    asked = select(table.c.key, table.c.value_json).where(table.c.study_id == study_id)
    own = version_key(trial_id)
    version = 0
    for key, text in connection.execute(asked.where(table.c.key == own)):
        found = read_json(text)
        version = found if key == own and isinstance(found, int) else version
    prefix = piece_prefix(trial_id)
    there = connection.execute(asked.where(table.c.key.startswith(prefix, autoescape=True)))
    indices = [index for key, _ in there if (index := piece_index(str(key))) is not None]
    rows = attributes_of_note(trial_id, edit.body, version, indices, edit.expected_version)
    cells = [(study_id, key, json.dumps(value)) for key, value in rows.items()]
    _put(connection, table.name, "study_id", cells)


def _change_tags(connection: Connection, owner: str, ids: Sequence[int], edit: Edit) -> int:
    assert not isinstance(edit, NoteEdit), "told apart before"
    name, column = f"{owner}_user_attributes", f"{owner}_id"
    before = dict(_tags_before(connection, table_of(name), column, ids))
    changed = tags_after(before, ids, add=edit.add, remove=edit.remove, clears=edit.clears)
    texts: Mapping[tuple[str, ...], str] = {
        tags: json.dumps(tags) for tags in set(map(tuple, changed.values()))
    }
    cells = [(each, TAGS_KEY, texts[tuple(tags)]) for each, tags in changed.items()]
    _put(connection, name, column, cells)
    return len(changed)


def _tags_before(
    connection: Connection, table: TableClause, column: str, ids: Sequence[int]
) -> Iterator[tuple[int, tuple[str, ...]]]:
    from sqlalchemy import select

    asked = select(table.c[column], table.c.value_json).where(table.c.key == TAGS_KEY)
    for start in range(0, len(ids), _IDS_A_QUERY):
        some = list(ids[start : start + _IDS_A_QUERY])
        for each, text in connection.execute(asked.where(table.c[column].in_(some))):
            yield int(each), tags_of(read_json(text))


def _put(
    connection: Connection, name: str, column: str, cells: Sequence[tuple[int, str, str]]
) -> None:
    """Write attributes, over those with the same key."""
    from sqlalchemy.dialects import mysql, postgresql

    if not cells:
        return
    table, statement = table_of(name), None
    if connection.dialect.name == "postgresql":
        into = postgresql.insert(table)
        statement = into.on_conflict_do_update(
            index_elements=[column, "key"], set_={"value_json": into.excluded.value_json}
        )
    else:
        anew = mysql.insert(table)
        statement = anew.on_duplicate_key_update(value_json=anew.inserted.value_json)
    rows: list[dict[str, Any]] = [
        {column: owner_id, "key": key, "value_json": text} for owner_id, key, text in cells
    ]
    connection.execute(statement, rows)

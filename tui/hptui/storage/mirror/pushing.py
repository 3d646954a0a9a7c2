"""Copying a study from a file to a server or a journal, with all that it holds."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.upgrade import optuna_url
from hptui.storage.mirror.redis_journal import require_redis, url_and_prefix
from hptui.storage.mirror.server import engine_of, refusal_of, url_of
from hptui.storage.mirror.source import COLUMN_ORDER
from hptui.storage.sqlite.schema import TABLES_OF_STUDY, TABLES_OF_TRIAL
from hptui.storage.transfer.copying import copy_study
from hptui.storage.transfer.trial_origin import is_about_trials, with_new_ids

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from optuna.storages import JournalStorage
    from sqlalchemy import Connection, Table

    from hptui.storage.mirror.address import SourceAddress

_ROWS_AT_ONCE: Final = 5_000
_TIMES: Final = ("datetime_start", "datetime_complete")
_LEFT: Final = ("trial_heartbeats",)
"""Signs of life of trials that no longer run."""


def push_study(path: Path, study_name: str, target: SourceAddress, new_name: str) -> int:
    """Copy a study with all its trials to another storage; tables that are missing are made there.

    The copy is a study of its own, in which trials that run have failed. On a server it is there as
    a whole or not at all.

    Args:
        path: A study file.
        study_name: The study in it.
        target: Where it is copied to.
        new_name: What it is called there.

    Returns:
        How many trials it has there.

    Raises:
        UsageError: There is a study of this name already.
        SourceError: The server refuses; a PasswordError where it wants another password.
        MissingExtraError: The package that connects to it is not installed.
        StudyFileError: The file cannot be read.
    """
    if target.kind not in ("postgresql", "mysql", "journal", "redis"):
        raise UsageError(
            f"Studies cannot be copied to {safe_line(target.shown)}.",
            hint="They can be to PostgreSQL, MySQL, MariaDB, and journals in files and in Redis.",
        )
    with tempfile.TemporaryDirectory(prefix="hptui-push-") as folder:
        copy = Path(folder) / "study.db"
        copy_study(path, study_name, copy)
        try:
            if target.kind in ("journal", "redis"):
                return _push_to_journal(copy, study_name, target, new_name)
            return _push_to_server(copy, target, new_name)
        except HptuiError:
            raise
        except Exception as error:  # drivers raise what they like
            raise refusal_of(target, error, "written") from error


def _taken(target: SourceAddress, new_name: str) -> UsageError:
    return UsageError(
        f"{safe_line(target.shown)} holds a study {safe_line(new_name, max_chars=60)!r} already.",
        hint="Choose another name: ADDRESS#NAME.",
    )


# To a server: rows as they are, but for their ids.


def _push_to_server(copy: Path, target: SourceAddress, new_name: str) -> int:
    from optuna.storages import RDBStorage
    from sqlalchemy import MetaData

    # It makes the tables where there are none, and refuses those of other versions.
    storage = RDBStorage(url_of(target).render_as_string(hide_password=False))
    storage.remove_session()
    storage.engine.dispose()
    engine = engine_of(target, "READ COMMITTED")
    try:
        with engine.begin() as connection, closing(sqlite3.connect(copy)) as file:
            tables = MetaData()
            tables.reflect(connection, only=list(COLUMN_ORDER))
            return _put_rows(file, connection, tables.tables, target, new_name)
    finally:
        engine.dispose()


def _put_rows(
    file: sqlite3.Connection,
    connection: Connection,
    tables: Mapping[str, Table],
    target: SourceAddress,
    new_name: str,
) -> int:
    from sqlalchemy import insert, select

    studies, trials = tables["studies"], tables["trials"]
    mine = select(studies.c.study_id).where(studies.c.study_name == new_name)
    if connection.execute(mine).first() is not None:
        raise _taken(target, new_name)
    connection.execute(insert(studies).values(study_name=new_name))
    study_id: int = connection.execute(mine).scalar_one()

    def put(name: str, ids: Mapping[int, int]) -> None:
        for rows in _rows_of(file, name):
            there = (_row_there(name, row, study_id, ids) for row in rows)
            fit = [row for row in there if row is not None]
            if fit:
                connection.execute(insert(tables[name]), fit)

    numbers: dict[int, int] = dict(file.execute("SELECT trial_id, number FROM trials"))
    put("trials", {})
    asked = select(trials.c.number, trials.c.trial_id).where(trials.c.study_id == study_id)
    by_number = {int(row[0]): int(row[1]) for row in connection.execute(asked)}
    ids = {each: by_number[number] for each, number in numbers.items()}
    for name in (*TABLES_OF_STUDY, *TABLES_OF_TRIAL):
        if name not in _LEFT:
            put(name, ids)
    return len(ids)


def _row_there(
    name: str, row: dict[str, Any], study_id: int, ids: Mapping[int, int]
) -> dict[str, Any] | None:
    """Return a row of a table as it is there: of that study and its trials; None where it goes."""
    if "trial_id" in row:
        return {**row, "trial_id": ids[row["trial_id"]]}
    there = {**row, "study_id": study_id}
    for key in _TIMES:
        if there.get(key) is not None:
            there[key] = datetime.fromisoformat(str(there[key]))
    if name == "study_system_attributes" and is_about_trials(row["key"]):
        renamed = with_new_ids(row["key"], row["value_json"], ids.get)
        if renamed is None:
            return None
        there["key"], there["value_json"] = renamed
    return there


def _rows_of(file: sqlite3.Connection, name: str) -> Iterator[list[dict[str, Any]]]:
    """Yield the rows of a table by parts, in the order of their ids and without these."""
    own_id, *columns = COLUMN_ORDER[name]
    names = ", ".join(f'"{each}"' for each in columns)
    found = file.execute(f"SELECT {names} FROM {name} ORDER BY {own_id}")
    while rows := found.fetchmany(_ROWS_AT_ONCE):
        yield [dict(zip(columns, row, strict=True)) for row in rows]


# To a journal: by Optuna.


def _push_to_journal(copy: Path, study_name: str, target: SourceAddress, new_name: str) -> int:
    import optuna

    source = optuna.load_study(study_name=study_name, storage=optuna_url(copy))
    storage = _journal(target)
    if new_name in {each.study_name for each in storage.get_all_studies()}:
        raise _taken(target, new_name)
    study = optuna.create_study(study_name=new_name, storage=storage, directions=source.directions)
    study_id = study._study_id  # pyright: ignore[reportPrivateUsage]
    trials = source.get_trials(deepcopy=False)
    study.add_trials(trials)
    for key, value in source.user_attrs.items():
        study.set_user_attr(key, value)
    added = {each.number: each._trial_id for each in study.get_trials(deepcopy=False)}  # pyright: ignore[reportPrivateUsage]
    ids = {each._trial_id: added[each.number] for each in trials}  # pyright: ignore[reportPrivateUsage]
    system = source._storage.get_study_system_attrs(source._study_id)  # pyright: ignore[reportPrivateUsage]
    for key, value in system.items():
        if not is_about_trials(key):
            storage.set_study_system_attr(study_id, key, value)
        elif (renamed := with_new_ids(key, json.dumps(value), ids.get)) is not None:
            storage.set_study_system_attr(study_id, renamed[0], read_json(renamed[1]))
    return len(added)


def _journal(target: SourceAddress) -> JournalStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalRedisBackend

    if target.kind == "journal":
        return JournalStorage(JournalFileBackend(target.url))
    require_redis()
    url, prefix = url_and_prefix(target)
    return JournalStorage(JournalRedisBackend(url, prefix=prefix))

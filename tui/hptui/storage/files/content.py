"""What an SQLite file must hold, and nothing else, to be one of Optuna's."""

from __future__ import annotations

import sqlite3
import time
from dataclasses import dataclass
from typing import Final, Literal

from hptui.domain.texts.text import safe_line
from hptui.storage.files.table_text import odd_table
from hptui.storage.sqlite.connection import code_of
from hptui.storage.sqlite.schema import (
    COLUMNS,
    HEAD_VERSION,
    INDEXES,
    KNOWN_VERSIONS,
    LATE_TABLES,
    TABLES,
)

UnfitKind = Literal["empty", "older", "newer", "foreign", "damaged"]

_MAX_OBJECTS: Final = 200
_STEPS_BETWEEN_LOOKS: Final = 1000
_OWN_TABLES_OF_SQLITE: Final = frozenset({"sqlite_sequence", "sqlite_stat1", "sqlite_stat4"})
_AUTOMATIC_INDEX: Final = "sqlite_autoindex_"


@dataclass(frozen=True, slots=True)
class Content:
    """What an open file holds."""

    version: str
    is_wholly_checked: bool
    """Whether the time was enough to look for damage everywhere."""
    odd_table: str
    """What of its tables is not as Optuna makes it, so that it must not be written to."""


class UnfitContentError(Exception):
    """A database that is not Optuna's, or not of the present version."""

    def __init__(self, kind: UnfitKind, what: str, version: str | None = None) -> None:
        super().__init__(what)
        self.kind: UnfitKind = kind
        self.what = what
        self.version = version


def check_content(
    connection: sqlite3.Connection, check_budget_s: float, *, with_indexes: bool = False
) -> Content:
    """Refuse a database that is not a sound one of Optuna's present version.

    Args:
        connection: A connection to it.
        check_budget_s: How long to look for damage, in seconds.
        with_indexes: Whether to compare all indexes with their tables, which takes longer.

    Raises:
        UnfitContentError: It is not.
        sqlite3.Error: It cannot be read.
    """
    tables = check_objects(connection)
    version = _version(connection, tables)
    if version not in KNOWN_VERSIONS:
        raise UnfitContentError(
            "newer",
            f"was made by a newer Optuna: its schema is {safe_line(version, max_chars=40)}, and "
            f"{HEAD_VERSION} is the newest that hptui knows.",
            safe_line(version, max_chars=40),
        )
    if version == HEAD_VERSION:
        for table, columns in sorted(COLUMNS.items()):
            if table in tables or table not in LATE_TABLES:
                _check_columns(connection, table, columns)
    is_wholly_checked = _is_sound(connection, check_budget_s, with_indexes=with_indexes)
    if version != HEAD_VERSION:
        raise UnfitContentError(
            "older", f"was made by an older Optuna (schema {version}).", version
        )
    return Content(version, is_wholly_checked, odd_table(connection))


def check_objects(connection: sqlite3.Connection) -> frozenset[str]:
    """Refuse a database that holds anything but Optuna's tables and indexes; return the tables.

    Triggers would run when we write, and views and virtual tables when we read.

    Raises:
        UnfitContentError: There is something else, or nothing.
        sqlite3.Error: It cannot be read.
    """
    rows = connection.execute(
        "SELECT type, name, rootpage, substr(sql, 1, 12) FROM sqlite_master LIMIT ?",
        (_MAX_OBJECTS + 1,),
    ).fetchall()
    if not rows:
        raise UnfitContentError("empty", "is an SQLite file without tables.")
    for kind, name, root_page, sql in rows:
        is_known = isinstance(name, str) and _is_known(kind, name, root_page, sql)
        if not is_known or len(rows) > _MAX_OBJECTS:
            kind = "virtual table" if kind == "table" and not root_page else kind
            what = f"the {safe_line(kind, max_chars=20)} {safe_line(name, max_chars=60)!r}"
            raise UnfitContentError("foreign", f"is not a study file of Optuna: it holds {what}.")
    tables = frozenset(name for kind, name, _, _ in rows if kind == "table") & TABLES
    if not {"studies", "trials", "version_info"} <= tables:
        raise UnfitContentError("foreign", "is not a study file of Optuna: it lacks its tables.")
    return tables


def _is_known(kind: object, name: str, root_page: object, sql: object) -> bool:
    if not isinstance(root_page, int) or root_page <= 0:
        return False
    if kind == "table":
        # A virtual table has the type "table" too.
        is_plain = isinstance(sql, str) and sql.upper() == "CREATE TABLE"
        return is_plain and name in TABLES | _OWN_TABLES_OF_SQLITE
    return kind == "index" and (name in INDEXES or name.startswith(_AUTOMATIC_INDEX))


def _version(connection: sqlite3.Connection, tables: frozenset[str]) -> str:
    """Return Optuna's schema version, the oldest for files from before there were any."""
    if "alembic_version" not in tables:
        return KNOWN_VERSIONS[0]
    rows = connection.execute("SELECT version_num FROM alembic_version LIMIT 2").fetchall()
    if not rows:
        return KNOWN_VERSIONS[0]
    if len(rows) > 1 or not isinstance(rows[0][0], str):
        raise UnfitContentError("damaged", "is damaged: its schema version is unknown.")
    return rows[0][0]


def _check_columns(connection: sqlite3.Connection, table: str, columns: frozenset[str]) -> None:
    rows = connection.execute(f"PRAGMA table_xinfo({table})").fetchall()
    found = frozenset(str(name) for _, name, _, _, _, _, hidden in rows if not hidden)
    if not rows:
        raise UnfitContentError("damaged", f"is damaged: it lacks the table {table}.", HEAD_VERSION)
    if found != columns or len(found) != len(rows):
        raise UnfitContentError(
            "damaged", f"is damaged: the columns of table {table} are not Optuna's.", HEAD_VERSION
        )
    for _, name, _, _, is_partial in connection.execute(f"PRAGMA index_list({table})").fetchall():
        keys = connection.execute("SELECT name FROM pragma_index_info(?)", (name,)).fetchall()
        if is_partial or any(key not in columns for (key,) in keys):
            raise UnfitContentError(
                "damaged", f"is damaged: an index of table {table} is not Optuna's.", HEAD_VERSION
            )


def _is_sound(connection: sqlite3.Connection, budget_s: float, *, with_indexes: bool) -> bool:
    """Look for damage; return False when the time was not enough."""
    deadline_s = time.monotonic() + budget_s

    def is_over() -> bool:
        return time.monotonic() > deadline_s

    connection.set_progress_handler(is_over, _STEPS_BETWEEN_LOOKS)
    try:
        check = "integrity_check" if with_indexes else "quick_check"
        rows = connection.execute(f"PRAGMA {check}(1)").fetchall()
    except sqlite3.OperationalError as error:
        if code_of(error) != sqlite3.SQLITE_INTERRUPT:
            raise
        return False
    finally:
        connection.set_progress_handler(None, 0)
    if rows != [("ok",)]:
        found = safe_line(rows[0][0] if rows else "no answer")
        raise UnfitContentError("damaged", f"is damaged: {found}.", HEAD_VERSION)
    return True

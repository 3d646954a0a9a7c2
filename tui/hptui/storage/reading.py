"""Connections that only look."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from hptui.storage.connection import MAX_TEXT_BYTES, as_storage_error, file_uri

if TYPE_CHECKING:
    from pathlib import Path

_BUSY_TIMEOUT_S: Final = 5.0


def open_read_only(path: Path) -> sqlite3.Connection:
    """Open a study file for reading alone."""
    try:
        connection = sqlite3.connect(
            file_uri(path.absolute(), "ro"),
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_TEXT_BYTES)
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA query_only = ON")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error
    return connection


def require_readable(path: Path) -> None:
    """Refuse what is no study file."""
    open_read_only(path).close()

"""Errors that come from what one row holds, and not from the file."""

from __future__ import annotations

import sqlite3


def is_of_a_row(error: sqlite3.Error) -> bool:
    """Say whether an error comes from what a row holds: a text too long, or not UTF-8."""
    if isinstance(error, sqlite3.ProgrammingError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return code in (None, sqlite3.SQLITE_TOOBIG)

"""Moving study files: with all that was committed, and never over something else."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.storage.files.in_place import put_in_place
from hptui.storage.files.study_lock import opening
from hptui.storage.files.target import taken
from hptui.storage.sqlite.connection import StorageBusyError, as_storage_error, file_uri

if TYPE_CHECKING:
    from pathlib import Path

SIDE_FILES: Final = ("-wal", "-journal", "-shm")
_BUSY_TIMEOUT_S: Final = 5.0


def connect_for_writing(path: Path) -> sqlite3.Connection:
    """Open a study file that the gate has let pass; transactions begin and end explicitly."""
    with opening():
        connection = sqlite3.connect(
            file_uri(path, "rw"), uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
        )
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
    except BaseException:
        connection.close()
        raise
    return connection


def settle_file(path: Path) -> None:
    """Bring all that was committed into the main file, so that it can be moved alone.

    Raises:
        StorageBusyError: A program is reading or writing it.
        HptuiError: The disk refuses.
    """
    try:
        with closing(connect_for_writing(path)) as connection:
            # The first read also rolls back what a killed program left half done.
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            is_busy, _, _ = connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error
    if is_busy:
        raise StorageBusyError(
            f"{safe_line(path.name)} is in use by another program.",
            hint="Try again when it has finished.",
        )


def move_file(path: Path, target: Path) -> None:
    """Move a settled study file; what SQLite still keeps beside it goes with it.

    Raises:
        StudyFileError: There is something at `target`; nothing was moved.
        OSError: The folders cannot be written; nothing was moved.
    """
    if not put_in_place(path, target):
        raise taken(target)
    move_side_files(path, target)


def move_side_files(path: Path, target: Path) -> None:
    """Move what SQLite left beside a study file that has moved, unless another took its place."""
    for suffix in SIDE_FILES:
        beside = path.with_name(path.name + suffix)
        with suppress(FileNotFoundError):
            if os.path.lexists(path):
                return
            # A damaged file may not have been settled.
            if suffix != "-shm" and beside.stat().st_size:
                put_in_place(beside, target.with_name(target.name + suffix))
            else:
                beside.unlink()

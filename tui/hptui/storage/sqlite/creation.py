"""Making new study files."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

import optuna

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.in_place import put_in_place, sync_file
from hptui.storage.files.staging import staging_folder
from hptui.storage.files.study_lock import opening
from hptui.storage.files.target import require_no_side_files
from hptui.storage.files.validation import inspect_file
from hptui.storage.sqlite.connection import MOUNTS, as_storage_error, file_uri, is_on_network
from hptui.storage.sqlite.schema import create_schema

if TYPE_CHECKING:
    from pathlib import Path


def create_study_file(path: Path, *, mounts: Path = MOUNTS) -> None:
    """Create an empty study file, unless there is something at `path` already.

    Other programs see either nothing or the whole file.

    Raises:
        StudyFileError: The folder does not exist or cannot be written.
    """
    if path.exists():
        return
    name = safe_line(str(path))
    if not path.parent.is_dir():
        raise StudyFileError(
            f"{name} cannot be created: the folder does not exist.", hint="Create the folder first."
        )
    try:
        with staging_folder(path) as folder:
            made = folder / "new.db"
            _make(made, wal=not is_on_network(path, mounts))
            sync_file(made)
            put_in_place(made, path)
    except (OSError, sqlite3.Error) as error:
        raise StudyFileError(f"{name} cannot be created: {safe_line(error)}.") from error


def fill_empty_file(path: Path, *, mounts: Path = MOUNTS) -> None:
    """Make a study file of one that holds nothing, as a program leaves it that was killed early.

    The caller holds a study of it. Nothing is done to any other file.

    Raises:
        StudyFileError: It cannot be written, or SQLite left something of another file beside it.
    """
    if inspect_file(path, check_budget_s=0.0).kind != "empty":
        return
    require_no_side_files(path)
    try:
        with opening():
            _make(path, wal=not is_on_network(path, mounts))
    except sqlite3.Error as error:
        # Another run, of another study, may have been faster.
        if inspect_file(path, check_budget_s=0.0).kind != "optuna":
            raise as_storage_error(error, path) from error


def _make(path: Path, *, wal: bool) -> None:
    connection = sqlite3.connect(file_uri(path, "rwc"), uri=True, isolation_level=None)
    try:
        create_schema(connection, optuna.__version__)
        # Not before: closing brings a -wal file into the main one, and does not tell when it fails.
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
    finally:
        connection.close()

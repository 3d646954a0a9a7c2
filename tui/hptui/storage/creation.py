"""Making new study files."""

from __future__ import annotations

import os
import sqlite3
import tempfile
from pathlib import Path

import optuna

from hptui.domain.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.connection import MOUNTS, file_uri, is_on_network
from hptui.storage.schema import create_schema


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
        with tempfile.TemporaryDirectory(prefix=".hptui-new-", dir=path.parent) as folder:
            made = Path(folder) / "new.db"
            _make(made, wal=not is_on_network(path, mounts))
            put_in_place(made, path)
    except (OSError, sqlite3.Error) as error:
        raise StudyFileError(f"{name} cannot be created: {safe_line(error)}.") from error


def _make(path: Path, *, wal: bool) -> None:
    connection = sqlite3.connect(file_uri(path, "rwc"), uri=True, isolation_level=None)
    try:
        if wal:
            connection.execute("PRAGMA journal_mode = WAL")
        create_schema(connection, optuna.__version__)
    finally:
        connection.close()


def put_in_place(made: Path, path: Path) -> bool:
    """Give a finished file its name; False, and nothing done, when the name is taken.

    Raises:
        OSError: The folder cannot be written.
    """
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:
        # No hard links here (FAT, some network shares): reserve the name, then fill it at once.
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            return False
        made.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True

"""Looks at the studies of a file: one moment of it, or again and again."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.study_identity import no_such_study, read_identity
from hptui.storage.files.validation import open_read_only
from hptui.storage.sqlite.connection import as_storage_error

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@contextmanager
def opened_study(path: Path, study_name: str) -> Generator[tuple[sqlite3.Connection, int]]:
    """Yield a connection that sees one moment of a file, and the study's id in it.

    Raises:
        StudyFileError: The study is not there, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    try:
        with closing(open_read_only(path)) as connection:
            connection.execute("BEGIN")
            identity = read_identity(connection, study_name)
            if identity is None:
                raise no_such_study(connection, path, study_name)
            yield connection, identity.study_id
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


class FollowedFile:
    """A study file that is looked at again and again, also when another one takes its place."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None

    def connect(self) -> sqlite3.Connection:
        """Return a read-only connection, the same as before while the file is.

        Raises:
            StudyFileError: The file is not there, or cannot be read.
        """
        try:
            status = self._path.stat()
        except OSError as error:
            self.close()
            raise StudyFileError(
                f"The file {safe_line(str(self._path))} cannot be read: {error.strerror}."
            ) from error
        file = (status.st_dev, status.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection = open_read_only(self._path)
            self._file = file
        return self._connection

    def close(self) -> None:
        """Let go of the file; `connect` opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

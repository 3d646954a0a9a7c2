"""One look at one study of a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from hptui.storage.connection import as_storage_error
from hptui.storage.gate import open_read_only
from hptui.storage.study_identity import no_such_study, read_identity

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

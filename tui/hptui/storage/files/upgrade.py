"""Bringing study files of older Optuna versions up to date, by Optuna's own migration."""

from __future__ import annotations

import filecmp
import logging
import sqlite3
import warnings
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from optuna.storages import RDBStorage
from sqlalchemy.engine import URL
from sqlalchemy.pool import NullPool

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.in_place import put_in_place
from hptui.storage.files.staging import staging_folder
from hptui.storage.files.study_lock import opening, whole_file_held
from hptui.storage.files.validation import inspect_file, is_read_only
from hptui.storage.sqlite.connection import as_storage_error, file_uri
from hptui.storage.sqlite.schema import HEAD_VERSION

if TYPE_CHECKING:
    import os
    from collections.abc import Generator
    from pathlib import Path

_BUSY_TIMEOUT_S = 5.0
_COUNTED_TABLES = ("studies", "trials", "trial_params")


def upgrade_file(path: str | os.PathLike[str]) -> Path:
    """Upgrade a study file of an older Optuna; return the path of the backup made before.

    The migration runs on a copy. The file itself changes only when that has succeeded, in one
    transaction, so it is never seen half upgraded.

    Raises:
        StudyFileError: It is not an older study file, has several names, cannot be written, is
            being written by another program, or Optuna's migration failed. Then the file is as it
            was.
        StudyBusyError: Another command changes it.
    """
    report = inspect_file(path)
    name = safe_line(str(report.path))
    if report.kind == "optuna":
        raise StudyFileError(f"{name} is up to date already (schema {HEAD_VERSION}).")
    if report.kind != "older":
        raise StudyFileError(report.sentence, hint=report.hint)
    if is_read_only(report.path):
        raise StudyFileError(f"{name} cannot be upgraded: the file or its folder is read-only.")
    try:
        with (
            whole_file_held(report.path),
            staging_folder(report.path) as folder,
            closing(_connect(report.path)) as connection,
        ):
            return _upgrade(connection, report.path, report.version or "old", folder)
    except OSError as error:
        raise StudyFileError(f"{name} cannot be upgraded: {safe_line(error)}.") from error
    except sqlite3.Error as error:
        raise as_storage_error(error, report.path) from error


def optuna_url(path: Path) -> str:
    """Return the address under which Optuna opens a file, whatever characters are in its path."""
    # In a URI every odd character is percent-encoded: SQLAlchemy would cut a path at `?`, and
    # Optuna would format it as a template. SQLAlchemy encodes the URI itself once more.
    database = file_uri(path, "rw").removesuffix("?mode=rw")
    url = URL.create("sqlite", database=database, query={"mode": "rw", "uri": "true"})
    return url.render_as_string()


def _connect(path: Path) -> sqlite3.Connection:
    with opening():
        return sqlite3.connect(
            file_uri(path, "rw"), uri=True, timeout=_BUSY_TIMEOUT_S, isolation_level=None
        )


def _upgrade(connection: sqlite3.Connection, path: Path, version: str, folder: Path) -> Path:
    seen = connection.execute("PRAGMA data_version").fetchone()
    backup, work = folder / "backup.db", folder / "work.db"
    for copy in (backup, work):
        with closing(sqlite3.connect(file_uri(copy, "rwc"), uri=True)) as target:
            connection.backup(target)
            # A copy in WAL mode would need its side files too.
            target.execute("PRAGMA journal_mode = DELETE")
    _migrate(work, path)
    with closing(_connect(work)) as migrated:
        if _counts(migrated) != _counts(connection):
            raise StudyFileError(f"{safe_line(str(path))} was not upgraded: rows would be lost.")
        kept = _keep(backup, path, version)
        if connection.execute("PRAGMA data_version").fetchone() != seen:
            raise StudyFileError(
                f"{safe_line(str(path))} was not upgraded: another program is writing to it.",
                hint="Stop that program first.",
            )
        migrated.backup(connection)
    return kept


def _migrate(work: Path, path: Path) -> None:
    url = optuna_url(work)
    try:
        with _quietly():
            storage = RDBStorage(
                url,
                engine_kwargs={"poolclass": NullPool},
                skip_compatibility_check=True,
                skip_table_creation=True,
            )
            storage.upgrade()
            storage.remove_session()
            # Opened once more, Optuna adds the tables that its migration leaves out.
            RDBStorage(url, engine_kwargs={"poolclass": NullPool}).remove_session()
    except Exception as error:
        cause = safe_line(f"{type(error).__name__}: {error}")
        raise StudyFileError(
            f"{safe_line(str(path))} was not upgraded: Optuna's migration failed ({cause})."
        ) from error
    result = inspect_file(work)
    if result.kind != "optuna":
        raise StudyFileError(
            f"{safe_line(str(path))} was not upgraded: the result would not be sound"
            f" ({result.kind})."
        )


@contextmanager
def _quietly() -> Generator[None]:
    """Keep a migration from warning of what old files hold, and from setting up our logging."""
    root = logging.getLogger()
    # Alembic's environment configures the loggers of the whole process where there is no handler.
    handler = logging.NullHandler()
    root.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        root.removeHandler(handler)


def _counts(connection: sqlite3.Connection) -> list[tuple[int]]:
    return [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone() for table in _COUNTED_TABLES
    ]


def _keep(backup: Path, path: Path, version: str) -> Path:
    """Put the backup beside the file under a name that is not taken, unless it is there already."""
    number = 0
    while True:
        number += 1
        suffix = f".bak-{version}" if number == 1 else f".bak-{version}-{number}"
        kept = path.with_name(path.name + suffix)
        # An upgrade that was killed has left the same.
        if put_in_place(backup, kept) or _is_same(backup, kept):
            return kept


def _is_same(backup: Path, kept: Path) -> bool:
    return kept.is_file() and not kept.is_symlink() and filecmp.cmp(backup, kept, shallow=False)

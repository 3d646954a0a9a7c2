"""Connections to study files: how they are opened, locked, and what their errors mean."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, StudyBusyError, StudyFileError
from hptui.storage.files.study_lock import opening

MOUNTS: Final = Path("/proc/mounts")
MAX_TEXT_BYTES: Final = 100_000_000
"""The longest text or blob that is written or read."""

_OPENING_TIMEOUT_S: Final = 5.0
_CLOSING_TIMEOUT_S: Final = 1.0
_NETWORK_FILESYSTEMS: Final = frozenset(
    {"nfs", "nfs4", "cifs", "smbfs", "smb2", "smb3", "9p", "afs", "ceph", "lustre", "gpfs"}
    | {"beegfs", "glusterfs", "drvfs", "vboxsf", "prl_fs", "virtiofs", "davfs", "ncpfs", "ocfs2"}
)
_URL: Final = re.compile(
    r"(sqlite|mysql|mariadb|postgres|postgresql|oracle|mssql|redis|rediss|grpc|https?|file)"
    r"(\+\w+)?:/",
    re.IGNORECASE,
)
_LOCKED: Final = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_PROTOCOL})
_SENTENCES: Final = {
    sqlite3.SQLITE_FULL: "The disk is full.",
    sqlite3.SQLITE_IOERR: "The disk reports an error.",
    sqlite3.SQLITE_READONLY: "The file can no longer be written.",
    sqlite3.SQLITE_CANTOPEN: "The file can no longer be opened.",
    sqlite3.SQLITE_NOMEM: "There is no memory left.",
    sqlite3.SQLITE_PERM: "The file can no longer be written.",
}


class StorageBusyError(StudyBusyError):
    """Another program holds the write lock of the file; nothing was changed."""


class StorageWriteError(StudyBusyError):
    """A write that the disk refused, or whose file is away; nothing was changed."""


def study_path(path: str | os.PathLike[str]) -> Path:
    """Return the absolute path of a study file.

    Raises:
        StudyFileError: It is an address of a database server, or not a path.
    """
    text = os.fspath(path)
    if _URL.match(text):
        hint = "Give the path of a file, for example studies/mine.db."
        raise StudyFileError(
            f"{safe_line(text)} is an address, and studies are local SQLite files.", hint=hint
        )
    if not text or "\0" in text:
        raise StudyFileError(f"{safe_line(text)!r} is not the path of a file.")
    try:
        return Path(text).resolve()
    except (OSError, RuntimeError) as error:  # a symbolic link that leads to itself
        raise StudyFileError(f"{safe_line(text)} leads nowhere: {safe_line(error)}.") from error


def file_uri(path: Path, mode: str, *, immutable: bool = False) -> str:
    """Return SQLite's URI for an absolute path, whatever characters are in it."""
    suffix = "&immutable=1" if immutable else ""
    return f"file:{quote(os.fsencode(path))}?mode={mode}{suffix}"


def filesystem_of(path: Path, mounts: Path = MOUNTS) -> str:
    """Return the type of the file system that `path` is on, or "" where it cannot be told."""
    try:
        lines = mounts.read_text("utf-8", "surrogateescape").splitlines()
    except OSError:
        return ""
    best, found = -1, ""
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 3:  # noqa: PLR2004 - device, mount point, type
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[1]))
        # A later mount on the same point hides the earlier one.
        if (path == point or point in path.parents) and len(point.parts) >= best:
            best, found = len(point.parts), fields[2]
    return found


def is_on_network(path: Path, mounts: Path = MOUNTS) -> bool:
    """Say whether `path` is on a network or shared file system, where WAL is not safe."""
    kind = filesystem_of(path, mounts)
    # `fuseblk` is a local disk (NTFS); other FUSE mounts are remote more often than not.
    return kind in _NETWORK_FILESYSTEMS or kind == "fuse" or kind.startswith("fuse.")


def is_lock(error: sqlite3.Error) -> bool:
    """Say whether an error means that another program holds the file locked."""
    return code_of(error) in _LOCKED


def trouble_of(error: sqlite3.Error) -> str | None:
    """Return a sentence for an error that may pass, or None for one that will not."""
    if is_lock(error):
        return "The file is locked by another program."
    return _SENTENCES.get(code_of(error))


def as_storage_error(error: sqlite3.Error, path: Path) -> HptuiError:
    """Return the error that says what an error of SQLite means for the file at `path`."""
    name = safe_line(str(path))
    if is_lock(error):
        return StorageBusyError(
            f"{name} is locked by another program.", hint="Try again when it has finished."
        )
    sentence = _SENTENCES.get(code_of(error))
    if sentence is not None:
        return StorageWriteError(f"{name} cannot be written. {sentence}")
    return StudyFileError(f"{name} cannot be used: {safe_line(str(error))}.")


def code_of(error: sqlite3.Error) -> int:
    """Return SQLite's code for the kind of an error; 0 where Python itself raises it."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


class StudyConnection:
    """The one connection through which a study file is read and written.

    Methods raise `sqlite3.Error`. Those that write raise `StorageWriteError` while the file is not
    in its place, and `StudyFileError` when another one is.
    """

    def __init__(self, path: Path, *, mounts: Path = MOUNTS) -> None:
        self.path = path
        self._busy_timeout_ms = 0
        self._is_closed = False
        with opening():
            self.raw = sqlite3.connect(
                file_uri(path, "rw"),
                uri=True,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
            )
        try:
            self._identity = _identity(path)
            self._set_up(is_on_network(path, mounts))
        except BaseException:
            self.raw.close()
            raise

    def _set_up(self, on_network: bool) -> None:
        execute = self.raw.execute
        self._wait_for(_OPENING_TIMEOUT_S)
        self.raw.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_TEXT_BYTES)
        execute("PRAGMA trusted_schema = OFF")
        execute("PRAGMA cell_size_check = ON")
        execute("PRAGMA synchronous = FULL")
        wanted = "delete" if on_network else "wal"
        (mode,) = execute("PRAGMA journal_mode").fetchone()
        if mode != wanted:
            try:
                (mode,) = execute(f"PRAGMA journal_mode = {wanted}").fetchone()
            except sqlite3.OperationalError as error:
                # The other mode works too, it is only slower; the next opening tries again.
                if trouble_of(error) is None:
                    raise
        # Without WAL a commit waits for readers. Locking them out at the start of a transaction
        # means that one which has begun can be finished.
        self._begin = "BEGIN IMMEDIATE" if mode == "wal" else "BEGIN EXCLUSIVE"

    @property
    def is_writing(self) -> bool:
        """Whether a transaction is open."""
        return not self._is_closed and self.raw.in_transaction

    def begin(self, timeout_s: float) -> None:
        """Take the write lock, waiting at most `timeout_s` for it."""
        self._require_in_place()
        self._wait_for(timeout_s)
        self.raw.execute(self._begin)

    def begin_reading(self, timeout_s: float) -> None:
        """Start a transaction in which every read sees the same state of the file."""
        self._wait_for(timeout_s)
        self.raw.execute("BEGIN")

    def commit(self) -> None:
        """End the transaction; on return its writes are on the disk."""
        self._require_in_place()
        self.raw.execute("COMMIT")

    def roll_back(self) -> None:
        """End the transaction, if there is still one, without its writes."""
        if self.is_writing:
            self.raw.execute("ROLLBACK")

    def data_version(self) -> int:
        """Return a number that changes when another connection has committed."""
        (version,) = self.raw.execute("PRAGMA data_version").fetchone()
        return int(version)

    def close(self) -> None:
        """Move all writes into the main file, where that is possible, and close."""
        # What a reader keeps in the -wal file is found there by the next opening.
        with suppress(sqlite3.Error):
            self._wait_for(_CLOSING_TIMEOUT_S)
            self.raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._is_closed = True
        self.raw.close()

    def __del__(self) -> None:
        # Optuna has no way to close a storage; Python 3.13 warns of connections left open.
        raw = getattr(self, "raw", None)
        if raw is not None:
            raw.close()

    def _require_in_place(self) -> None:
        name = safe_line(str(self.path))
        try:
            is_it = _identity(self.path) == self._identity
        except (FileNotFoundError, NotADirectoryError) as error:
            raise StorageWriteError(
                "The file was moved or deleted.", hint=f"It was {name}."
            ) from error
        except OSError as error:
            raise StorageWriteError(
                f"The file cannot be reached: {error.strerror}.", hint=f"It was {name}."
            ) from error
        if not is_it:
            raise StudyFileError(
                f"{name} was replaced by another file.", hint="Nothing was written to that one."
            )

    def _wait_for(self, timeout_s: float) -> None:
        timeout_ms = max(0, int(timeout_s * 1000))
        if timeout_ms != self._busy_timeout_ms:
            self.raw.execute(f"PRAGMA busy_timeout = {timeout_ms}")
            self._busy_timeout_ms = timeout_ms


def _identity(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_dev, status.st_ino


def is_of_a_row(error: sqlite3.Error) -> bool:
    """Say whether an error comes from what a row holds: a text too long, or not UTF-8."""
    if isinstance(error, sqlite3.ProgrammingError):
        return False
    code = getattr(error, "sqlite_errorcode", None)
    return code in (None, sqlite3.SQLITE_TOOBIG)

"""A look at a file before anything opens it for writing: is it a study file, and sound?"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.content import Content, UnfitContentError, check_content
from hptui.storage.files.study_lock import opening
from hptui.storage.mirror.mirrors import refuse_mirror
from hptui.storage.sqlite.connection import MAX_TEXT_BYTES, code_of, file_uri, is_lock, study_path

if TYPE_CHECKING:
    from pathlib import Path

FileKind = Literal[
    "missing",
    "empty",
    "optuna",
    "older",
    "newer",
    "foreign",
    "damaged",
    "directory",
    "not_sqlite",
    "unreadable",
]

_BUSY_TIMEOUT_S: Final = 5.0
_CHECK_BUDGET_S: Final = 2.0
_MAGIC: Final = b"SQLite format 3\0"
_HEADER_BYTES: Final = 100
_END_OF_SHARED: Final = bytes.fromhex("d9d505f920a163d7")
"""The last bytes of a journal that names a file of several databases."""
_UPDATE_OPTUNA: Final = "Update Optuna: pip install -U optuna."
EXPORT_HINT: Final = "hptui export saves its trials; hptui import creates a study from them."
EMPTY_HINT: Final = "A run with that name creates its study in it; hptui delete removes it."
_OTHER_NAME: Final = "Choose another name; hptui creates the file itself."


@dataclass(frozen=True, slots=True)
class FileReport:
    """What there is at a path."""

    path: Path
    kind: FileKind
    version: str | None = None
    """Optuna's schema version, where there is one."""
    read_only: bool = False
    """Whether the file, or its folder, cannot be written."""
    odd_table: str = ""
    """What of its tables is not as Optuna makes it, so that it must not be written to."""
    sentence: str = ""
    """What is wrong; empty for a study file that can be used."""
    hint: str = ""
    """What to do about it."""


class _Refusal(Exception):  # noqa: N818 - never leaves this module
    def __init__(
        self, kind: FileKind, what: str, hint: str = "", *, version: str | None = None
    ) -> None:
        super().__init__(what)
        self.kind: FileKind = kind
        self.what = what
        self.hint = hint
        self.version = version


def inspect_file(
    path: str | os.PathLike[str],
    *,
    check_budget_s: float = _CHECK_BUDGET_S,
    with_indexes: bool = False,
) -> FileReport:
    """Look at a file without changing it.

    Args:
        path: Any path.
        check_budget_s: How long to look for damage, in seconds. What has not been looked at by
            then counts as sound.
        with_indexes: Whether to compare all indexes with their tables, which takes longer.

    Raises:
        StudyFileError: `path` is an address, not a path.
    """
    resolved = study_path(path)
    try:
        _look_outside(resolved)
        content = _look_inside(resolved, check_budget_s, with_indexes=with_indexes)
    except _Refusal as refusal:
        return FileReport(
            resolved,
            refusal.kind,
            refusal.version,
            sentence=f"{safe_line(str(resolved))} {refusal.what}",
            hint=refusal.hint,
        )
    return FileReport(
        resolved,
        "optuna",
        content.version,
        read_only=is_read_only(resolved),
        odd_table=content.odd_table,
    )


def require_readable(
    path: str | os.PathLike[str], *, check_budget_s: float = _CHECK_BUDGET_S
) -> FileReport:
    """Refuse what is not a study file of the present version.

    Args:
        path: Any path.
        check_budget_s: How long to look for damage, in seconds.

    Raises:
        StudyFileError: It is missing, foreign, damaged, older or newer.
    """
    return _require_study_file(inspect_file(path, check_budget_s=check_budget_s))


def require_usual_tables(
    path: str | os.PathLike[str], *, check_budget_s: float = _CHECK_BUDGET_S
) -> FileReport:
    """Refuse what is not a study file that rows can be written to, be it in a copy.

    Args:
        path: Any path.
        check_budget_s: How long to look for damage, in seconds.

    Raises:
        StudyFileError: It is not readable as a study file, an index of it is damaged, or its
            tables are not as Optuna makes them.
    """
    report = _require_study_file(
        inspect_file(path, check_budget_s=check_budget_s, with_indexes=True)
    )
    if report.odd_table:
        raise StudyFileError(odd_table_text(report), hint=EXPORT_HINT)
    return report


def odd_table_text(report: FileReport) -> str:
    """Return the sentence about a file whose tables are not as Optuna makes them."""
    return (
        f"{safe_line(str(report.path))} can be read but not continued or copied: its tables "
        f"are not as Optuna creates them; {report.odd_table}."
    )


def _require_study_file(report: FileReport) -> FileReport:
    if report.kind != "optuna":
        raise StudyFileError(report.sentence, hint=report.hint)
    return report


def require_writable(
    path: str | os.PathLike[str], *, check_budget_s: float = _CHECK_BUDGET_S
) -> FileReport:
    """Refuse what is not a study file that can be continued.

    Args:
        path: Any path.
        check_budget_s: How long to look for damage, in seconds.

    Raises:
        StudyFileError: Rows cannot be written to its tables, it is read-only, or a mirror.
    """
    refuse_mirror(study_path(path))
    report = require_usual_tables(path, check_budget_s=check_budget_s)
    if report.read_only:
        what = "file" if not os.access(report.path, os.W_OK) else "folder"
        raise StudyFileError(
            f"{safe_line(str(report.path))} can be read but not continued: the {what} is "
            "read-only.",
            hint="Make it writable, or copy the file to a folder of yours.",
        )
    return report


def open_read_only(path: str | os.PathLike[str]) -> sqlite3.Connection:
    """Open a study file for reading alone; later commits of other programs are seen.

    Raises:
        StudyFileError: It cannot be opened.
    """
    resolved = study_path(path)
    with contextlib.suppress(OSError):
        mode = resolved.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
            # SQLite would wait for a pipe.
            raise StudyFileError(f"{safe_line(str(resolved))} is not a regular file.")
    try:
        return _connect_somehow(resolved)
    except sqlite3.Error as error:
        refusal = _refusal_of(error)
        raise StudyFileError(
            f"{safe_line(str(resolved))} {refusal.what}", hint=refusal.hint
        ) from error


class _Reader(sqlite3.Connection):
    """A connection for reading that leaves no side files where it has found none."""

    made_side_files_of: Path | None = None

    def close(self) -> None:
        super().close()
        path, self.made_side_files_of = self.made_side_files_of, None
        if path is not None:
            _remove_side_files(path)


def _remove_side_files(path: Path) -> None:
    """Have SQLite remove the empty -wal and -shm files that a reader had to make.

    It does so when the last connection that may write is closed, and keeps them when any other
    program has the file open.
    """
    with contextlib.suppress(OSError, sqlite3.Error):
        if _side_file(path, "-wal").stat().st_size or _side_file(path, "-journal").exists():
            return
        with opening():
            connection = sqlite3.connect(file_uri(path, "rw"), uri=True, timeout=0)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
        finally:
            connection.close()


def _connect_somehow(path: Path) -> sqlite3.Connection:
    try:
        return _connect(path, immutable=False)
    except sqlite3.OperationalError as error:
        # Without write access SQLite can neither join a -wal file nor roll back what a killed
        # program left half done; the file itself can still be read.
        if code_of(error) not in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY):
            raise
    return _connect(path, immutable=not _roll_back(path))


def _roll_back(path: Path) -> bool:
    """Have SQLite undo what a killed program has half written, as it does for whoever may write.

    False where there is nothing, where we may not write, and where the journal names a file of
    several databases, which SQLite would remove, wherever it is.
    """
    journal = _side_file(path, "-journal")
    with contextlib.suppress(OSError, sqlite3.Error):
        if is_read_only(path) or not stat.S_ISREG(journal.lstat().st_mode):
            return False
        with journal.open("rb") as stream:
            stream.seek(-len(_END_OF_SHARED), os.SEEK_END)
            if stream.read() == _END_OF_SHARED:
                return False
        connection = sqlite3.connect(file_uri(path, "rw"), uri=True, timeout=_BUSY_TIMEOUT_S)
        with contextlib.closing(connection):
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
            return True
    return False


def _connect(path: Path, *, immutable: bool) -> sqlite3.Connection:
    has_side_file = _has_side_file(path)
    with opening():
        connection = sqlite3.connect(
            file_uri(path, "ro", immutable=immutable),
            uri=True,
            timeout=_BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            factory=_Reader,
        )
    if not immutable and not has_side_file:
        connection.made_side_files_of = path
    try:
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, MAX_TEXT_BYTES)
        for pragma in (
            "query_only = ON",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "mmap_size = 0",
        ):
            connection.execute(f"PRAGMA {pragma}")
        # SQLite opens the file at the first read.
        connection.execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchone()
    except UnicodeDecodeError as error:
        # Python cannot even say what SQLite has against it.
        connection.close()
        raise sqlite3.DatabaseError("its schema is not UTF-8 text") from error
    except BaseException:
        connection.close()
        raise
    return connection


def _look_outside(path: Path) -> None:
    """Refuse what can be told without SQLite."""
    try:
        status = path.stat()
    except FileNotFoundError:
        raise _Refusal("missing", "does not exist.", "hptui ls lists the studies.") from None
    except OSError as error:
        raise _Refusal("unreadable", f"cannot be read: {error.strerror}.") from error
    if stat.S_ISDIR(status.st_mode):
        raise _Refusal("directory", "is a folder, not a study file.")
    if not stat.S_ISREG(status.st_mode):
        raise _Refusal("not_sqlite", "is not a regular file.")
    if not status.st_size:
        raise _Refusal("empty", "is empty (0 bytes).", EMPTY_HINT)


def _look_at_header(path: Path) -> None:
    """Say more exactly what is wrong with a file that SQLite has refused.

    Of other files the header is not read: closing a file lets go of all locks that this process
    has on it, and a reader without them sees nothing of the next run.
    """
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER_BYTES)
            size = os.fstat(file.fileno()).st_size
    except OSError as error:
        raise _Refusal("unreadable", f"cannot be read: {error.strerror}.") from error
    if not header.startswith(_MAGIC[: len(header)]):
        raise _Refusal("not_sqlite", "is not an SQLite file.", _OTHER_NAME)
    _refuse_truncated(path, header, size)


def _refuse_truncated(path: Path, header: bytes, size: int) -> None:
    if len(header) < _HEADER_BYTES:
        raise _Refusal("damaged", f"is truncated: it has {size} bytes.")
    if _side_file(path, "-wal").exists():
        # Pages that are missing here may be there.
        return
    page_size = int.from_bytes(header[16:18]) or 1
    page_size = 65536 if page_size == 1 else page_size
    expected = page_size * int.from_bytes(header[28:32])
    # The count of pages holds only when it was written with the last change.
    if header[24:28] == header[92:96] and size < expected:
        raise _Refusal("damaged", f"is truncated: {size} of {expected} bytes are there.")


def _look_inside(path: Path, check_budget_s: float, *, with_indexes: bool) -> Content:
    # Read as immutable, a file leaves no side files. That is safe as long as nobody writes to it.
    before = _state(path)
    if not before[0]:
        try:
            content = _content(path, check_budget_s, immutable=True, with_indexes=with_indexes)
        except _Refusal:
            if _state(path) == before:
                raise
        else:
            if _state(path) == before:
                return content
    return _content(path, check_budget_s, immutable=False, with_indexes=with_indexes)


def _content(path: Path, check_budget_s: float, *, immutable: bool, with_indexes: bool) -> Content:
    try:
        connection = _connect(path, immutable=True) if immutable else _connect_somehow(path)
    except sqlite3.Error as error:
        if not is_lock(error):
            _look_at_header(path)
        raise _refusal_of(error) from error
    try:
        return check_content(connection, check_budget_s, with_indexes=with_indexes)
    except UnfitContentError as error:
        hint = _UPDATE_OPTUNA if error.kind == "newer" else ""
        if error.kind == "older":
            hint = f"hptui upgrade {safe_line(str(path))} makes a backup and upgrades it."
        if error.kind == "foreign":
            hint = _OTHER_NAME
        if error.kind == "empty":
            hint = EMPTY_HINT
        raise _Refusal(error.kind, error.what, hint, version=error.version) from error
    except sqlite3.Error as error:
        raise _refusal_of(error) from error
    finally:
        connection.close()


def _refusal_of(error: sqlite3.Error) -> _Refusal:
    if is_lock(error):
        return _Refusal(
            "unreadable", "is locked by another program.", "Try again when it has finished."
        )
    return _Refusal("damaged", f"cannot be read: {safe_line(error)}.")


def _state(path: Path) -> tuple[bool, int, int]:
    status = path.stat()
    return _has_side_file(path), status.st_mtime_ns, status.st_size


def _has_side_file(path: Path) -> bool:
    return any(_side_file(path, suffix).exists() for suffix in ("-wal", "-journal"))


def _side_file(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)


def is_read_only(path: Path) -> bool:
    """Say whether a file cannot be written, or not committed to."""
    # Background the file SQLite makes a -wal or -journal file for every commit.
    return not (os.access(path, os.W_OK) and os.access(path.parent, os.W_OK | os.X_OK))

"""The one way to read studies: the file is checked and opened, the study found, errors told.

`open_file` and `open_study` show one moment; a `FollowedStudy` is looked at again and again. Within
each look all reads see the same state of the file, and whatever SQLite says becomes a sentence.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, Self, TypeVar

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.study_identity import no_such_study, read_identity
from hptui.storage.files.validation import inspect_file, open_read_only
from hptui.storage.sqlite.connection import as_storage_error

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path
    from types import TracebackType

    from hptui.storage.files.study_identity import StudyIdentity

CHECK_BUDGET_S: Final = 0.05
"""How long a file is searched for damage before it is read."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class StudySession:
    """One look at a study."""

    connection: sqlite3.Connection
    """Within a transaction."""
    name: str
    identity: StudyIdentity
    is_same: bool = True
    """Whether it is the study of the look before; False in the first look at a `FollowedStudy`."""

    @property
    def study_id(self) -> int:
        """The study's id in its file."""
        return self.identity.study_id


def check_file(path: Path) -> None:
    """Look whether a file is a study file that can be read, before it is opened for reading.

    Raises:
        StudyFileError: It is none.
    """
    report = inspect_file(path, check_budget_s=CHECK_BUDGET_S)
    if report.kind != "optuna":
        raise StudyFileError(report.sentence, hint=report.hint)


@contextmanager
def open_file(path: Path, *, is_known: bool = False) -> Generator[sqlite3.Connection]:
    """Yield a connection that sees one moment of a study file.

    Args:
        path: The file.
        is_known: Whether it was looked at before, so that it need not be searched for damage.

    Raises:
        StudyFileError: It is no study file, or cannot be read.
        StudyBusyError: Another program has locked it.
    """
    if not is_known:
        check_file(path)
    try:
        with closing(open_read_only(path)) as connection:
            connection.execute("BEGIN")
            yield connection
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


def read_study_file(path: Path, read: Callable[[sqlite3.Connection], Result]) -> Result:
    """Return what `read` finds in one moment of a study file; raises what `open_file` raises."""
    with open_file(path) as connection:
        return read(connection)


@contextmanager
def open_study(path: Path, study_name: str, *, is_known: bool = False) -> Generator[StudySession]:
    """Yield one look at a study; `is_known` is that of `open_file`.

    Raises:
        StudyFileError: The study is not there, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    with open_file(path, is_known=is_known) as connection:
        yield find_study(connection, path, study_name)


def find_study(connection: sqlite3.Connection, path: Path, study_name: str) -> StudySession:
    """Return a study in a file that is open, also for writing.

    Raises:
        StudyFileError: It is not there.
    """
    identity = read_identity(connection, study_name)
    if identity is None:
        raise no_such_study(connection, path, study_name)
    return StudySession(connection, study_name, identity)


class FollowedStudy:
    """A study that is looked at again and again, also when another file takes the place of its own.

    The file stays open between the looks until `close`. One thread at a time.

    Methods raise:
        StudyFileError: The file or study is not there, or cannot be read.
        StudyBusyError: Another program has locked the file.
    """

    def __init__(self, path: Path, study_name: str) -> None:
        self.path = path
        self.study_name = study_name
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._n_opened = 0
        self._identity: StudyIdentity | None = None

    @property
    def identity(self) -> StudyIdentity | None:
        """Of the study that was seen last; None before the first look."""
        return self._identity

    def commits(self) -> tuple[int, int]:
        """Return what is another pair after each commit to the file, and for another file."""
        with self._connected() as connection:
            (version,) = connection.execute("PRAGMA data_version").fetchone()
            # Each connection counts for itself.
            return self._n_opened, version

    @contextmanager
    def look(self) -> Generator[StudySession]:
        """Yield one look at the study; it counts as seen when the block has ended without error."""
        with self._connected() as connection:
            connection.execute("BEGIN")
            try:
                study = find_study(connection, self.path, self.study_name)
                known = self._identity
                is_same = known is not None and known.is_same(study.identity)
                yield replace(study, is_same=is_same)
                self._identity = study.identity
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    @contextmanager
    def look_at_same(self) -> Generator[StudySession]:
        """Yield one look, over a connection of its own, at the very study that was seen last.

        Raises:
            StudyFileError: It was deleted, or another one has its name.
        """
        with open_file(self.path, is_known=True) as connection:
            yield self.require_same(connection)

    def require_same(self, connection: sqlite3.Connection) -> StudySession:
        """Return the study that was seen last, where another connection still sees it.

        Raises:
            StudyFileError: It was deleted, or another one has its name.
        """
        known, now = self._identity, read_identity(connection, self.study_name)
        if known is None or now is None or not known.is_same(now):
            raise StudyFileError(
                f"The study {safe_line(self.study_name, max_chars=60)!r} was deleted or replaced "
                "meanwhile.",
                hint="Try again.",
            )
        return StudySession(connection, self.study_name, now)

    def close(self) -> None:
        """Let go of the file; the next look opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    @contextmanager
    def _connected(self) -> Generator[sqlite3.Connection]:
        try:
            yield self._connect()
        except sqlite3.Error as error:
            self.close()
            raise as_storage_error(error, self.path) from error

    def _connect(self) -> sqlite3.Connection:
        """Return the connection from before while the file is the same, else a new one."""
        try:
            status = self.path.stat()
        except OSError as error:
            self.close()
            raise StudyFileError(
                f"The file {safe_line(str(self.path))} cannot be read: {error.strerror}."
            ) from error
        file = (status.st_dev, status.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection = open_read_only(self.path)
            self._file = file
            self._n_opened += 1
        return self._connection

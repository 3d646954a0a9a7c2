"""One study file in memory, and the transactions that write it."""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, StudyFileError, UsageError
from hptui.storage.files.content import UnfitContentError, check_objects
from hptui.storage.sqlite.connection import (
    MOUNTS,
    StorageBusyError,
    StorageWriteError,
    StudyConnection,
    as_storage_error,
    is_lock,
    trouble_of,
)
from hptui.storage.sqlite.memory import Memory
from hptui.storage.sqlite.schema import add_late_tables
from hptui.storage.sqlite.sync import load, sync
from hptui.storage.sqlite.write_buffer import WriteBuffer

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from hptui.storage.server.study_server import StudyServer
    from hptui.storage.sqlite.memory import StudyInMemory

_RETRY_S = 0.05
_LOOK_S = 0.5
"""How often a run on a server takes in what others write there."""


class StudyGoneError(HptuiError):
    """The study that alone is worked on was deleted: nothing of it has a place any more."""


class StudyFile:
    """A study file that is open for writing.

    What is written is buffered as rows and changes the file in `flush`, in one transaction. When
    that fails nothing is lost: the rows stay until a later `flush`.
    """

    def __init__(
        self,
        path: Path,
        *,
        busy_timeout_s: float,
        mounts: Path = MOUNTS,
        server: StudyServer | None = None,
    ) -> None:
        self.path = path
        self.server = server
        """Where the study is, when the file is a mirror: then nothing is written to the file."""
        self.busy_timeout_s = busy_timeout_s
        self.lock = threading.RLock()
        self.is_grouped = False
        self.times_met_others = 0
        """How often another program's commits were taken in, or it had the lock."""
        self.lock_taken_at_s = 0.0
        """When the write lock was taken last; monotonic."""
        self.trouble: str | None = None
        self.conflicts: list[str] = []
        self.memory = Memory()
        self.buffer = WriteBuffer() if server is None else WriteBuffer(server.limits)
        self.writing = _Writing(self)
        """Entered around what gathers rows; ungrouped, they are in the file when it is left."""
        self.kept: StudyInMemory | None = None
        """The study without which nothing is taken in or written any more."""
        self._next_trial_id: int | None = None
        self._look_at_s = 0.0
        self._is_mirror_behind = False
        try:
            self.connection = StudyConnection(path, mounts=mounts)
        except sqlite3.Error as error:
            raise as_storage_error(error, path) from error
        try:
            self._load()
        except BaseException:
            self.connection.close()
            raise

    def _load(self) -> None:
        try:
            # Again on this connection, which has joined what other files hold for this one.
            tables = check_objects(self.connection.raw)
            add_late_tables(self.connection.raw, tables)
            self.connection.begin_reading(self.busy_timeout_s)
            self._version = self.connection.data_version()
            load(self.connection.raw, self.memory)
            self.connection.roll_back()
        except sqlite3.Error as error:
            raise as_storage_error(error, self.path) from error
        except UnfitContentError as error:
            raise StudyFileError(f"{safe_line(str(self.path))} {error.what}") from error

    def refresh(self) -> bool:
        """Take in what other programs have committed; return whether there was anything.

        Raises:
            StudyFileError: Another program took the id of a trial that is not in the file yet, or
                wrote a row that cannot be read.
        """
        if self.connection.is_writing or (self.server is not None and not self._look(0.0)):
            return False
        return self._take_in()

    def read_back(self, wait_s: float) -> None:
        """Bring the mirror, and memory, up to what the server has now.

        Raises:
            StorageBusyError: It does not answer in time.
            StudyGoneError: The study was deleted there.
        """
        self._look_at_s = 0.0
        if not self._look(wait_s):
            raise StorageBusyError(self.trouble or "The server does not answer.")
        self._take_in()

    def show(self) -> None:
        """Have the mirror hold what was written on the server.

        Raises:
            StorageBusyError: The server does not answer.
        """
        if self._is_mirror_behind:
            self.read_back(0.0)

    def _look(self, wait_s: float) -> bool:
        """Have the mirror follow its server, when that is due, and say whether it has.

        Memory may be ahead of the mirror by what is buffered, and by nothing else: so the look
        comes after all that was sent.
        """
        assert self.server is not None
        if time.monotonic() < self._look_at_s:
            return False
        if self.server.unclaimed and (self.buffer and not self.flush(wait_s)):
            return False
        if self.server.unclaimed:
            return False
        self._look_at_s = time.monotonic() + _LOOK_S
        try:
            self.server.look(max(wait_s, _LOOK_S))
        except (StorageBusyError, StorageWriteError) as error:
            self.trouble = error.message
            return False
        self._is_mirror_behind = False
        return True

    def _take_in(self) -> bool:
        try:
            if self.connection.data_version() == self._version:
                return False
            self.connection.begin_reading(0 if self.is_grouped else self.busy_timeout_s)
            self._sync()
            self._check_kept()
        except sqlite3.Error as error:
            self.trouble = trouble_of(error)
            if self.is_grouped and self.trouble is not None:
                return False
            raise as_storage_error(error, self.path) from error
        finally:
            self.connection.roll_back()
        return True

    def open_transaction(self) -> None:
        """Take the write lock at once, if it is not held already, and catch up with the file.

        Raises:
            StorageBusyError: Another program holds the lock.
            StorageWriteError: The disk refuses, or the file is not in its place.
            StudyFileError: Another file is in its place.
        """
        if self.connection.is_writing or self.server is not None:
            return
        try:
            self._begin(0)
        except sqlite3.Error as error:
            self._note_trouble(error)
            raise as_storage_error(error, self.path) from error

    def release_if_idle(self) -> None:
        """Give the write lock back when nothing is buffered."""
        if not self.buffer:
            self.connection.roll_back()

    def next_trial_id(self) -> int:
        """Return the id for a new trial; the write lock, which is held, keeps it free."""
        trial_id = self._next_trial_id
        if trial_id is None:
            (largest,) = self.connection.raw.execute("SELECT max(trial_id) FROM trials").fetchone()
            trial_id = max(int(largest or 0), *self.buffer.new_trials, 0) + 1
        self._next_trial_id = trial_id + 1
        return trial_id

    def flush(self, timeout_s: float) -> bool:
        """Write all that is buffered in one transaction, waiting at most `timeout_s` for the lock.

        Returns:
            Whether everything is in the file now; if not, `trouble` says why, and all is kept.

        Raises:
            StudyFileError: The file is damaged or another one is in its place, or another program
                took the id of a trial; all is kept.
        """
        if not self.buffer and not self.connection.is_writing:
            self.trouble = None
            return True
        if self.server is not None:
            return self._push(self.server, timeout_s)
        try:
            if not self.connection.is_writing:
                self._begin(timeout_s)
            self._write_buffered()
        except sqlite3.Error as error:
            self.connection.roll_back()
            self._note_trouble(error)
            if self.trouble is None:
                raise as_storage_error(error, self.path) from error
            return False
        except StorageWriteError as error:
            self.connection.roll_back()
            self.trouble = error.message
            return False
        except HptuiError:
            self.connection.roll_back()
            raise
        self.trouble = None
        return True

    def _push(self, server: StudyServer, timeout_s: float) -> bool:
        """Write all that is buffered on the server, as `flush` does to a file."""
        deadline_s = time.monotonic() + timeout_s
        while self.buffer:
            try:
                written, lost = server.push(self.buffer, deadline_s - time.monotonic())
                if lost:
                    self._drop_lost(lost)
                else:
                    self.buffer.forget(written)
                    self._is_mirror_behind = True
            except (StorageBusyError, StorageWriteError) as error:
                self.trouble = error.message
                if time.monotonic() >= deadline_s:
                    return False
                time.sleep(_RETRY_S)
        self.trouble = None
        return True

    def _drop_lost(self, lost: set[int]) -> None:
        """Drop what is buffered for trials that others have ended."""
        self.read_back(self.busy_timeout_s if not self.is_grouped else 0.0)
        left = lost & self.buffer.changed_ids()
        if left:
            self.buffer.drop_trials(left)
            self.conflicts.append("Trials were deleted by another program.")

    @contextmanager
    def transaction(self, timeout_s: float | None = None) -> Generator[sqlite3.Connection]:
        """Execute statements at once; what is buffered goes along.

        Args:
            timeout_s: How long to wait for the lock; without, as long as the file is used to.

        Raises:
            StorageBusyError: Another program holds the lock.
            StorageWriteError: The disk refuses.
        """
        if self.server is not None:
            raise UsageError("A run on a server takes no such change.")
        try:
            if not self.connection.is_writing:
                self._begin(self.busy_timeout_s if timeout_s is None else timeout_s)
            yield self.connection.raw
            self._write_buffered()
        except sqlite3.Error as error:
            self.trouble = trouble_of(error)
            raise as_storage_error(error, self.path) from error
        finally:
            # After a commit there is nothing to roll back.
            self.connection.roll_back()
        self.trouble = None

    def close(self, timeout_s: float) -> bool:
        """Write what is buffered and close; False, and still open, when it cannot be written."""
        if not self.flush(timeout_s):
            return False
        if self.server is not None:
            self.server.close(timeout_s)
        self.connection.close()
        return True

    def discard(self) -> None:
        """Close without writing what is buffered."""
        self.buffer.clear()
        self.connection.roll_back()
        if self.server is not None:
            self.server.close()
        self.connection.close()

    def _note_trouble(self, error: sqlite3.Error) -> None:
        self.trouble = trouble_of(error)
        self.times_met_others += is_lock(error)

    def _begin(self, timeout_s: float) -> None:
        self.connection.begin(timeout_s)
        self.lock_taken_at_s = time.monotonic()
        self._next_trial_id = None
        try:
            if self.connection.data_version() != self._version:
                self._sync()
            self._check_kept()
        except BaseException:
            self.connection.roll_back()
            raise

    def _sync(self) -> None:
        # A mirror changes with what is written here.
        self.times_met_others += self.server is None
        self.conflicts += sync(self.connection.raw, self.memory, self.buffer)
        self._version = self.connection.data_version()

    def _check_kept(self) -> None:
        kept = self.kept
        if kept is not None and self.memory.studies.get(kept.row.study_id) is not kept:
            # Its ids, and those of its trials, may be another study's by now.
            raise StudyGoneError(
                f"Study {safe_line(kept.row.name)}, or a trial of it, was deleted by another"
                " program."
            )

    def _write_buffered(self) -> None:
        self.buffer.write(self.connection.raw)
        self.connection.commit()
        self.buffer.clear()


class _Writing:
    """Around what gathers rows: grouped it leaves them, ungrouped it commits them."""

    __slots__ = ("_file", "_transaction")

    def __init__(self, file: StudyFile) -> None:
        self._file = file

    def __enter__(self) -> Self:
        file = self._file
        if not file.is_grouped and file.server is None:
            self._transaction = file.transaction()
            self._transaction.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        file = self._file
        if file.is_grouped:
            file.release_if_idle()
            return
        if file.server is not None:
            if kind is None and not file.flush(file.busy_timeout_s):
                raise lock_error(file)
            return
        try:
            self._transaction.__exit__(kind, error, traceback)
        finally:
            file.buffer.clear()


def lock_error(file: StudyFile) -> HptuiError:
    """Return the error for buffered rows that could not be written."""
    sentence = file.trouble or "The file cannot be written."
    if file.server is not None:
        return StorageBusyError(sentence)
    locked = "locked" in sentence
    return (StorageBusyError if locked else StorageWriteError)(f"{file.path}: {sentence}")

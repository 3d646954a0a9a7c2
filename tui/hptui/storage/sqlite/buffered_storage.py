"""The file side of the storage: opening, gathering, flushing, pickling."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from optuna.storages import BaseStorage
from optuna.trial import TrialState

from hptui.storage.files.validation import require_writable
from hptui.storage.sqlite.connection import MOUNTS, StorageBusyError, study_path
from hptui.storage.sqlite.creation import create_study_file
from hptui.storage.sqlite.writer import StudyFile, lock_error

if TYPE_CHECKING:
    import os
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from optuna.trial import FrozenTrial

    from hptui.storage.server.study_server import StudyServer


class BufferedStorage(BaseStorage):
    """A storage over one study file whose writes can be buffered."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        create: bool = False,
        busy_timeout_s: float = 30.0,
        mounts: Path = MOUNTS,
        server: StudyServer | None = None,
    ) -> None:
        """Open a study file.

        Args:
            path: A local file, never an address of a server.
            create: Make the file when there is none.
            busy_timeout_s: How long a write waits for other programs, in seconds.
            mounts: The system's table of mounted file systems.
            server: Where the study is, when the file is its mirror; the storage closes it.

        Raises:
            StudyFileError: The file is not there, or is not one that can be continued.
            StorageBusyError: Another program holds it locked.
        """
        resolved = study_path(path)
        if create:
            create_study_file(resolved, mounts=mounts)
        self._open(resolved, busy_timeout_s, mounts, server)

    def _open(
        self,
        path: Path,
        busy_timeout_s: float,
        mounts: Path,
        server: StudyServer | None = None,
    ) -> None:
        if server is None:
            require_writable(path)
        self._mounts = mounts
        self._file = StudyFile(path, busy_timeout_s=busy_timeout_s, mounts=mounts, server=server)
        self._lock = self._file.lock

    def __getstate__(self) -> dict[str, Any]:
        self.flush(self._file.busy_timeout_s)
        return {
            "path": self._file.path,
            "busy_timeout_s": self._file.busy_timeout_s,
            "mounts": self._mounts,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._open(**state)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self.close(self._file.busy_timeout_s):
            failure = lock_error(self._file)
            self._file.discard()
            raise failure

    @property
    def path(self) -> Path:
        """The file, absolute."""
        return self._file.path

    @property
    def server(self) -> StudyServer | None:
        """Where the study is, when the file is its mirror."""
        return self._file.server

    @property
    def called(self) -> str:
        """What takes the writes, as a sentence begins: the study file, or a server."""
        return "The study file" if self.server is None else f"The server {self.server.shown}"

    @property
    def grouped(self) -> bool:
        """Whether writes are buffered until `flush`.

        Setting it to False flushes, and raises what `flush` could not do.
        """
        return self._file.is_grouped

    @grouped.setter
    def grouped(self, grouped: bool) -> None:
        with self._lock:
            if not grouped:
                self._flush_or_raise()
            self._file.is_grouped = grouped

    def keep_to(self, study_id: int) -> None:
        """Work on one study alone: once it is deleted, whatever meets the file raises.

        Ids are used again, so what would be written next might reach another study.
        """
        with self._lock:
            self._file.kept = self._file.memory.study(study_id)

    @property
    def pending(self) -> int:
        """How much waits for `flush`: buffered rows, and one for an open transaction."""
        return len(self._file.buffer) + self._file.connection.is_writing

    @property
    def has_pending_finish(self) -> bool:
        """Whether the end of a trial waits for `flush`."""
        return self._file.buffer.has_finish

    @property
    def in_transaction(self) -> bool:
        """Whether this storage holds the write lock of the file."""
        return self._file.connection.is_writing

    @property
    def times_met_others(self) -> int:
        """How often another program's commits were taken in, or it had the lock."""
        return self._file.times_met_others

    @property
    def lock_taken_at_s(self) -> float:
        """When this storage took the write lock last; monotonic seconds."""
        return self._file.lock_taken_at_s

    @property
    def trouble(self) -> str | None:
        """Why the last write could not be done, as a sentence; None when it was done."""
        return self._file.trouble

    def take_conflicts(self) -> list[str]:
        """Return, once, a sentence for each write that another program's made void."""
        with self._lock:
            conflicts, self._file.conflicts = self._file.conflicts, []
            return conflicts

    def flush(self, timeout_s: float = 0.0) -> bool:
        """Write all that is buffered in one transaction.

        Args:
            timeout_s: How long to wait for another program's lock, in seconds.

        Returns:
            Whether everything is in the file; if not, `trouble` says why and nothing is lost.

        Raises:
            StudyFileError: The file is damaged, or another program took the id of a trial that
                could not be stored before.
        """
        with self._lock:
            return self._file.flush(timeout_s)

    def refresh(self) -> bool:
        """Take in what other programs committed; return whether there was anything.

        Costs microseconds when there was nothing.
        """
        with self._lock:
            return self._file.refresh()

    def read_back(self, wait_s: float) -> None:
        """Bring the mirror of a study on a server, and memory, up to what the server has.

        Raises:
            StorageBusyError: It does not answer in time.
        """
        with self._lock:
            self._file.read_back(wait_s)

    def show(self) -> None:
        """Have what was written on a server in its mirror, where others see it, if that can be."""
        with self._lock, suppress(StorageBusyError):
            self._file.show()

    def close(self, timeout_s: float = 5.0) -> bool:
        """Write what is buffered, move it into the main file and close.

        Returns:
            Whether it is closed. It stays open, and nothing is lost, when rows cannot be written.
        """
        with self._lock:
            return self._file.close(timeout_s)

    def discard(self) -> None:
        """Close without writing what is buffered."""
        with self._lock:
            self._file.discard()

    def unsaved(self) -> list[FrozenTrial]:
        """Return the trials that have ended, or wait, and are not in the file as they are here."""
        with self._lock:
            buffer, memory = self._file.buffer, self._file.memory
            changed = sorted({*buffer.new_trials, *buffer.changed_trials})
            trials = [memory.trial(trial_id) for trial_id in changed]
            return [trial for trial in trials if trial.state is not TrialState.RUNNING]

    def _flush_or_raise(self) -> None:
        if not self._file.flush(self._file.busy_timeout_s):
            raise lock_error(self._file)

    def _refresh_if_shared(self) -> None:
        if not self._file.is_grouped:
            self._file.refresh()

"""The journal of a change that takes several steps, such as a renaming, in a folder of studies.

While it goes on the folder holds one file, `.hptui-change.json`, which says what is being done. It
appears whole and locked, its owner holds the lock as long as it lives, and it goes with the last
step. One that nobody locks is of a killed process: whoever meets it finishes what it says.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyBusyError
from hptui.storage.files.in_place import put_in_place, sync_folder
from hptui.storage.files.staging import staging_folder

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

JOURNAL: Final = ".hptui-change.json"
_MAX_BYTES: Final = 10_000
_PATIENCE_S: Final = 3.0
_RETRY_S: Final = 0.02
_UNTOLD_S: Final = 600.0
"""Where there are no locks: how old a journal is that counts as left."""


class Journal:
    """An open journal, locked by this process until it is closed."""

    def __init__(self, path: Path, descriptor: int, facts: Mapping[str, Any]) -> None:
        self.path = path
        self.facts = facts
        """What is being done, not checked; empty where the file cannot be read."""
        self._descriptor = descriptor

    def remove(self) -> None:
        """Remove it, as all is done.

        Raises:
            OSError: The folder cannot be written.
        """
        self.path.unlink(missing_ok=True)
        sync_folder(self.path.parent)

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)


def begin_journal(folder: Path, facts: Mapping[str, Any]) -> Journal:
    """Write a journal; another change in the folder gets a moment to end.

    Raises:
        StudyBusyError: There is one already.
        OSError: The folder cannot be written.
    """
    path = folder / JOURNAL
    deadline_s = time.monotonic() + _PATIENCE_S
    with staging_folder(path) as scratch:
        draft = scratch / "new"
        descriptor = os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            os.write(descriptor, json.dumps({**facts, "pid": os.getpid()}).encode())
            os.fsync(descriptor)
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            while not put_in_place(draft, path):
                if time.monotonic() > deadline_s:
                    raise StudyBusyError(
                        f"Studies in {safe_line(folder)} are being changed.",
                        hint="Try again in a moment, or see what hptui doctor says.",
                    )
                time.sleep(_RETRY_S)
        except BaseException:
            os.close(descriptor)
            raise
    return Journal(path, descriptor, facts)


def left_journal(folder: Path, *, patience_s: float = 0.0) -> Journal | None:
    """Return the journal of a change whose process is gone; None where there is none.

    Args:
        folder: A folder of studies.
        patience_s: How long to wait for a change that goes on, in seconds.

    Raises:
        OSError: There is one that cannot be opened.
    """
    path = folder / JOURNAL
    deadline_s = time.monotonic() + patience_s
    while os.path.lexists(path):
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except FileNotFoundError:
            return None
        if _is_left(descriptor) and _is_at(descriptor, path):
            return Journal(path, descriptor, _read(descriptor))
        os.close(descriptor)
        if time.monotonic() > deadline_s:
            return None
        time.sleep(_RETRY_S)
    return None


def _is_left(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return time.time() - os.fstat(descriptor).st_mtime > _UNTOLD_S
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    # Who had it may have removed it before the lock was taken.
    with suppress(OSError):
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    return False


def _read(descriptor: int) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            facts = json.loads(os.read(descriptor, _MAX_BYTES))
            if isinstance(facts, dict):
                return cast("dict[str, Any]", facts)
    return {}

"""Taking the lease of a study and giving it back; `storage.leases` says what it is."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from hptui.domain.text import safe_line
from hptui.errors import StudyBusyError
from hptui.storage.leases import LEASE_NAME, LOCK_NAME, Lease, folder_of, read_lease

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

__all__ = [
    "A_MOMENT_S",
    "Lease",
    "busy_error",
    "folder_of",
    "read_lease",
    "release_lease",
    "remove_unused",
    "take_lease",
]

_RETRY_S: Final = 0.02
_MAX_VANISHED: Final = 10
A_MOMENT_S: Final = 3.0
"""How long whoever begins to run a study waits for commands that are changing it."""


@contextlib.contextmanager
def _one_at_a_time(folder: Path) -> Generator[None]:
    # Only the check and the writing are guarded: the lease itself is the file's content.
    fd = _locked(folder / LOCK_NAME)
    try:
        yield
    finally:
        os.close(fd)


def _locked(path: Path) -> int:
    while True:
        fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.flock(fd, fcntl.LOCK_EX)
        # Who had it may have removed the file: then others lock a new one.
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), path.stat()):
                return fd
        os.close(fd)


def take_lease(study_file: Path, lease: Lease, *, patience_s: float = 0.0) -> Lease | None:
    """Take the study for this engine and return the lease of a dead engine, if one was left.

    Args:
        study_file: The study's file.
        lease: What to hold it by.
        patience_s: How long to wait for who holds it for a moment, as a note is saved.

    Raises:
        StudyBusyError: A living engine holds it; says who.
    """
    deadline_s = time.monotonic() + patience_s
    vanished = 0
    while True:
        try:
            found = _take(study_file, lease)
        except FileNotFoundError:
            # Who had made the folder has just removed it.
            vanished += 1
            if vanished == _MAX_VANISHED:
                raise
            continue
        if found is None or not found.is_alive:
            return found
        if not found.is_for_a_moment or time.monotonic() > deadline_s:
            raise busy_error(study_file, found)
        time.sleep(_RETRY_S)


def _take(study_file: Path, lease: Lease) -> Lease | None:
    """Return the lease that was there; it is replaced, unless who holds it is alive."""
    folder = folder_of(study_file, lease.study)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_at_a_time(folder):
        found = read_lease(study_file, lease.study)
        if found is not None and found.is_alive:
            return found
        path = folder / LEASE_NAME
        draft = folder / f"{LEASE_NAME}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "w") as stream:
                json.dump(asdict(lease), stream)
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise
    return found


def busy_error(study_file: Path, lease: Lease) -> StudyBusyError:
    """Return the error that says who runs a study and how to reach it."""
    if lease.is_for_a_moment:
        return StudyBusyError(
            f"{safe_line(lease.study)} is being changed by process {lease.pid}.",
            hint="Try again in a moment.",
        )
    spelled = str(study_file) if lease.study == study_file.stem else f"{study_file}:{lease.study}"
    name = safe_line(spelled)
    where = "" if lease.is_here else f" on {safe_line(lease.host)}"
    hint = f"hptui status {name} shows it, hptui stop {name} ends it."
    if not lease.is_here:
        folder = folder_of(study_file, lease.study)
        hint = f"If that engine is gone, remove {folder.name}/{LEASE_NAME}."
    return StudyBusyError(
        f"{safe_line(lease.study)} is being run by process {lease.pid}{where}.", hint=hint
    )


def dead_engine_text(lease: Lease, n_stale: int) -> str:
    """Return the sentence about an engine that has died and the stale trials that it left."""
    ended = f"Its engine (process {lease.pid}) has died"
    if not n_stale:
        return f"{ended}."
    left = "1 trial is stale" if n_stale == 1 else f"{n_stale} trials are stale"
    return f"{ended}; {left}."


def remove_unused(folder: Path) -> None:
    """Remove a study's folder in which nothing but the lock is left."""
    with contextlib.suppress(OSError):
        if _is_unused(folder):
            # Who waits for the lock sees that the file is gone, and makes another.
            with _one_at_a_time(folder):
                if _is_unused(folder):
                    (folder / LOCK_NAME).unlink()
        folder.rmdir()


def _is_unused(folder: Path) -> bool:
    return {each.name for each in folder.iterdir()} <= {LOCK_NAME}


def release_lease(study_file: Path, lease: Lease) -> None:
    """Give the study free, if this lease still holds it."""
    folder = folder_of(study_file, lease.study)
    with contextlib.suppress(OSError), _one_at_a_time(folder):
        if read_lease(study_file, lease.study) == lease:
            (folder / LEASE_NAME).unlink(missing_ok=True)

"""Taking a study and giving it back; `storage.leases` says what a lease is."""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyBusyError
from hptui.storage.files.leases import LEASE, Lease, lease_at, read_lease, stored_lease
from hptui.storage.files.study_folder import (
    LOCK,
    earlier_folder,
    folder_of,
    real_file,
    require_no_link_in,
)
from hptui.storage.files.study_lock import StudyLock, acquire

if TYPE_CHECKING:
    from pathlib import Path

__all__ = [
    "A_MOMENT_S",
    "Lease",
    "StudyHold",
    "busy_error",
    "folder_of",
    "hold_study",
    "read_lease",
    "remove_unused",
    "take_lease",
]

_RETRY_S: Final = 0.02
_VANISHING_S: Final = 0.2
"""How long a study is tried again that has just been released."""
_MAX_VANISHED: Final = 10
A_MOMENT_S: Final = 3.0
"""How long whoever begins to run a study waits for commands that are changing it."""


class StudyHold:
    """A study that this process holds: nobody else runs or changes it.

    `folder` is the study's folder, also where it is moved to meanwhile.
    """

    def __init__(self, study_file: Path, lease: Lease, lock: StudyLock) -> None:
        self.file = real_file(study_file)
        self.lease = replace(lease, inode=lock.inode)
        self.folder = folder_of(study_file, lease.study)
        self._lock = lock

    def write_lease(self) -> None:
        """Tell others who holds the study; its folder is made where there is none.

        Raises:
            OSError: It cannot be written.
        """
        vanished = 0
        while True:
            try:
                self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                return self._write()
            except FileNotFoundError:
                # The folder has been removed at this moment.
                vanished += 1
                if vanished == _MAX_VANISHED:
                    raise

    def _write(self) -> None:
        draft = self.folder / f"{LEASE}.{os.getpid()}"
        draft.unlink(missing_ok=True)
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(fd, "w") as stream:
                json.dump(self.lease.to_json(), stream)
            draft.replace(self.folder / LEASE)
        except OSError:
            draft.unlink(missing_ok=True)
            raise

    def renew_lease(self) -> bool:
        """Write the lease again if it is gone, as with its folder; say whether it was.

        Where the file is gone, too, another one of its name may have a lease there.
        """
        with contextlib.suppress(OSError):
            if not os.path.lexists(self.folder / LEASE) and self._lock.is_at(self.file):
                self.write_lease()
                return True
        return False

    def release(self, *, tidy: bool = False) -> None:
        """Give the study free; with `tidy` nothing that is empty is left of its folder."""
        with contextlib.suppress(OSError):
            if lease_at(self.folder / LEASE) == self.lease:
                (self.folder / LEASE).unlink()
        if tidy:
            remove_unused(self.folder, self.file.parent)
        self._lock.release()


def take_lease(
    study_file: Path, lease: Lease, *, patience_s: float = 0.0, whole_file: bool = False
) -> StudyHold:
    """Take a study, and tell by its lease who has it.

    Args:
        study_file: The study's file.
        lease: What to hold it by.
        patience_s: How long to wait for who holds it for a moment, as a note is saved.
        whole_file: Whether to keep others from all other studies of the file, too.

    Raises:
        StudyBusyError: Somebody holds it; says who.
        StudyFileError: The file has several names, or its folder is a link.
        OSError: It cannot be written beside the file, or there is none.
    """
    hold = hold_study(study_file, lease, patience_s=patience_s, whole_file=whole_file)
    try:
        hold.write_lease()
    except BaseException:
        hold.release()
        raise
    return hold


def hold_study(
    study_file: Path, lease: Lease, *, patience_s: float = 0.0, whole_file: bool = False
) -> StudyHold:
    """Take a study as `take_lease` does, and write nothing yet."""
    require_no_link_in(folder_of(study_file, lease.study))
    began_s = time.monotonic()
    while True:
        lock = acquire(study_file, None if whole_file else lease.study)
        found = read_lease(study_file, lease.study) if lock is None else None
        if lock is not None:
            try:
                found = _told_by_lease(study_file, lease.study)
                if found is None:
                    return StudyHold(study_file, lease, lock)
            except BaseException:
                lock.release()
                raise
            lock.release()
        waited_s = time.monotonic() - began_s
        is_short = found is None or found.is_for_a_moment or found.is_unseen
        if waited_s > max(patience_s if is_short else 0.0, 0.0 if found else _VANISHING_S):
            raise busy_error(study_file, found or Lease.unseen(lease.study))
        time.sleep(_RETRY_S)


def _told_by_lease(study_file: Path, study: str) -> Lease | None:
    """Return who holds a study by its lease alone: on another machine, or without a lock.

    The caller has the lock. What an earlier version called the study's folder gets its name.
    """
    found = stored_lease(study_file, study)
    earlier = None if found is not None else earlier_folder(study_file)
    if earlier is not None:
        found = lease_at(earlier / LEASE)
        folder = folder_of(study_file, real_file(study_file).stem)
        if (found is None or not found.is_alive) and not folder.exists():
            with contextlib.suppress(FileNotFoundError):
                earlier.rename(folder)
    return found if found is not None and found.is_alive else None


def busy_error(study_file: Path, lease: Lease) -> StudyBusyError:
    """Return the error that says who runs a study and how to reach it."""
    if lease.is_unseen:
        return StudyBusyError(
            f"{safe_line(lease.study)} is held by another process.",
            hint="Try again in a moment. If this persists, that process runs in another "
            "container or as another user: stop it there.",
        )
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
        hint = f"If that engine is gone, remove {folder.name}/{LEASE}."
    return StudyBusyError(
        f"{safe_line(lease.study)} is being run by process {lease.pid}{where}.", hint=hint
    )


def dead_engine_text(lease: Lease, n_stale: int) -> str:
    """Return the sentence about an engine that has died and the stale trials that it left."""
    ended = f"Its engine (process {lease.pid}) has died"
    if not n_stale:
        return f"{ended}."
    left = plural(n_stale, "trial is stale", "trials are stale")
    return f"{ended}; {left}."


def remove_unused(folder: Path, root: Path | None = None) -> None:
    """Remove a study's folder with nothing but a lock in it; the caller holds the study.

    What that leaves empty above it goes too, up to `root`, where it is given.
    """
    with contextlib.suppress(OSError):
        if {each.name for each in folder.iterdir()} <= {LOCK}:
            (folder / LOCK).unlink(missing_ok=True)
        folder.rmdir()
        while root is not None and folder.parent != root:
            folder = folder.parent
            folder.rmdir()

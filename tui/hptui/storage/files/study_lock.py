"""The lock by which one process at a time holds a study: the system's, on the study file itself.

It is on a byte far behind the file's end, whose place the study's name gives, so that several
studies in one file can be run at once. Whoever changes or moves a file as a whole locks the bytes
of all names. It belongs to the file and to no path: it holds through links, renames and removed
folders, in other containers and on network shares, and it is free as soon as its process has ended.

Closing any descriptor of a file lets go of all locks that SQLite has on it in the same process. So
a descriptor stays open while this process may have the file open otherwise (`opening` keeps it from
being opened meanwhile); `is_parked` tells it from those that read and write the file.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import math
import os
import struct
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyBusyError, StudyFileError
from hptui.storage.files.study_folder import LOCK, folder_of, real_file

_BASE: Final = 1 << 60
"""SQLite's own locks are near 1 << 30."""
_NAME_BYTES: Final = 6
_ALL: Final = -1
"""Stands for the bytes of all names."""
_FLOCK: Final = "@hhqqi0q"
"""Linux's `struct flock`: type, whence, start, length, pid."""
_SET: Final = getattr(fcntl, "F_OFD_SETLK", None) if sys.platform == "linux" else None
_NO_SUCH_LOCK: Final = frozenset({errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOLCK})
_LOCKS: Final = Path("/proc/locks")
_MOUNTS: Final = Path("/proc/self/mountinfo")
_DESCRIPTORS: Final = Path("/proc/self/fd")
_MARK: Final = os.O_NONBLOCK
"""Means nothing for a regular file, and SQLite does not ask for it."""
_SETTLING_S: Final = 3.0
"""How long a file may have two names while it is made or moved."""
_RETRY_S: Final = 0.02

if TYPE_CHECKING:
    from collections.abc import Generator
    from contextlib import AbstractContextManager

_Identity = tuple[int, int]

_guard = threading.RLock()


@dataclass(slots=True)
class _Open:
    """A descriptor of a study file, and the bytes of it that this process holds locked."""

    fd: int
    held: set[int] = field(default_factory=set[int])
    """Places of bytes, or `_ALL`."""


_open: dict[_Identity, _Open] = {}


def _let_go_in_child() -> None:
    # A child would keep the locks alive after the death of this process.
    global _guard
    # Another thread may have held it.
    _guard = threading.RLock()
    for each in _open.values():
        with contextlib.suppress(OSError):
            os.close(each.fd)
    _open.clear()


os.register_at_fork(after_in_child=_let_go_in_child)


def opening() -> AbstractContextManager[object]:
    """Return what to hold while SQLite opens a study file: no descriptor is closed meanwhile."""
    return _guard


def byte_of(study: str) -> int:
    """Return the place of the byte that is locked by who holds a study of this name."""
    name = study.encode(errors="backslashreplace")
    return _BASE + int.from_bytes(hashlib.blake2b(name, digest_size=_NAME_BYTES).digest())


class StudyLock:
    """The lock of a study, or of a whole file, until it is released or this process ends."""

    def __init__(self, identity: _Identity, byte: int | None, fd: int) -> None:
        self._identity = identity
        self._byte = byte
        """None where the study's folder has the lock instead of its file."""
        self._fd = fd

    @property
    def inode(self) -> int:
        """The number of the locked file."""
        return self._identity[1]

    def is_at(self, path: Path) -> bool:
        """Say whether the locked file is still there."""
        with contextlib.suppress(OSError):
            return _identity(path.stat()) == self._identity
        return False

    def release(self) -> None:
        """Let go of it."""
        with _guard:
            known = _open.get(self._identity)
            if self._byte is None:
                os.close(self._fd)
            elif known is not None and known.fd == self._fd:
                known.held.discard(self._byte)
                with contextlib.suppress(OSError):
                    _set(known.fd, fcntl.F_UNLCK, self._byte)
            _close_unused()


@contextlib.contextmanager
def whole_file_held(study_file: Path) -> Generator[None]:
    """Keep everybody from all studies of a file within the block, wherever it is moved to.

    Raises:
        StudyBusyError: Somebody holds one of them.
        StudyFileError: The file has several names.
        OSError: It is not there, or cannot be opened for writing.
    """
    lock = acquire(study_file, None)
    if lock is None:
        raise StudyBusyError(
            f"{safe_line(study_file)} is being run or changed by another process.",
            hint="Try again when that has finished.",
        )
    try:
        yield
    finally:
        lock.release()


def acquire(study_file: Path, study: str | None) -> StudyLock | None:
    """Take the lock of a study; None when another process, or this one, has it.

    Args:
        study_file: The file.
        study: The study's name; None for all names that a study of the file has or may get.

    Raises:
        FileNotFoundError: There is no file.
        StudyFileError: The file has several names: under each of them SQLite would write to it as
            if it were alone.
        OSError: It cannot be opened for writing.
    """
    path = real_file(study_file)
    deadline_s = time.monotonic() + _SETTLING_S
    while True:
        lock, n_names = _try(path, study)
        if n_names == 1:
            return lock
        told = several_names(path) if n_names > 1 else None
        if told is not None and time.monotonic() > deadline_s:
            raise StudyFileError(told[0], hint=told[1])
        time.sleep(_RETRY_S)


def _try(path: Path, study: str | None) -> tuple[StudyLock | None, int]:
    """Try to take the lock; returns how many names the file has, 0 when it was replaced."""
    with _guard:
        known = _descriptor_of(path)
        if known.held & {_place_of(study), _ALL} or (study is None and known.held):
            return None, 1
        lock = _lock(known, path, study)
        if lock is None:
            _close_unused()
            return None, 1
        n_names = 0
        try:
            if lock.is_at(path):
                n_names = path.stat().st_nlink
        finally:
            if n_names != 1:
                lock.release()
        return (lock if n_names == 1 else None), n_names


def _place_of(study: str | None) -> int:
    return _ALL if study is None else byte_of(study)


def _lock(known: _Open, path: Path, study: str | None) -> StudyLock | None:
    identity, byte = _identity(os.fstat(known.fd)), _place_of(study)
    try:
        if not _set(known.fd, fcntl.F_WRLCK, byte):
            return None
    except OSError as error:
        if error.errno not in _NO_SUCH_LOCK:
            raise
        return _lock_folder(path, path.stem if study is None else study, identity)
    known.held.add(byte)
    return StudyLock(identity, byte, known.fd)


def _descriptor_of(path: Path) -> _Open:
    known = _open.get(_identity(path.stat()))
    if known is None:
        fd = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NOCTTY | _MARK)
        # Where the file was replaced at this moment by one that is known, the descriptor is left.
        known = _open.setdefault(_identity(os.fstat(fd)), _Open(fd))
    return known


def _set(fd: int, kind: int, byte: int) -> bool:
    """Lock or unlock a byte, or `_ALL`; False when another process has it locked."""
    if _SET is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    _told.at_s = -math.inf
    start, length = (_BASE, 1 << 8 * _NAME_BYTES) if byte == _ALL else (byte, 1)
    try:
        fcntl.fcntl(fd, _SET, struct.pack(_FLOCK, kind, os.SEEK_SET, start, length, 0))
    except (BlockingIOError, PermissionError):
        return False
    return True


def _close_unused() -> None:
    """Close descriptors without locks of files that this process has not open otherwise."""
    unused = {identity: each for identity, each in _open.items() if not each.held}
    if not unused:
        return
    own = {each.fd for each in _open.values()}
    others: set[_Identity] = set()
    try:
        with os.scandir(_DESCRIPTORS) as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    if int(entry.name) not in own:
                        others.add(_identity(entry.stat()))
    except OSError:
        return
    for identity, each in unused.items():
        if identity not in others:
            del _open[identity]
            os.close(each.fd)


def _lock_folder(path: Path, study: str, identity: _Identity) -> StudyLock | None:
    """Lock a file in the study's folder, where the system has no such locks on the study's file.

    Not the study's file: some systems do not tell `flock` from the locks of SQLite.
    """
    folder = folder_of(path, study)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    while True:
        fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return None
        except BaseException:
            os.close(fd)
            raise
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(fd), (folder / LOCK).stat()):
                return StudyLock(identity, None, fd)
        # Who had it has removed the file: others lock a new one.
        os.close(fd)


class _Told:
    """What the system told of all locks when it was asked last: many files are looked at."""

    at_s = -math.inf
    text = b""

    def ask(self, max_age_s: float) -> bytes:
        if time.monotonic() - self.at_s >= max_age_s:
            began_s = time.monotonic()
            self.text = _LOCKS.read_bytes()
            self.at_s = began_s
        return self.text


_told = _Told()


def held_bytes(study_file: Path, *, max_age_s: float = 0.0) -> frozenset[int]:
    """Return the bytes of a study file by which processes hold its studies, see `byte_of`.

    The file is not opened. Empty where the system does not tell, and where one process holds the
    file as a whole, since nobody runs a study of it then.

    Args:
        study_file: The file.
        max_age_s: How long ago the system may have been asked, in seconds: it takes its time.
    """
    try:
        status = study_file.stat()
        locks = _told.ask(max_age_s)
    except OSError:
        return frozenset()
    file = b":%d " % status.st_ino
    if file not in locks:
        return frozenset()
    found: set[int] = set()
    for line in locks.splitlines():
        # `1: OFDLCK ADVISORY WRITE -1 fe:00:2310548 FIRST LAST`
        _, kind, *_, device, first, last = line.split()
        if kind == b"OFDLCK" and file in line and first == last and int(first) >= _BASE:
            major, minor, _ = device.split(b":")
            if _may_be_on(status.st_dev, os.makedev(int(major, 16), int(minor, 16))):
                found.add(int(first))
    return frozenset(found)


def _may_be_on(device: int, lock_device: int) -> bool:
    if device == lock_device:
        return True
    # Files of btrfs and overlays say another device than their file system, which locks tell.
    with contextlib.suppress(OSError):
        told = f" {os.major(device)}:{os.minor(device)} "
        return told not in _MOUNTS.read_text("utf-8", "replace")
    return False


def is_parked(flags: int) -> bool:
    """Say whether a descriptor with these flags is one of this module's, of hptui anywhere."""
    return bool(flags & _MARK)


def several_names(study_file: Path) -> tuple[str, str] | None:
    """Return a sentence and a hint about a study file with several names; None where it has one."""
    path = real_file(study_file)
    try:
        status = path.stat()
        if status.st_nlink <= 1:
            return None
        with os.scandir(path.parent) as entries:
            alike = [each.name for each in entries if each.inode() == status.st_ino]
    except OSError:
        return None
    others = sorted(name for name in alike if name != path.name)
    and_more = f", also {safe_line(others[0])}" if others else ""
    return (
        f"{safe_line(path)} is one file with {status.st_nlink} names (hard links){and_more}: "
        "what is written under one is lost under the other.",
        "Remove the other name, or make a copy of it, while no program has the file open.",
    )


def _identity(status: os.stat_result) -> _Identity:
    return status.st_dev, status.st_ino

"""Giving finished files their names, so that nobody sees half a file and nothing is replaced."""

from __future__ import annotations

import ctypes
import errno
import os
from functools import partial
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from pathlib import Path

_HERE: Final = -100
"""Paths are taken from the working folder (`AT_FDCWD`)."""
_NO_REPLACE: Final = 1
_UNKNOWN: Final = frozenset({errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP, errno.EPERM})
"""What a kernel, a file system or a sandbox answers that does not know such a move."""


def put_in_place(made: Path, path: Path) -> bool:
    """Move a finished file, or a folder, to a name; False, and nothing done, when it is taken.

    On Linux that is one step: at no moment has a file both names or none.

    Raises:
        OSError: The folders cannot be written, or are on different disks.
    """
    try:
        if not _move_at_once(made, path):
            _move_in_steps(made, path)
    except FileExistsError:
        return False
    sync_folder(path.parent)
    if made.parent != path.parent:
        sync_folder(made.parent)
    return True


def _move_at_once(made: Path, path: Path) -> bool:
    """Move without replacing; False where the system cannot do that in one step."""
    rename: Any = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    if rename is None:
        return False
    if rename(_HERE, os.fsencode(made), _HERE, os.fsencode(path), _NO_REPLACE) == 0:
        return True
    code = ctypes.get_errno()
    if code in _UNKNOWN:
        return False
    raise OSError(code, os.strerror(code), str(made), None, str(path))


def _move_in_steps(made: Path, path: Path) -> None:
    if made.is_dir() and not made.is_symlink():
        # A folder has no second name, and replaces nothing but an empty folder.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path))
        made.rename(path)
        return
    try:
        os.link(made, path, follow_symlinks=False)
        name_it = made.unlink
    except FileExistsError:
        raise
    except OSError:
        # No hard links here (FAT, some network shares): reserve the name, then fill it at once.
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        name_it = partial(made.replace, path)
    try:
        name_it()
    except OSError:
        path.unlink()
        raise


def drop_second_name(made: Path, path: Path) -> None:
    """Take the old name from a file that a move in steps, cut off by a kill, left with both."""
    try:
        is_one = os.path.samestat(made.lstat(), path.lstat())
    except OSError:
        return
    if is_one:
        made.unlink()
        sync_folder(made.parent)


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk.

    Raises:
        OSError: The folder cannot be read, or the disk refuses.
    """
    _sync(folder, os.O_DIRECTORY)


def sync_file(path: Path) -> None:
    """Bring a file's content to the disk; no SQLite file that this process has open.

    Raises:
        OSError: The file cannot be read, or the disk refuses.
    """
    _sync(path, 0)


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

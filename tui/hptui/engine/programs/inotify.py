"""Being woken when something is written in a folder (Linux's inotify)."""

from __future__ import annotations

import contextlib
import ctypes
import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_MODIFY, _CREATE, _MOVED_TO = 0x2, 0x100, 0x80
_FLAGS: Final = os.O_NONBLOCK | os.O_CLOEXEC
_READ_BYTES: Final = 64 * 1024


def watch_folder(folder: Path) -> int | None:
    """Return a descriptor that is readable when a file in a folder is written; None without one."""
    with contextlib.suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None, use_errno=True)
        fd = int(libc.inotify_init1(_FLAGS))
        if fd < 0:
            return None
        if libc.inotify_add_watch(fd, os.fsencode(folder), _MODIFY | _CREATE | _MOVED_TO) < 0:
            os.close(fd)
            return None
        return fd
    return None


def drain(fd: int) -> None:
    """Take what has been told, so that the descriptor is readable only at the next writing."""
    with contextlib.suppress(BlockingIOError):
        while len(os.read(fd, _READ_BYTES)) == _READ_BYTES:
            pass

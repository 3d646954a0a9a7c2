"""The logs of trials: how large they may grow."""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_CAP_BYTES = 10 * 1024 * 1024
KEPT_BYTES = 1024 * 1024
"""So much is kept of the head of a log that is cut, and of its tail."""
_PUNCH_HOLE, _KEEP_SIZE = 2, 1
"""Of Linux's `fallocate`."""
CUT_SENTENCE = b"\n[hptui cut the log here: it had outgrown 10 MiB]\n"


def cut_log(path: str | Path) -> None:
    """Keep head and tail of a log that has outgrown its cap; whoever writes it goes on after them.

    What is written at that moment may be cut, too. A link is left alone: it may lead anywhere.
    """
    with contextlib.suppress(OSError):
        seen = os.lstat(path)
        if seen.st_size <= LOG_CAP_BYTES or not stat.S_ISREG(seen.st_mode):
            return
        with os.fdopen(_open(path), "r+b", buffering=0) as log:
            log.seek(-KEPT_BYTES, os.SEEK_END)
            tail = log.read(KEPT_BYTES)
            log.truncate(KEPT_BYTES)
            log.write(CUT_SENTENCE + tail)


def free_middle(path: str | Path) -> None:
    """Give back the room that the middle of a growing log takes, and lose nothing of its end.

    Its size stays, so that no byte is lost which is written meanwhile; `cut_log` closes the gap
    later. Where the file system has no holes, it is cut at once.
    """
    with contextlib.suppress(OSError):
        seen = os.lstat(path)
        if seen.st_blocks * 512 <= LOG_CAP_BYTES or not stat.S_ISREG(seen.st_mode):
            return
        fd = _open(path)
        try:
            is_free = _punch_hole(fd, KEPT_BYTES, seen.st_size - 2 * KEPT_BYTES)
        finally:
            os.close(fd)
        if not is_free:
            cut_log(path)


def _open(path: str | Path) -> int:
    return os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)


def _punch_hole(fd: int, start: int, length: int) -> bool:
    if sys.platform != "linux":
        return False
    try:
        fallocate = ctypes.CDLL(None).fallocate64
    except AttributeError:
        return False
    fallocate.argtypes = ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64
    return fallocate(fd, _PUNCH_HOLE | _KEEP_SIZE, start, length) == 0


def cut_logs(folder: Path) -> None:
    """Cut all logs of a folder that have outgrown their cap."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            cut_log(path)

"""The logs of trials: how large they may grow."""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_CAP_BYTES = 10 * 1024 * 1024
_END_BYTES = 1024 * 1024
"""So much is kept of the head of a log that is cut, and of its tail."""
_SENTENCE = b"\n[hptui cut the log here: it had outgrown 10 MiB]\n"


def cut_log(path: Path) -> None:
    """Keep head and tail of a log that has outgrown its cap; whoever writes it goes on after them.

    What is written meanwhile may be cut, too. A link is left alone: it may lead anywhere.
    """
    with contextlib.suppress(OSError):
        seen = path.lstat()
        if seen.st_size <= LOG_CAP_BYTES or not stat.S_ISREG(seen.st_mode):
            return
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC)
        with os.fdopen(fd, "r+b", buffering=0) as log:
            log.seek(-_END_BYTES, os.SEEK_END)
            tail = log.read(_END_BYTES)
            log.truncate(_END_BYTES)
            log.write(_SENTENCE + tail)


def cut_logs(folder: Path) -> None:
    """Cut all logs of a folder that have outgrown their cap."""
    with contextlib.suppress(OSError):
        for path in folder.iterdir():
            cut_log(path)

"""The logs of trials: how large they may grow."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

LOG_CAP_BYTES = 10 * 1024 * 1024
_LOG_HEAD_BYTES = 1024 * 1024


def cut_log(path: Path) -> None:
    """Keep the head of a log that has outgrown its cap; the trial goes on writing after it."""
    with contextlib.suppress(OSError):
        if path.stat().st_size > LOG_CAP_BYTES:
            os.truncate(path, _LOG_HEAD_BYTES)
            with path.open("ab") as stream:
                stream.write(b"\n[hptui cut the log here: it had outgrown 10 MiB]\n")

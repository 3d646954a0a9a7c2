"""A private folder whose sockets have addresses that are short enough."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Final

_MAX_SOCKET_BYTES: Final = 100
"""Addresses of sockets have 104 bytes on macOS and 108 on Linux."""
_NAME_BYTES: Final = 16


def make_socket_folder(prefix: str) -> Path:
    """Make a folder of mode 0700 for sockets whose names have at most 16 bytes.

    It is where temporary files are, or in `/tmp` where that path is too long.
    """
    for place in (None, "/tmp"):
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        if len(os.fsencode(folder)) + 1 + _NAME_BYTES <= _MAX_SOCKET_BYTES:
            break
        if place is None:
            folder.rmdir()
    return folder

"""How much room files and folders take."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

_MAX_WALKED: Final = 100_000


def bytes_of(path: Path) -> int:
    """Return the size of a file, or of what is in a folder; links are not followed."""
    if path.is_symlink() or not path.is_dir():
        return _size(str(path))
    total = n_seen = 0
    for parent, _, names in os.walk(path):
        for name in names:
            n_seen += 1
            if n_seen > _MAX_WALKED:
                return total
            total += _size(os.path.join(parent, name))  # noqa: PTH118 - faster over many files
    return total


def _size(path: str) -> int:
    try:
        return os.lstat(path).st_size
    except OSError:
        return 0

"""Giving finished files their names, so that nobody sees half a file and nothing is replaced."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def put_in_place(made: Path, path: Path) -> bool:
    """Give a finished file its name; False, and nothing done, when the name is taken.

    Raises:
        OSError: The folder cannot be written.
    """
    try:
        os.link(made, path)
    except FileExistsError:
        return False
    except OSError:
        # No hard links here (FAT, some network shares): reserve the name, then fill it at once.
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        except FileExistsError:
            return False
        made.replace(path)
    descriptor = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return True

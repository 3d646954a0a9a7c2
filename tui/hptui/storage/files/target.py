"""Whether a file can be written at a path: for every command and dialog that makes one."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.validation import FileKind, inspect_file

if TYPE_CHECKING:
    from pathlib import Path

_DATABASES: Final[frozenset[FileKind]] = frozenset(
    ("optuna", "older", "newer", "foreign", "damaged")
)
"""What may hold somebody's study."""


def taken(target: Path, *, hint: str = "Choose another name.") -> StudyFileError:
    """Return the refusal of a path at which there is something already."""
    return StudyFileError(f"{safe_line(target.name)} already exists.", hint=hint)


def require_free(target: Path, *, hint: str = "Choose another name.") -> None:
    """Refuse a path at which there is something already, a dangling link too.

    Raises:
        StudyFileError: There is something.
    """
    if _is_taken(target):
        raise taken(target, hint=hint)


def require_free_study_file(target: Path) -> None:
    """Refuse a path at which a study file is, or what SQLite left of an earlier one.

    Raises:
        StudyFileError: There is something.
    """
    require_free(target)
    require_no_side_files(target)


def require_no_side_files(target: Path) -> None:
    """Refuse a place for a new file where SQLite would take up what another one left.

    Raises:
        StudyFileError: There is a `-wal` or `-journal` file with content.
    """
    for suffix in ("-wal", "-journal"):
        left = target.with_name(target.name + suffix)
        with suppress(OSError):
            if left.stat().st_size:
                raise StudyFileError(
                    f"{safe_line(str(left))} is in the way: it belongs to a file that is gone.",
                    hint="Choose another name, or move it elsewhere.",
                )


def require_folder(target: Path) -> None:
    """Refuse a place for a file whose folder is not there, or may not be written to.

    Raises:
        StudyFileError: It is so.
    """
    name, folder = safe_line(target.name), target.parent
    if not folder.is_dir():
        raise StudyFileError(
            f"{name} cannot be written: the folder does not exist.",
            hint="Create the folder first.",
        )
    if not os.access(folder, os.W_OK | os.X_OK):
        raise StudyFileError(f"{name} cannot be written: {os.strerror(errno.EACCES)}.")


def require_replaceable(target: Path) -> None:
    """Refuse folders, devices, pipes, and databases: a study is not lost by a slip of the hand.

    Raises:
        StudyFileError: It is one of these.
    """
    name, hint = safe_line(target.name), "Choose another name."
    if _is_taken(target) and not target.is_file():
        what = "a folder" if target.is_dir() else "no regular file"
        raise StudyFileError(f"{name} is {what}, and is not replaced.", hint=hint)
    if inspect_file(target, check_budget_s=0.0).kind in _DATABASES:
        raise StudyFileError(f"{name} is a database, and databases are never replaced.", hint=hint)


def _is_taken(target: Path) -> bool:
    """Say whether there is something at a path, a dangling link too.

    Raises:
        StudyFileError: No file can have such a name.
    """
    try:
        target.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(target.name, max_chars=60)} cannot be written: {error.strerror}.",
            hint="Choose another name.",
        ) from error
    return True

"""Giving studies other names, and making copies under other names."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from hptui.domain.study_name import check_study_name, fitting_name
from hptui.domain.text import safe_line
from hptui.engine.claim import Claim, claimed, require_free_folder
from hptui.engine.lease import folder_of
from hptui.errors import StudyFileError, UsageError
from hptui.storage.connection import as_storage_error
from hptui.storage.copying import copy_study, require_no_side_files
from hptui.storage.gate import require_writable
from hptui.storage.moving import connect_for_writing, move_file, settle_file
from hptui.storage.open_files import require_closed
from hptui.storage.studies import study_names
from hptui.storage.study_rows import rename_study as rename_row
from hptui.storage.study_rows import study_id_of

if TYPE_CHECKING:
    from pathlib import Path


def rename_study(path: Path, study_name: str, new_name: str) -> Path:
    """Give a study another name; return the path of its file then.

    A file that holds one study and is called like it gets the new name too, and the folder with
    logs always goes along. Nothing is ever replaced.

    Raises:
        UsageError: The name is wrong, taken, or no other; there is no such study; the file is a
            link or cannot be written.
        StudyBusyError: An engine runs the study, or a program has the file open.
    """
    check_study_name(new_name)
    if new_name == study_name:
        raise UsageError(f"It is called {safe_line(new_name)} already.")
    require_writable(path)
    names = require_study(path, study_name)
    require_no_link(path)
    is_with_file = names == [study_name] and path.stem == study_name
    target = path.with_name(f"{new_name}{path.suffix}") if is_with_file else path
    if is_with_file:
        require_free_name(target)
    require_free_folder(folder_of(target, new_name))
    with claimed(path, study_name) as claim:
        try:
            _rename(claim, (path, study_name), (target, new_name))
        except OSError as error:
            raise StudyFileError(
                f"{safe_line(study_name)} cannot be renamed: {safe_line(error.strerror)}."
            ) from error
    return target


def _rename(claim: Claim, old: tuple[Path, str], new: tuple[Path, str]) -> None:
    (path, study_name), (target, new_name) = old, new
    if path == target:
        _rename_row(path, study_name, new_name)
        claim.move_folder(folder_of(target, new_name))
        return
    require_closed(path)
    _rename_row(path, study_name, new_name)
    try:
        settle_file(path)
        move_file(path, target)
    except BaseException:
        _rename_row(path, new_name, study_name)
        raise
    claim.move_whole_folder(folder_of(target, new_name))


def _rename_row(path: Path, study_name: str, new_name: str) -> None:
    try:
        with closing(connect_for_writing(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            study_id = study_id_of(connection, study_name)
            if study_id is not None:
                rename_row(connection, study_id, new_name)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


def duplicate_study(path: Path, study_name: str, new_name: str) -> Path:
    """Copy a study to a file of its own beside its file; return the new file's path.

    The study may be running; trials that run now are failed ones in the copy. Logs and files of
    trials are not copied.

    Raises:
        UsageError: The name is wrong or taken; there is no such study; the folder cannot be
            written.
        StudyBusyError: The file is locked.
    """
    check_study_name(new_name)
    require_study(path, study_name)
    target = path.with_name(f"{new_name}.db")
    require_free_name(target)
    require_free_folder(folder_of(target, new_name))
    copy_study(path, study_name, target, new_name=new_name)
    return target


def free_name(folder: Path, name: str) -> str:
    """Return `name-2`, or the next like it, that no file in the folder has.

    Where no study can be called like `name`, it is one that is like it.
    """
    name = fitting_name(name)
    stem, dash, number = name.rpartition("-")
    base, count = (stem, int(number)) if dash and number.isdecimal() else (name, 1)
    while True:
        count += 1
        candidate = fitting_name(base, f"-{count}")
        if not os.path.lexists(folder / f"{candidate}.db"):
            return candidate


def require_study(path: Path, study_name: str) -> list[str]:
    """Return the names of the studies in a file, of which `study_name` must be one.

    Raises:
        StudyFileError: It is not, or the file is no study file.
    """
    names = study_names(path)
    if study_name not in names:
        raise StudyFileError(
            f"There is no study {safe_line(study_name, max_chars=60)!r} in {safe_line(path.name)}."
        )
    return names


def require_no_link(path: Path) -> None:
    """Refuse a symbolic link: the file itself is elsewhere.

    Raises:
        StudyFileError: It is one; says where it leads.
    """
    if path.is_symlink():
        raise StudyFileError(
            f"{safe_line(path.name)} is a link to {safe_line(path.resolve())}.",
            hint="Do that with the file itself, in its own folder.",
        )


def require_free_name(target: Path) -> None:
    """Refuse a name that a file has already.

    Raises:
        StudyFileError: There is something at `target`, or what SQLite left of an earlier file.
    """
    if os.path.lexists(target):
        raise StudyFileError(
            f"{safe_line(target.name)} exists already in {safe_line(target.parent)}.",
            hint="Choose another name.",
        )
    require_no_side_files(target)

"""Copies of single studies, each in a file of its own."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.files.in_place import put_in_place, sync_file, sync_folder
from hptui.storage.files.moving import connect_for_writing
from hptui.storage.files.staging import staging_folder
from hptui.storage.files.target import (
    require_folder,
    require_no_side_files,
    require_replaceable,
    taken,
)
from hptui.storage.files.validation import require_usual_tables
from hptui.storage.read.session import open_study
from hptui.storage.sqlite.connection import as_storage_error, file_uri
from hptui.storage.transfer.study_rows import (
    delete_other_studies,
    make_independent,
    rename_study,
    study_id_of,
    take_in_study,
)

if TYPE_CHECKING:
    from collections.abc import Generator


def copy_study(path: Path, study_name: str, target: Path, *, new_name: str | None = None) -> None:
    """Write a study as it is now, alone and as one file without side files, to `target`.

    The original may be running: what is copied is one moment of it. The copy is a study of its
    own; in it trials that were running have failed.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        target: Appears as a whole or not at all.
        new_name: What the copy is called; as the original where None.

    Raises:
        StudyFileError: There is no such study, `target` exists, or cannot be written.
        HptuiError: The file is locked, or the disk refuses.
    """
    require_no_side_files(target)
    with staged_file(target, overwrite=False) as draft:
        extract_study(path, study_name, draft)
        try:
            with closing(sqlite3.connect(draft, isolation_level=None)) as copy:
                copy.execute("BEGIN")
                study_id = study_id_of(copy, study_name) or 0
                if new_name is not None:
                    rename_study(copy, study_id, new_name)
                make_independent(copy, study_id)
                copy.execute("COMMIT")
        except sqlite3.Error as error:
            raise as_storage_error(error, target) from error


def extract_study(path: Path, study_name: str, target: Path) -> None:
    """Write a study with all its rows as they are into the new file `target`.

    Raises:
        StudyFileError: There is no such study, or its file is not one of Optuna's.
        HptuiError: The file is locked, or the disk refuses.
    """
    require_usual_tables(path)
    try:
        with (
            # Within a transaction, so that the copy never has to wait for a lock.
            open_study(path, study_name, is_known=True) as study,
            closing(sqlite3.connect(file_uri(target, "rwc"), uri=True)) as copy,
        ):
            study.connection.backup(copy)
            copy.isolation_level = None
            # A copy in WAL mode would need its side files too.
            copy.execute("PRAGMA journal_mode = DELETE")
            copy.execute("BEGIN")
            has_shrunk = delete_other_studies(copy, study_id_of(copy, study_name) or 0)
            copy.execute("COMMIT")
            if has_shrunk:
                copy.execute("VACUUM")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


def take_in_file(path: Path, kept: Path, study_name: str) -> None:
    """Copy the study in the file `kept` into another study file.

    Raises:
        StudyFileError: There is a study of this name in `path` already, or none in `kept`.
        HptuiError: A file is locked, or the disk refuses.
    """
    require_usual_tables(kept)
    try:
        with closing(connect_for_writing(path)) as connection:
            connection.execute("ATTACH ? AS source", (file_uri(kept, "ro"),))
            connection.execute("BEGIN IMMEDIATE")
            take_in_study(connection, study_name)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


@contextmanager
def staged_file(target: Path, *, overwrite: bool) -> Generator[Path]:
    """Yield a path to write a file to, which becomes `target` when the block has succeeded.

    Where `target` is a link, the file that it leads to is replaced, and the link stays.

    Raises:
        StudyFileError: `target` exists, or is nothing that may be overwritten; its folder does not
            exist, or cannot be written.
    """
    name = safe_line(str(target))
    if os.path.lexists(target):
        if not overwrite:
            raise taken(target, hint="Choose another name, or delete it first.")
        target = Path(os.path.realpath(target))
        require_replaceable(target)
    require_folder(target)
    try:
        with staging_folder(target) as folder:
            draft = folder / "new"
            yield draft
            sync_file(draft)
            if overwrite:
                draft.replace(target)
                sync_folder(target.parent)
            elif not put_in_place(draft, target):
                raise taken(target, hint="Choose another name, or delete it first.")
    except OSError as error:
        raise StudyFileError(f"{name} cannot be written: {safe_line(error.strerror)}.") from error

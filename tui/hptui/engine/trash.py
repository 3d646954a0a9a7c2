"""Deleting studies so that it can be undone: they go to a trash folder beside them.

`.hptui-trash/TIME/` holds one deletion: `entry.json`, which says what it was, and either the whole
study file with its folder, or, of a file with several studies, `study.db` with the one.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from hptui.domain.text import safe_line
from hptui.engine.claim import Claim, claimed, require_free_folder
from hptui.engine.lease import folder_of
from hptui.engine.renaming import require_free_name, require_no_link, require_study
from hptui.errors import StudyFileError, UsageError
from hptui.storage.connection import as_storage_error
from hptui.storage.copying import extract_study, take_in_file
from hptui.storage.gate import (
    FileReport,
    inspect_file,
    is_read_only,
    require_writable,
)
from hptui.storage.moving import connect_for_writing, move_file, settle_file
from hptui.storage.open_files import require_closed
from hptui.storage.side_files import is_linked, read_side_object
from hptui.storage.studies import read_summary
from hptui.storage.study_rows import delete_study as delete_rows
from hptui.storage.study_rows import study_id_of

TRASH: Final = ".hptui-trash"
_ENTRY: Final = "entry.json"
_MAX_ENTRY_BYTES: Final = 100_000
_LONE_STUDY: Final = "study.db"
_LONE_FOLDER: Final = "study.hptui"


@dataclass(frozen=True, slots=True)
class TrashEntry:
    """One deletion."""

    folder: Path
    file: str
    """The name of the file that the study was in."""
    study: str
    is_whole_file: bool
    deleted_s: float
    """Seconds since 1970."""


def delete_study(path: Path, study_name: str) -> TrashEntry:
    """Move a study to the trash of its folder.

    Its file goes there if it holds nothing else. A damaged study file can be deleted as well:
    then `study_name` is not looked for.

    Raises:
        UsageError: There is no such study; the file is none of Optuna's, is a link, or cannot be
            written.
        StudyBusyError: An engine runs the study, or a program has the file open.
    """
    report = inspect_file(path)
    if report.kind in ("missing", "foreign", "directory", "not_sqlite", "unreadable"):
        raise StudyFileError(report.sentence, hint="hptui deletes study files only.")
    require_no_link(path)
    if report.read_only or is_read_only(path):
        raise StudyFileError(f"{safe_line(path)} cannot be deleted: it is read-only.")
    is_whole = report.kind != "optuna" or len(require_study(path, study_name)) == 1
    with claimed(path, study_name) as claim:
        try:
            if is_whole:
                return _delete_file(path, study_name, claim, report)
            return _delete_rows(path, study_name, claim)
        except OSError as error:
            raise StudyFileError(
                f"{safe_line(study_name)} cannot be deleted: {safe_line(error.strerror)}."
            ) from error


def _delete_file(path: Path, study_name: str, claim: Claim, report: FileReport) -> TrashEntry:
    require_closed(path)
    if report.kind == "optuna":
        settle_file(path)
    entry = _new_entry(path, study_name, is_whole_file=True)
    try:
        move_file(path, entry.folder / path.name)
    except BaseException:
        if not os.path.lexists(entry.folder / path.name):
            _forget(entry)
        raise
    beside = folder_of(path, path.stem)
    if claim.folder == beside:
        claim.move_whole_folder(entry.folder / beside.name)
    elif beside.exists():
        target = entry.folder / beside.name
        beside.rename(target)
        claim.folder = target / claim.folder.relative_to(beside)
    return entry


def _delete_rows(path: Path, study_name: str, claim: Claim) -> TrashEntry:
    if read_summary(path, study_name).counts["RUNNING"]:
        # Whoever runs these trials would write into a study that is gone.
        require_closed(path)
    entry = _new_entry(path, study_name, is_whole_file=False)
    try:
        with closing(connect_for_writing(path)) as connection:
            # While this lock is held nobody changes what is copied here and deleted below.
            connection.execute("BEGIN IMMEDIATE")
            extract_study(path, study_name, entry.folder / _LONE_STUDY)
            delete_rows(connection, study_id_of(connection, study_name) or 0)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        _forget(entry)
        raise as_storage_error(error, path) from error
    except BaseException:
        _forget(entry)
        raise
    claim.move_folder(entry.folder / _LONE_FOLDER)
    return entry


def _new_entry(path: Path, study_name: str, *, is_whole_file: bool) -> TrashEntry:
    now_s = time.time()
    stamp = datetime.fromtimestamp(now_s, UTC).strftime("%Y%m%d-%H%M%S-%f")
    folder = path.parent / TRASH / stamp
    folder.mkdir(mode=0o700, parents=True)
    facts = {
        "file": path.name,
        "study": study_name,
        "is_whole_file": is_whole_file,
        "deleted": now_s,
    }
    (folder / _ENTRY).write_text(json.dumps(facts), "utf-8")
    return TrashEntry(folder, path.name, study_name, is_whole_file, now_s)


def _forget(entry: TrashEntry) -> None:
    """Remove an entry; what has not been moved out of it stays where it is."""
    for name in (_ENTRY, _LONE_STUDY):
        with suppress(OSError):
            (entry.folder / name).unlink()
    with suppress(OSError):
        entry.folder.rmdir()
        entry.folder.parent.rmdir()


def list_trash(folder: Path) -> list[TrashEntry]:
    """Return what is in the trash of a folder, the latest deletion first."""
    with suppress(OSError):
        if is_linked(folder / TRASH, folder):
            return []
        found = [_read_entry(each) for each in (folder / TRASH).iterdir()]
        entries = [entry for entry in found if entry is not None]
        return sorted(entries, key=lambda entry: entry.folder.name, reverse=True)
    return []


def _read_entry(folder: Path) -> TrashEntry | None:
    with suppress(OSError, ValueError, TypeError, KeyError, OverflowError):
        data = read_side_object(folder / _ENTRY, _MAX_ENTRY_BYTES)
        file = str(data["file"])
        # What is restored goes beside the trash and nowhere else, whatever an entry says.
        if file == Path(file).name and file not in ("", ".", ".."):
            is_whole = bool(data["is_whole_file"])
            return TrashEntry(folder, file, str(data["study"]), is_whole, float(data["deleted"]))
    return None


def undo_delete(entry: TrashEntry) -> Path:
    """Bring a study back to where it was; return the path of its file.

    Raises:
        UsageError: Its name has been taken since, what was deleted is no longer there, or the
            folder cannot be written. Then it stays in the trash.
        StudyBusyError: Another program has locked the file it was in.
    """
    path = entry.folder.parent.parent / entry.file
    try:
        if entry.is_whole_file:
            _restore_file(entry, path)
        else:
            _restore_rows(entry, path)
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(entry.study)} cannot be brought back: {safe_line(error.strerror)}."
        ) from error
    _forget(entry)
    return path


def _restore_file(entry: TrashEntry, path: Path) -> None:
    kept = entry.folder / entry.file
    if not os.path.lexists(kept):
        raise UsageError(f"{safe_line(entry.file)} is no longer in the trash.")
    beside = folder_of(path, path.stem)
    kept_folder = entry.folder / beside.name
    _require_free(path, beside if kept_folder.exists() else None)
    move_file(kept, path)
    _move_back(kept_folder, beside)


def _restore_rows(entry: TrashEntry, path: Path) -> None:
    kept = entry.folder / _LONE_STUDY
    if not kept.exists():
        raise UsageError(f"{safe_line(entry.study)} is no longer in the trash.")
    beside = folder_of(path, entry.study)
    kept_folder = entry.folder / _LONE_FOLDER
    if kept_folder.exists():
        require_free_folder(beside)
    if os.path.lexists(path):
        require_writable(path)
        take_in_file(path, kept, entry.study)
    else:
        _require_free(path, None)
        move_file(kept, path)
    _move_back(kept_folder, beside)


def _require_free(path: Path, folder: Path | None) -> None:
    try:
        require_free_name(path)
        if folder is not None:
            require_free_folder(folder)
    except StudyFileError as error:
        raise StudyFileError(error.message, hint="Rename that one first, then undo.") from error


def _move_back(kept: Path, target: Path) -> None:
    """Move a study's folder back to where it was, into one that others may have there."""
    if not kept.exists():
        return
    target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not target.exists():
        kept.rename(target)
        return
    for each in sorted(kept.iterdir()):
        if not os.path.lexists(target / each.name):
            each.rename(target / each.name)
    with suppress(OSError):
        kept.rmdir()

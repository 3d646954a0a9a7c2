"""Deleting studies so that it can be undone: they go to a trash folder beside them.

`.hptui-trash/TIME/` holds one deletion: `entry.json`, which says what it was, and either the whole
study file with its folder, or, of a file with several studies, `study.db` with the one.
"""

from __future__ import annotations

import json
import os
import sqlite3
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Self

from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import folder_of
from hptui.engine.studies.changes import (
    LEASE,
    Change,
    carry_out,
    clear_away,
    held_for,
    move_study_folder,
    name_from,
    require_no_links,
    study_from,
)
from hptui.engine.studies.held_study import name_held, require_free_folder
from hptui.engine.studies.renaming import (
    require_alone,
    require_no_link,
    require_study,
)
from hptui.errors import StudyFileError, UsageError
from hptui.storage.files.in_place import drop_second_name, put_in_place, sync_file, sync_folder
from hptui.storage.files.moving import (
    SIDE_FILES,
    connect_for_writing,
    move_file,
    move_side_files,
    settle_file,
)
from hptui.storage.files.open_files import require_closed
from hptui.storage.files.side_files import link_on_the_way, read_side_object
from hptui.storage.files.study_lock import whole_file_held
from hptui.storage.files.target import require_free_study_file
from hptui.storage.files.validation import (
    FileReport,
    inspect_file,
    is_read_only,
    require_readable,
    require_writable,
)
from hptui.storage.mirror.mirrors import refuse_mirror
from hptui.storage.read.session import read_study_file
from hptui.storage.read.studies import read_summary, study_names
from hptui.storage.sqlite.connection import as_storage_error
from hptui.storage.transfer.copying import extract_study, take_in_file
from hptui.storage.transfer.study_rows import delete_study as delete_rows
from hptui.storage.transfer.study_rows import study_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from contextlib import AbstractContextManager

TRASH: Final = ".hptui-trash"
_STAMP: Final = "%Y%m%d-%H%M%S-%f"
_ENTRY: Final = "entry.json"
_MAX_ENTRY_BYTES: Final = 100_000
_LONE_STUDY: Final = "study.db"
_LONE_DRAFT: Final = "study.new"
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


@dataclass(frozen=True, slots=True)
class _Trashed(Change):
    """What goes to the trash, or comes back from it: a whole study file, or one study of it."""

    folder: Path
    file: str
    study: str
    stamp: str
    """The name of its folder in the trash."""
    is_whole_file: bool

    @classmethod
    def from_facts(cls, folder: Path, facts: Mapping[str, Any]) -> Self:
        """Return what a journal says.

        Raises:
            ValueError: It says nothing that is ever done.
            KeyError: Something is missing.
        """
        file, stamp = name_from(facts["file"]), name_from(facts["stamp"])
        return cls(folder, file, study_from(facts["study"]), stamp, bool(facts["is_whole_file"]))

    def facts(self) -> dict[str, Any]:
        """Return what the journal keeps, besides the kind."""
        return {
            "file": self.file,
            "study": self.study,
            "stamp": self.stamp,
            "is_whole_file": self.is_whole_file,
        }

    def studies(self) -> list[StudyRef]:
        """Return the study, before and after."""
        return [StudyRef(self.path, self.study)] * 2

    def takes_whole_file(self) -> bool:
        """Say whether the file itself goes to the trash, or comes back."""
        return self.is_whole_file

    @property
    def path(self) -> Path:
        """Where the file is when the study is not in the trash."""
        return self.folder / self.file

    @property
    def entry(self) -> Path:
        """Its folder in the trash."""
        return self.folder / TRASH / self.stamp

    @property
    def kept(self) -> Path:
        """Where the study is in the trash."""
        return self.entry / (self.file if self.is_whole_file else _LONE_STUDY)

    @property
    def folders(self) -> tuple[Path, Path]:
        """The folder with its logs and files: where it belongs, and where it is kept."""
        if self.is_whole_file:
            beside = folder_of(self.path, self.path.stem)
            return beside, self.entry / beside.name
        return folder_of(self.path, self.study), self.entry / _LONE_FOLDER

    def _keep_folder(self) -> None:
        beside, kept = self.folders
        move_study_folder(self.folder, beside, kept, with_others=self.is_whole_file)

    def _bring_folder_back(self) -> None:
        beside, kept = self.folders
        move_study_folder(self.folder, kept, beside, with_others=self.is_whole_file)
        clear_away(kept, self.entry)

    def _holds_kept(self) -> bool:
        """Whether the study that is kept is in its file, too."""
        if not os.path.lexists(self.path):
            return False
        there = read_study_file(self.path, self._rows)
        kept = read_study_file(self.kept, self._rows)
        return there is not None and kept is not None and kept <= there

    def _rows(self, connection: sqlite3.Connection) -> set[tuple[Any, ...]] | None:
        """Return what tells a study from any other of its name; None where there is none."""
        study_id = study_id_of(connection, self.study)
        if study_id is None:
            return None
        asked = (
            "SELECT number, datetime_start FROM trials WHERE study_id = ?",
            "SELECT key, value_json FROM study_user_attributes WHERE study_id = ?",
            "SELECT key, value_json FROM study_system_attributes WHERE study_id = ?",
        )
        return {row for each in asked for row in connection.execute(each, (study_id,))}

    def _forget(self) -> None:
        """Remove the entry; what has not been moved out of it stays where it is."""
        require_no_links(self.folder, self.entry)
        names = [_ENTRY]
        if not self.is_whole_file:
            drafts = [f"{_LONE_DRAFT}{suffix}" for suffix in ("", *SIDE_FILES)]
            names += [_LONE_STUDY, *drafts]
        for name in names:
            (self.entry / name).unlink(missing_ok=True)
        with suppress(OSError):
            self.entry.rmdir()
            self.entry.parent.rmdir()


class Deletion(_Trashed):
    """A study goes to the trash."""

    kind = "delete"

    def describe(self) -> str:
        """Return what is being done."""
        return f"deleting {safe_line(self.study, max_chars=60)}"

    def begin(self) -> None:
        """Prepare, and take the decisive step."""
        require_no_links(self.folder, self.entry)
        self.entry.mkdir(mode=0o700, parents=True)
        _write_entry(self.entry, self.file, self.study, is_whole_file=self.is_whole_file)
        if self.is_whole_file:
            move_file(self.path, self.kept)
        else:
            self._move_rows()

    def _move_rows(self) -> None:
        draft = self.entry / _LONE_DRAFT
        try:
            with closing(connect_for_writing(self.path)) as connection:
                # While this lock is held nobody changes what is copied here and deleted below.
                connection.execute("BEGIN IMMEDIATE")
                extract_study(self.path, self.study, draft)
                sync_file(draft)
                put_in_place(draft, self.kept)
                delete_rows(connection, study_id_of(connection, self.study) or 0)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise as_storage_error(error, self.path) from error

    def is_begun(self) -> bool:
        """Whether the decisive step has been taken."""
        if self.is_whole_file:
            drop_second_name(self.path, self.kept)
            return os.path.lexists(self.kept)
        return os.path.lexists(self.kept) and not self._holds_kept()

    def finish(self) -> None:
        """Do what is left."""
        if self.is_whole_file:
            move_side_files(self.path, self.kept)
        self._keep_folder()
        # Nobody runs a study in the trash.
        kept = folder_of(self.kept, self.study) if self.is_whole_file else self.folders[1]
        (kept / LEASE).unlink(missing_ok=True)
        clear_away(kept, self.entry)

    def take_back(self) -> None:
        """Make everything as it was."""
        if os.path.lexists(self.entry):
            self._bring_folder_back()
            if self.is_begun():
                _put_back(self)
            self._forget()


class Restoration(_Trashed):
    """A study comes back from the trash."""

    kind = "undo"

    def describe(self) -> str:
        """Return what is being done."""
        return f"restoring {safe_line(self.study, max_chars=60)}"

    def begin(self) -> None:
        """Prepare, and take the decisive step."""
        _put_back(self)

    def is_begun(self) -> bool:
        """Whether the decisive step has been taken."""
        require_no_links(self.folder, self.entry)
        drop_second_name(self.kept, self.path)
        if os.path.lexists(self.kept):
            return not self.is_whole_file and self._holds_kept()
        if self.is_whole_file:
            return os.path.lexists(self.path)
        return os.path.lexists(self.path) and self.study in study_names(self.path)

    def finish(self) -> None:
        """Do what is left."""
        move_side_files(self.kept, self.path)
        self._bring_folder_back()
        beside, kept = self.folders
        if os.path.lexists(kept):
            raise StudyFileError(
                f"{safe_line(beside)} is in the way: it holds files of another study.",
                hint="Move that folder elsewhere.",
            )
        self._forget()

    def take_back(self) -> None:
        """Make everything as it was."""
        if self.is_begun():
            raise StudyFileError(
                f"Restored {safe_line(self.study)}, but not its logs and the files of its trials.",
                hint=f"They are in {safe_line(self.folders[1], max_chars=400)}.",
            )


def _put_back(change: _Trashed) -> None:
    """Move a study from the trash to its file."""
    if change.is_whole_file or not os.path.lexists(change.path):
        move_file(change.kept, change.path)
    else:
        require_writable(change.path)
        take_in_file(change.path, change.kept, change.study)


def delete_study(path: Path, study_name: str) -> TrashEntry:
    """Move a study to the trash of its folder.

    Its file goes there if it holds nothing else. A damaged study file, and one without a study, can
    be deleted as well: then `study_name` is not looked for.

    Raises:
        UsageError: There is no such study; the file is not one of Optuna's, is a link, or cannot be
            written.
        StudyBusyError: An engine runs the study, or a program has the file open.
    """
    refuse_mirror(path)
    report = inspect_file(path)
    if report.kind in ("missing", "foreign", "directory", "not_sqlite", "unreadable"):
        raise StudyFileError(report.sentence, hint="hptui deletes study files only.")
    require_no_link(path)
    if report.read_only or is_read_only(path):
        raise StudyFileError(f"{safe_line(path)} cannot be deleted: it is read-only.")
    names = study_names(path) if report.kind == "optuna" else []
    is_whole = len(names) <= 1
    if names:
        require_study(path, study_name)
    stamp = datetime.now(UTC).strftime(_STAMP)
    change = Deletion(path.parent, path.name, study_name, stamp, is_whole)
    with held_for(change, StudyRef(path, study_name)):
        try:
            _prepare(change, report)
            carry_out(change)
        except OSError as error:
            raise StudyFileError(
                f"{safe_line(study_name)} cannot be deleted: {safe_line(error.strerror)}."
            ) from error
    clear_away(folder_of(path, study_name), path.parent)
    return TrashEntry(change.entry, path.name, study_name, is_whole, _when(stamp))


def _write_entry(entry: Path, file: str, study: str, *, is_whole_file: bool) -> None:
    facts = {"file": file, "study": study, "is_whole_file": is_whole_file}
    with (entry / _ENTRY).open("x", encoding="utf-8") as stream:
        json.dump({**facts, "deleted": _when(entry.name)}, stream)
        stream.flush()
        os.fsync(stream.fileno())
    sync_folder(entry.parent)


def keep_copy(
    folder: Path, file: str, study_name: str, write: Callable[[Path], None]
) -> TrashEntry:
    """Put a copy of a study into the trash of a folder; undoing makes a study file of it.

    Args:
        folder: The folder of studies; it need not exist yet.
        file: The name of the file that it becomes.
        study_name: The study.
        write: Writes the copy to a path.

    Raises:
        StudyFileError: The folder cannot be written.
        HptuiError: The copy cannot be made.
    """
    stamp = datetime.now(UTC).strftime(_STAMP)
    entry = TrashEntry(folder / TRASH / stamp, file, study_name, True, _when(stamp))
    try:
        require_no_links(folder, entry.folder)
        entry.folder.mkdir(mode=0o700, parents=True)
        try:
            write(entry.folder / file)
            _write_entry(entry.folder, file, study_name, is_whole_file=True)
        except BaseException:
            drop_copy(entry)
            raise
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(folder)} cannot be written: {safe_line(error.strerror)}."
        ) from error
    return entry


def drop_copy(entry: TrashEntry) -> None:
    """Take what `keep_copy` has made out of the trash."""
    for name in (entry.file, _ENTRY):
        (entry.folder / name).unlink(missing_ok=True)
    with suppress(OSError):
        entry.folder.rmdir()
        entry.folder.parent.rmdir()


def _when(stamp: str) -> float:
    return datetime.strptime(stamp, _STAMP).replace(tzinfo=UTC).timestamp()


def _prepare(change: Deletion, report: FileReport) -> None:
    if change.is_whole_file:
        if report.kind == "optuna":
            require_alone(change.path, change.study)
        require_closed(change.path)
        if report.kind == "optuna":
            settle_file(change.path)
    elif read_summary(change.path, change.study).counts["RUNNING"]:
        # Whoever runs these trials would write into a study that is gone.
        require_closed(change.path)


def list_trash(folder: Path) -> list[TrashEntry]:
    """Return what is in the trash of a folder, the latest deletion first."""
    with suppress(OSError):
        if link_on_the_way(folder / TRASH, folder) is not None:
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
    folder = entry.folder.parent.parent
    change = Restoration(folder, entry.file, entry.study, entry.folder.name, entry.is_whole_file)
    left = change.kept, change.folders[1]
    try:
        if any(map(os.path.lexists, left)) and change.is_begun():
            # A version without a journal was killed before all was back.
            with _held(change):
                change.finish()
        else:
            _require_room(change)
            with _held(change):
                carry_out(change)
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(entry.study)} cannot be restored: {safe_line(error.strerror)}."
        ) from error
    return change.path


def _held(change: Restoration) -> AbstractContextManager[None]:
    """Keep engines away from a study that comes back, also from its name in a file that is there.

    Raises:
        StudyBusyError: An engine runs it there.
        StudyFileError: The file has several names.
        OSError: It cannot be written.
    """
    if os.path.lexists(change.path):
        return name_held(change.path, change.study)
    return whole_file_held(change.kept)


def _require_room(change: Restoration) -> None:
    """Refuse what cannot be brought back.

    Raises:
        HptuiError: Something is in the way, or it is no longer in the trash.
    """
    if not os.path.lexists(change.kept):
        what = change.file if change.is_whole_file else change.study
        raise UsageError(f"{safe_line(what)} is no longer in the trash.")
    try:
        if change.is_whole_file or not os.path.lexists(change.path):
            require_free_study_file(change.path)
        else:
            require_writable(change.path)
        beside, kept_folder = change.folders
        if os.path.lexists(kept_folder):
            require_free_folder(beside)
    except StudyFileError as error:
        raise StudyFileError(error.message, hint="Rename that one first, then undo.") from error
    if not change.is_whole_file:
        require_readable(change.kept)

"""Giving studies other names, and making copies under other names."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.domain.study_name import check_study_name, fitting_name
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import folder_of
from hptui.engine.studies.changes import (
    LEASE,
    Change,
    carry_out,
    clear_away,
    follow,
    held_for,
    move_study_folder,
    name_from,
    study_from,
)
from hptui.engine.studies.held_study import require_free_folder
from hptui.errors import StudyBusyError, StudyFileError, UsageError
from hptui.storage.files.in_place import drop_second_name
from hptui.storage.files.moving import connect_for_writing, move_file, move_side_files, settle_file
from hptui.storage.files.open_files import require_closed
from hptui.storage.files.studies_folder import study_file
from hptui.storage.files.target import require_free_study_file
from hptui.storage.files.validation import require_writable
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.storage.read.studies import study_names
from hptui.storage.sqlite.connection import as_storage_error
from hptui.storage.transfer.copying import copy_study
from hptui.storage.transfer.study_rows import rename_study as rename_row
from hptui.storage.transfer.study_rows import study_id_of

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Renaming(Change):
    """A study gets another name; so does its file where that is called like it."""

    kind = "rename"

    folder: Path
    file: str
    study: str
    new_file: str
    """The same as `file` where that keeps its name."""
    new_study: str

    @classmethod
    def from_facts(cls, folder: Path, facts: Mapping[str, Any]) -> Renaming:
        """Return what a journal says.

        Raises:
            UsageError: It names no study.
            ValueError: It says nothing that is ever done.
            KeyError: Something is missing.
        """
        file, new_file = name_from(facts["file"]), name_from(facts["new_file"])
        study, new_study = study_from(facts["study"]), study_from(facts["new_study"])
        check_study_name(new_study)
        if file != new_file and new_file != f"{new_study}{Path(file).suffix}":
            raise ValueError(new_file)
        return cls(folder, file, study, new_file, new_study)

    @property
    def path(self) -> Path:
        """Where the file is at first."""
        return self.folder / self.file

    @property
    def target(self) -> Path:
        """Where the file is at the end."""
        return self.folder / self.new_file

    @property
    def _folders(self) -> tuple[Path, Path]:
        return folder_of(self.path, self.study), folder_of(self.target, self.new_study)

    def facts(self) -> dict[str, Any]:
        """Return what the journal keeps, besides the kind."""
        return {
            "file": self.file,
            "study": self.study,
            "new_file": self.new_file,
            "new_study": self.new_study,
        }

    def describe(self) -> str:
        """Return what is being done."""
        old, new = (safe_line(name, max_chars=60) for name in (self.study, self.new_study))
        return f"renaming {old} to {new}"

    def studies(self) -> list[StudyRef]:
        """Return the study, before and after."""
        return [StudyRef(self.path, self.study), StudyRef(self.target, self.new_study)]

    def takes_whole_file(self) -> bool:
        """Say whether the file gets another name, too."""
        return self.path != self.target

    def begin(self) -> None:
        """Prepare, and take the decisive step."""
        if self.path == self.target:
            _rename_row(self.path, self.study, self.new_study)
        else:
            settle_file(self.path)
            move_file(self.path, self.target)

    def is_begun(self) -> bool:
        """Whether the decisive step has been taken."""
        if self.path == self.target:
            return self.path.exists() and self._is_called(self.path, self.new_study, self.study)
        drop_second_name(self.path, self.target)
        return not os.path.lexists(self.path) and os.path.lexists(self.target)

    def finish(self) -> None:
        """Do what is left."""
        if self.path != self.target:
            move_side_files(self.path, self.target)
            _rename_row(self.target, self.study, self.new_study)
        move_study_folder(self.folder, *self._folders, with_others=self.path != self.target)
        # It tells of the old name; nobody would find it after a kill.
        for folder in self._folders:
            (folder / LEASE).unlink(missing_ok=True)
        clear_away(self._folders[0], self.folder)

    def take_back(self) -> None:
        """Make everything as it was."""
        if not self.is_begun():
            return
        old, new = self._folders
        move_study_folder(self.folder, new, old, with_others=self.path != self.target)
        if self.path == self.target or self._is_called(self.target, self.new_study, self.study):
            _rename_row(self.target, self.new_study, self.study)
        if self.path != self.target:
            require_closed(self.target)
            settle_file(self.target)
            move_file(self.target, self.path)

    def _is_called(self, path: Path, name: str, not_name: str) -> bool:
        names = study_names(path)
        return name in names and not_name not in names


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
        raise UsageError(f"It is already called {safe_line(new_name)}.")
    require_writable(path)
    names = require_study(path, study_name)
    require_no_link(path)
    is_with_file = names == [study_name] and path.stem == study_name
    new_file = f"{new_name}{path.suffix}" if is_with_file else path.name
    change = Renaming(path.parent, path.name, study_name, new_file, new_name)
    old, new = folder_of(path, study_name), folder_of(change.target, new_name)
    if is_with_file:
        require_free_study_file(change.target)
    require_free_folder(new)
    with held_for(change, StudyRef(path, study_name)) as claim:
        try:
            if is_with_file:
                require_alone(path, study_name)
                require_closed(path)
            carry_out(change)
        except OSError as error:
            raise StudyFileError(
                f"{safe_line(study_name)} cannot be renamed: {safe_line(error.strerror)}."
            ) from error
        finally:
            follow(claim, old, new)
    clear_away(old, path.parent)
    return change.target


def _rename_row(path: Path, study_name: str, new_name: str) -> None:
    # What a journal names may be any file.
    require_writable(path, check_budget_s=0.0)
    try:
        with closing(connect_for_writing(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            study_id = study_id_of(connection, study_name)
            if study_id is not None:
                rename_row(connection, study_id, new_name)
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


def duplicate_study(
    path: Path, study_name: str, new_name: str, *, folder: Path | None = None
) -> Path:
    """Copy a study to a file of its own; return the new file's path.

    The study may be running; trials that run now are failed ones in the copy. Logs and files of
    trials are not copied.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        new_name: The copy's name.
        folder: Where the copy is made; where None beside the study's file, or with the person's
            studies where that is a mirror.

    Raises:
        UsageError: The name is wrong or taken; there is no such study; the folder cannot be
            written.
        StudyBusyError: The file is locked.
    """
    check_study_name(new_name)
    require_study(path, study_name)
    target = study_file(folder or folder_for_new(path), new_name)
    require_free_study_file(target)
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
        if not os.path.lexists(study_file(folder, candidate)):
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


def require_alone(path: Path, study_name: str) -> None:
    """Refuse a file in which another study has begun meanwhile; the caller holds it.

    Raises:
        StudyBusyError: It has.
    """
    if not set(study_names(path)) <= {study_name}:
        raise StudyBusyError(
            f"{safe_line(path.name)} was just changed by another program.", hint="Try again."
        )


def require_no_link(path: Path) -> None:
    """Refuse a symbolic link: the file itself is elsewhere.

    Raises:
        StudyFileError: It is one; says where it leads.
    """
    if path.is_symlink():
        raise StudyFileError(
            f"{safe_line(path.name)} is a link to {safe_line(path.resolve())}.",
            hint="Use the file itself, in its own folder.",
        )

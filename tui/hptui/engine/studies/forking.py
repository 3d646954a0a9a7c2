"""Forks: new studies with the trials of another one that fit."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.domain.study_name import check_study_name
from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import folder_of
from hptui.engine.studies.held_study import name_held, require_free_folder
from hptui.engine.studies.renaming import require_study
from hptui.errors import StudyFileError, UsageError
from hptui.storage.files.staging import staging_folder
from hptui.storage.files.studies_folder import study_file
from hptui.storage.files.target import require_folder, require_free_study_file
from hptui.storage.files.validation import require_writable
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.storage.read.stored_spaces import read_latest_spaces
from hptui.storage.read.studies import study_names
from hptui.storage.read.study_facts import read_facts
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.sqlite.connection import as_storage_error
from hptui.storage.transfer.copying import extract_study, staged_file, take_in_file
from hptui.storage.transfer.fork_plan import plan_fork
from hptui.storage.transfer.fork_rows import make_fork
from hptui.storage.transfer.study_rows import rename_study, study_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Mapping
    from pathlib import Path

    from hptui.storage.read.study_reader import Progress
    from hptui.storage.transfer.fork_plan import ForkPlan, ForkRequest


@dataclass(frozen=True, slots=True, eq=False)
class Fork:
    """A fork that was made."""

    path: Path
    plan: ForkPlan


def preview_fork(
    path: Path,
    study_name: str,
    request: ForkRequest,
    *,
    on_progress: Progress | None = None,
) -> ForkPlan:
    """Return what a fork of a study as it is now would keep; nothing is written.

    Raises:
        UsageError: There is no such study, or the request does not suit it.
        StudyBusyError: The file is locked.
    """
    with StudyReader(path, study_name, on_progress=on_progress) as reader:
        reader.refresh()
        return plan_of(reader, request)


def plan_of(reader: StudyReader, request: ForkRequest) -> ForkPlan:
    """Return what a fork of a study that was read would keep.

    Raises:
        UsageError: The request does not suit it.
        StudyBusyError: The file is locked.
    """
    facts = read_facts(reader.path, reader.study_name, len(reader.trials.directions))
    space = read_latest_spaces(reader.path, reader.study_name)
    return plan_fork(reader, space, facts.metric_names, request)


def fork_study(
    path: Path,
    study_name: str,
    new_name: str,
    request: ForkRequest,
    *,
    target: Path | None = None,
    allow_empty: bool = False,
    on_progress: Progress | None = None,
) -> Fork:
    """Make a new study with the trials of another one that fit; that one is only read.

    It may be running: what is carried over is one moment of it. Trials are numbered anew in their
    order. Logs and files of trials stay where they are.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        new_name: The fork's name.
        request: In what the fork differs.
        target: The fork's file; one that is there gets another study. None for a file of its own
            beside the study's, or with the person's studies where that is a mirror.
        allow_empty: Whether a fork may have no trial.
        on_progress: Told how far the study is read.

    Raises:
        UsageError: A name is wrong or taken; there is no such study; the request does not suit
            it, or keeps nothing; the folder cannot be written.
        StudyBusyError: A file is locked.
    """
    require_study(path, study_name)
    with new_study(folder_for_new(path), new_name, target) as (draft, place):
        extract_study(path, study_name, draft)
        with StudyReader(draft, study_name, on_progress=on_progress) as reader:
            reader.refresh()
            plan = plan_of(reader, request)
        _require_kept(plan, allow_empty=allow_empty)

        def write(connection: sqlite3.Connection, study_id: int) -> None:
            make_fork(connection, study_id, reader, plan, request.edits, path)
            rename_study(connection, study_id, new_name)

        change_staged(draft, study_name, write)
    return Fork(place, plan)


def dry_fork(
    path: Path,
    study_name: str,
    new_name: str,
    request: ForkRequest,
    *,
    target: Path | None = None,
    allow_empty: bool = False,
) -> ForkPlan:
    """Return what `fork_study` would keep, or refuse what it refuses; nothing is written.

    Raises:
        HptuiError: As `fork_study` does.
    """
    require_study(path, study_name)
    check_new_study(folder_for_new(path), new_name, target)
    plan = preview_fork(path, study_name, request)
    _require_kept(plan, allow_empty=allow_empty)
    return plan


def _require_kept(plan: ForkPlan, *, allow_empty: bool) -> None:
    if not plan.n_kept and not allow_empty:
        raise nothing_kept(
            plan.left_out, hint="Change less, or make an empty study with --allow-empty."
        )


def nothing_kept(left_out: Mapping[str, int], *, hint: str) -> UsageError:
    """Return the error that no trial is left, with why."""
    why = ", ".join(f"{reason}: {count:,}" for reason, count in left_out.items())
    return UsageError(
        f"Nothing would be kept: {why or 'the study has no trial'}.",
        hint=hint,
    )


def check_new_study(folder: Path, new_name: str, target: Path | None) -> Path:
    """Return the file that a new study would be in, if it can be made there.

    Args:
        folder: Where a file of its own is made.
        new_name: The study's name.
        target: Another file; one that is there gets one more study.

    Raises:
        UsageError: The name is wrong or taken, or the folder cannot be written.
        StudyBusyError: `target` is locked.
    """
    check_study_name(new_name)
    if target is None or not target.exists():
        target = target or study_file(folder, new_name)
        require_free_study_file(target)
        require_free_folder(folder_of(target, new_name))
        require_folder(target)
        return target
    require_writable(target)
    if new_name in study_names(target):
        raise StudyFileError(
            f"{safe_line(target.name)} already holds a study {safe_line(new_name)!r}.",
            hint="Choose another name.",
        )
    require_free_folder(folder_of(target, new_name))
    return target


@contextmanager
def new_study(folder: Path, new_name: str, target: Path | None) -> Generator[tuple[Path, Path]]:
    """Yield a path for a file with one new study, and where the study will be.

    When the block has succeeded, the study is there; when it has not, nothing has changed.
    Arguments and errors are those of `check_new_study`.
    """
    target = check_new_study(folder, new_name, target)
    if not target.exists():
        with staged_file(target, overwrite=False) as draft:
            yield draft, target
        return
    try:
        with staging_folder(target) as scratch:
            draft = scratch / "new"
            yield draft, target
            with name_held(target, new_name):
                take_in_file(target, draft, new_name)
    except OSError as error:
        raise StudyFileError(
            f"{safe_line(target.parent)} cannot be written: {safe_line(error.strerror)}."
        ) from error


def change_staged(
    draft: Path, study_name: str, change: Callable[[sqlite3.Connection, int], None]
) -> None:
    """Change the rows of a study in a file that nobody else knows, in one transaction.

    Raises:
        HptuiError: The disk refuses.
    """
    try:
        with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
            connection.execute("PRAGMA synchronous = OFF")
            connection.execute("PRAGMA temp_store = MEMORY")
            connection.execute("BEGIN")
            change(connection, study_id_of(connection, study_name) or 0)
            connection.execute("COMMIT")
            connection.execute("VACUUM")
    except sqlite3.Error as error:
        raise as_storage_error(error, draft) from error

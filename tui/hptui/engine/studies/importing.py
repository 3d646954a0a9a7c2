"""Taking trials from a file of text into a study: as results, or to be tried."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hptui.domain.study_name import check_study_name
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.readable import by_count, plural
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.studies.forking import check_new_study, new_study, nothing_kept
from hptui.engine.studies.held_study import locked_study, require_unlocked
from hptui.engine.studies.renaming import require_study
from hptui.errors import StudyBusyError, UsageError
from hptui.storage.files.moving import connect_for_writing
from hptui.storage.files.validation import require_writable
from hptui.storage.read.stored_spaces import read_latest_spaces
from hptui.storage.read.studies import read_summary
from hptui.storage.read.study_facts import read_facts
from hptui.storage.sqlite.connection import as_storage_error
from hptui.storage.transfer.import_file import read_import_file
from hptui.storage.transfer.import_known import THERE, read_rows_there
from hptui.storage.transfer.import_plan import ImportPlan, Known, plan_import
from hptui.storage.transfer.import_rows import add_trials, create_study, origins_of, params_to_try
from hptui.storage.transfer.study_rows import study_id_of

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.transfer.import_request import ImportRequest


@dataclass(frozen=True, slots=True, eq=False)
class Imported:
    """What was taken from a file."""

    path: Path
    """The study's file."""
    plan: ImportPlan


def preview_import(file: Path, request: ImportRequest, into: StudyRef | None) -> ImportPlan:
    """Return what would come of a file; nothing is written.

    Args:
        file: The file.
        request: How to read it.
        into: The study's file and name, None for a new study.

    Raises:
        UsageError: The file is not what it must be; says where.
    """
    known = None if into is None else _known(*into)
    return plan_import(read_import_file(file), request, known)


def _known(path: Path, study_name: str) -> Known:
    require_study(path, study_name)
    directions = read_summary(path, study_name).directions
    facts = read_facts(path, study_name, len(directions))
    space = read_latest_spaces(path, study_name)
    return Known(directions, space, facts.metric_names, read_rows_there(path, study_name))


def dry_import_into_new(
    file: Path, request: ImportRequest, new_name: str, *, folder: Path, target: Path | None = None
) -> ImportPlan:
    """Return what `import_into_new` would take, or refuse what it refuses; nothing is written.

    Raises:
        HptuiError: As `import_into_new` does.
    """
    plan = _checked(preview_import(file, request, None), file, new_name)
    require_room_for_new(new_name, folder=folder, target=target)
    return plan


def require_room_for_new(new_name: str, *, folder: Path, target: Path | None = None) -> None:
    """Refuse a new study that cannot be made.

    Raises:
        HptuiError: The name is wrong or taken, or the folder cannot be written.
    """
    if target is not None or folder.exists():
        check_new_study(folder, new_name, target)
    else:
        # It is made with all that is missing above it.
        check_study_name(new_name)


def import_into_new(
    file: Path, request: ImportRequest, new_name: str, *, folder: Path, target: Path | None = None
) -> Imported:
    """Make a new study of the trials in a file.

    Args:
        file: The file.
        request: How to read it.
        new_name: The study's name.
        folder: Where its file is made.
        target: Another file; one that is there gets one more study.

    Raises:
        UsageError: The file is not what it must be, or nothing would be taken; the name is wrong
            or taken; the folder cannot be written.
    """
    plan = dry_import_into_new(file, request, new_name, folder=folder, target=target)
    if target is None:
        folder.mkdir(parents=True, exist_ok=True)
    with new_study(folder, new_name, target) as (draft, place):
        try:
            with closing(sqlite3.connect(draft, isolation_level=None)) as connection:
                connection.execute("PRAGMA synchronous = OFF")
                study_id = create_study(connection, new_name, plan, file.name)
                connection.execute("BEGIN")
                add_trials(connection, study_id, plan, file.name)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise as_storage_error(error, place) from error
    return Imported(place, plan)


def dry_import_into(file: Path, request: ImportRequest, path: Path, study_name: str) -> ImportPlan:
    """Return what `import_into` would take, or refuse what it refuses; nothing is written.

    Raises:
        HptuiError: As `import_into` does.
    """
    require_open_to(request, path, study_name)
    return _checked(preview_import(file, request, StudyRef(path, study_name)), file, study_name)


def require_open_to(request: ImportRequest, path: Path, study_name: str) -> None:
    """Refuse a study that takes no trials now, or not of this kind.

    Raises:
        HptuiError: There is no such study, its file cannot be written, or an engine runs it.
    """
    if running_engine(path, study_name) is None:
        require_study(path, study_name)
        require_writable(path)
        require_unlocked(path, study_name)
    elif not request.as_waiting:
        raise StudyBusyError(
            f"{safe_line(study_name)} runs now, so no results can be added.",
            hint="Stop it first, or import parameters to try: --as waiting.",
        )


def import_into(file: Path, request: ImportRequest, path: Path, study_name: str) -> Imported:
    """Add the trials in a file to a study, all or none; rows that it has already are left out.

    Where an engine runs the study, trials that are to be tried are handed to it.

    Raises:
        UsageError: The file is not what it must be, or nothing would be taken; there is no such
            study, or its file cannot be written.
        StudyBusyError: An engine runs the study, and results are to be added; or the file is
            locked.
    """
    if running_engine(path, study_name) is not None:
        plan = dry_import_into(file, request, path, study_name)
        ask_engine(path, study_name, {"op": "enqueue_rows", "rows": _rows_to_try(plan, file.name)})
        return Imported(path, plan)
    require_study(path, study_name)
    require_writable(path)
    with locked_study(path, study_name):
        # Nobody else adds the same rows between the look and the writing.
        plan = _checked(preview_import(file, request, StudyRef(path, study_name)), file, study_name)
        try:
            with closing(connect_for_writing(path)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                add_trials(connection, study_id_of(connection, study_name) or 0, plan, file.name)
                connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise as_storage_error(error, path) from error
    return Imported(path, plan)


def _rows_to_try(plan: ImportPlan, file_name: str) -> list[dict[str, Any]]:
    return [
        {
            "params": params_to_try(trial, plan.space),
            "user_attrs": dict(trial.attributes),
            "origin": origin,
        }
        for trial, origin in zip(plan.trials, origins_of(plan, file_name), strict=True)
    ]


def _checked(plan: ImportPlan, file: Path, study_name: str) -> ImportPlan:
    """Return a plan by which something is taken.

    Raises:
        UsageError: Nothing is; says why.
    """
    if plan.trials:
        return plan
    n_rows, n_there = sum(plan.left_out.values()), plan.n_there
    if not n_there:
        raise nothing_kept(plan.left_out, hint="Check the file, or give another study or space.")
    others = {reason: count for reason, count in plan.left_out.items() if reason != THERE}
    rest = ", ".join(f"{reason}: {count:,}" for reason, count in others.items())
    rows = plural(n_rows, "row")
    which = f"All {rows}" if not others else f"{n_there:,} of {rows}"
    if n_rows == 1:
        which = "The one row"
    raise UsageError(
        f"{which} of {safe_line(file.name)} {by_count(n_there, 'is', 'are')} in "
        f"{safe_line(study_name)} already{f'; left out too: {rest}' if rest else ''}.",
        hint="There is nothing new to import. --again imports the rows again.",
    )

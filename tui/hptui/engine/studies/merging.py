"""Merging studies of the same objective into a new one."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.domain.study_ref import StudyRef
from hptui.engine.studies.forking import change_staged, check_new_study, new_study, nothing_kept
from hptui.engine.studies.renaming import require_study
from hptui.errors import UsageError
from hptui.registry.same_objective import Tuned, difference
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.storage.read.stored_spaces import read_latest_spaces
from hptui.storage.read.study_facts import read_facts
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.transfer.copying import extract_study, take_in_file
from hptui.storage.transfer.fork_rows import (
    keep_trials,
    note_edited,
    order_trial_ids,
    put_params,
    put_study_facts,
    settle_runs,
    tell_origin,
)
from hptui.storage.transfer.merge_plan import MergePlan, Share, Source, plan_merge
from hptui.storage.transfer.study_rows import delete_study, rename_study, study_id_of
from hptui.storage.transfer.trial_origin import leave_sampler_state, replace_trial_numbers

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hptui.storage.read.study_reader import Progress

"""A study's file and its name there."""


@dataclass(frozen=True, slots=True, eq=False)
class Merged:
    """A study that was made of others."""

    path: Path
    plan: MergePlan


def preview_merge(
    places: Sequence[StudyRef], *, any_objective: bool = False, on_progress: Progress | None = None
) -> MergePlan:
    """Return what merging studies as they are now would keep; nothing is written.

    Raises:
        UsageError: There is no such study, or they cannot be one.
        StudyBusyError: A file is locked.
    """
    _check_places(places)
    with ExitStack() as stack:
        return _plan(places, stack, any_objective=any_objective, on_progress=on_progress)


def merge_studies(
    places: Sequence[StudyRef],
    new_name: str,
    *,
    target: Path | None = None,
    any_objective: bool = False,
    on_progress: Progress | None = None,
) -> Merged:
    """Make a new study with the trials of others, ordered by their start; those are only read.

    A trial that several of them have, as after a fork, is taken once. What parameters are says the
    first study; of the others it gets the attributes that it has not.

    Args:
        places: The studies, which may be running.
        new_name: The new study's name.
        target: Its file; one that is there gets one more study. None for a file of its own beside
            the first study's.
        any_objective: Whether they may tune different objectives.
        on_progress: Told how far a study is read.

    Raises:
        UsageError: A name is wrong or taken; there is no such study; they cannot be one, or
            nothing would be kept; the folder cannot be written.
        StudyBusyError: A file is locked.
    """
    _check_places(places)
    with (
        new_study(folder_for_new(places[0][0]), new_name, target) as (draft, path),
        ExitStack() as stack,
    ):
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="parts-", dir=draft.parent))
        )
        drafts = [draft, *(folder / f"{index}" for index in range(1, len(places)))]
        for each, (source, study_name) in zip(drafts, places, strict=True):
            extract_study(source, study_name, each)
        copies = [StudyRef(each, name) for each, (_, name) in zip(drafts, places, strict=True)]
        plan = _plan(copies, stack, any_objective=any_objective, on_progress=on_progress)
        _require_kept(plan)
        for share in plan.shares:
            share.source.reader.close()
        _join(drafts, places, plan, new_name)
    return Merged(path, plan)


def dry_merge(
    places: Sequence[StudyRef],
    new_name: str,
    *,
    target: Path | None = None,
    any_objective: bool = False,
) -> MergePlan:
    """Return what `merge_studies` would keep, or refuse what it refuses; nothing is written.

    Raises:
        HptuiError: As `merge_studies` does.
    """
    _check_places(places)
    check_new_study(folder_for_new(places[0][0]), new_name, target)
    plan = preview_merge(places, any_objective=any_objective)
    _require_kept(plan)
    return plan


def _require_kept(plan: MergePlan) -> None:
    if not plan.n_kept:
        raise nothing_kept(plan.left_out, hint="Merge studies whose trials have ended.")


def _check_places(places: Sequence[StudyRef]) -> None:
    if len(places) < 2:  # noqa: PLR2004 - one is no merge
        raise UsageError("One study cannot be merged.", hint="Give two or more.")
    for path, name in places:
        require_study(path, name)
    if len({(path.resolve(), name) for path, name in places}) < len(places):
        raise UsageError("Name each study once.", hint="Give each study once.")


def _plan(
    places: Sequence[StudyRef],
    stack: ExitStack,
    *,
    any_objective: bool,
    on_progress: Progress | None,
) -> MergePlan:
    sources: list[Source] = []
    for path, name in places:
        reader = stack.enter_context(StudyReader(path, name, on_progress=on_progress))
        reader.refresh()
        facts = read_facts(path, name, len(reader.trials.directions))
        sources.append(Source(reader, facts, read_latest_spaces(path, name)))
    plan = plan_merge(sources)
    first = _tuned(sources[0])
    for other in () if any_objective else map(_tuned, sources[1:]):
        told = difference(first, other) if first is not None and other is not None else ""
        if told:
            raise UsageError(
                told, hint="If their values mean the same, --any-objective merges them anyway."
            )
    return plan


def _tuned(source: Source) -> Tuned | None:
    """Return what a study tunes; None where hptui has not run it."""
    facts = source.facts
    if facts.objective is None:
        return None
    last = facts.runs[-1] if facts.runs else None
    return Tuned(
        source.name,
        facts.objective,
        facts.code_file,
        "" if last is None else last.place.folder,
        "" if last is None else last.code_sha,
    )


def _join(
    drafts: Sequence[Path], places: Sequence[StudyRef], plan: MergePlan, new_name: str
) -> None:
    """Make one study of the copies, in the first one's file."""
    whole = drafts[0]
    # No name of a study that becomes a file's holds a slash, so these are free.
    names = [new_name, *(f"{new_name}/{index}" for index in range(1, len(drafts)))]
    for draft, share, name in zip(drafts, plan.shares, names, strict=True):
        _prepare(draft, share, name)
    for draft, name in zip(drafts[1:], names[1:], strict=True):
        take_in_file(whole, draft, name)
    origin = [{"study": name, "file": path.name} for path, name in places]

    def join(connection: sqlite3.Connection, study_id: int) -> None:
        for name in names[1:]:
            _move_rows(connection, study_id_of(connection, name) or 0, study_id)
        order_trial_ids(connection, study_id)
        put_study_facts(connection, study_id, origin)
        note_edited(connection, study_id, plan.differing)
        settle_runs(connection, study_id, len(plan.shares[0].source.reader.trials.directions))
        leave_sampler_state(connection, study_id)

    change_staged(whole, new_name, join)


def _prepare(draft: Path, share: Share, name: str) -> None:
    reader = share.source.reader
    ids = reader.trials.trial_ids[share.rows].tolist()
    numbers = share.numbers.tolist()

    def prepare(connection: sqlite3.Connection, study_id: int) -> None:
        keep_trials(connection, study_id, dict(zip(ids, numbers, strict=True)))
        tell_origin(connection, reader.study_name)
        old = reader.trials.numbers[share.rows].tolist()
        replace_trial_numbers(connection, dict(zip(old, numbers, strict=True)))
        put_params(connection, reader, share.rows, share.fits)
        rename_study(connection, study_id, name)

    change_staged(draft, reader.study_name, prepare)


def _move_rows(connection: sqlite3.Connection, study_id: int, target_id: int) -> None:
    """Make trials of one study those of another, with their notes; what is left of it goes."""
    connection.execute("UPDATE trials SET study_id = ? WHERE study_id = ?", (target_id, study_id))
    for kind, which in (("user", "true"), ("system", "key GLOB 'dashboard:[0-9]*'")):
        connection.execute(
            f"UPDATE OR IGNORE study_{kind}_attributes SET study_id = ? "
            f"WHERE study_id = ? AND {which}",
            (target_id, study_id),
        )
    delete_study(connection, study_id)

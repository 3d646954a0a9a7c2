"""What `hptui run` takes from the latest run of its study, and in what it differs from that."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from hptui.domain.run_place import NOWHERE, differences
from hptui.domain.spaces.edits import edits_from_json
from hptui.domain.spaces.edits_since import edits_text
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, ObjectiveError, UsageError
from hptui.registry.catalogue import with_arguments
from hptui.registry.commands.typed_command import place_of_trials
from hptui.registry.known_code import unknown_code
from hptui.registry.loading.arguments import differing_arguments, show_arguments
from hptui.registry.same_objective import is_same_objective
from hptui.storage.files.validation import require_readable
from hptui.storage.read.study_facts import read_facts

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from hptui.registry.catalogue import FoundObjective
    from hptui.registry.loading.arguments import Pairs
    from hptui.registry.loading.other_python import OtherPython
    from hptui.storage.read.study_facts import StudyFacts


def facts_before(study_file: Path, study: str) -> StudyFacts | None:
    """Return what is known of the study that a run goes on with; None where that is nothing."""
    try:
        if study_file.exists():
            require_readable(study_file, check_budget_s=0.0)
            return read_facts(study_file, study, 1)
    except (HptuiError, OSError):
        # There is no such study, or the engine says what is wrong with it.
        pass
    return None


def old_edits(facts: StudyFacts, named: Collection[str]) -> list[str]:
    """Return a sentence on the edits that hold already, but for the parameters that are `named`."""
    try:
        edits = edits_from_json(facts.edits or {})
    except HptuiError:
        # The engine says that they are damaged.
        return []
    left = {name: edit for name, edit in edits.items() if name not in named}
    if not left:
        return []
    return [f"Edits in force: {edits_text(left, facts.since)}. --reset NAME undoes one."]


def with_last_arguments(
    found: FoundObjective,
    facts: StudyFacts,
    study_file: Path,
    study: str,
    python: OtherPython | None,
    *,
    is_any: bool,
) -> tuple[FoundObjective, list[str]]:
    """Return an objective with the arguments of the study's latest run, unless it has its own.

    Args:
        found: The objective, with what was given by `--arg`.
        facts: What is known of the study.
        study_file: The study's file.
        study: The study's name.
        python: The Python of workers, where it is not this process's.
        is_any: Whether the study may go on with other arguments; then only what must be given is
            taken over.

    Returns:
        The objective, and sentences that say what was taken over and what differs.

    Raises:
        UsageError: Only the study names the arguments; the hint says what to type.
        ObjectiveError: They do not fit the objective any more.
    """
    notes: list[str] = []
    was = facts.objective
    here = place_of_trials(found.ref)
    if python is not None:
        here = python.at(here)
    before = facts.runs[-1].place if facts.runs else NOWHERE
    if was is not None and was.arguments != found.ref.arguments:
        is_same = is_same_objective(was, found.ref, folders=(before.folder, here.folder))
        if is_same and not found.ref.arguments and (found.lacks_arguments or not is_any):
            found = _with_stored(found, was.arguments)
            if unknown_code(found.ref, study_file, study) is not None:
                raise UsageError(
                    f"Only the study names these arguments: {show_arguments(was.arguments)}.",
                    hint="Pass them with --arg if you want them.",
                )
            notes.append(f"Arguments of the last run: {show_arguments(was.arguments)}.")
        elif is_same:
            had, has = differing_arguments(
                was.arguments, found.ref.arguments, found.info, (before.folder, here.folder)
            )
            if had or has:
                notes.append(
                    f"{safe_line(study)} has trials with {show_arguments(had) or 'defaults'}; "
                    f"this run has {show_arguments(has) or 'defaults'}."
                )
    return found, [*notes, *differences(before, here, _offer_folder, _offer_python)]


def _offer_folder(folder: str) -> str:
    # The option takes a quoted tilde as well.
    is_plain = shlex.quote(folder.removeprefix("~/")) == folder.removeprefix("~/")
    return f"--cwd {folder if is_plain else shlex.quote(folder)} runs it there."


def _offer_python(python: str) -> str:
    return f"--python {safe_line(shlex.quote(python))} uses it again."


def _with_stored(found: FoundObjective, stored: Pairs) -> FoundObjective:
    try:
        return with_arguments(found, stored)
    except ObjectiveError as error:
        raise ObjectiveError(
            f"The last run's arguments no longer fit: {error.message}",
            hint=f"{error.hint} Pass others with --arg; --any-objective continues the study with "
            "them.",
        ) from error

"""What a set-up begins with, read from files; every function here may take its time."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from hptui.domain.objective import ObjectiveInfo
from hptui.domain.run_place import NOWHERE, RunPlace, short_path
from hptui.domain.spaces.edits import edits_from_json
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import running_engine
from hptui.errors import HptuiError, ObjectiveError
from hptui.registry.catalogue import (
    FoundObjective,
    find_objectives,
    found_command,
    resolve,
    with_arguments,
)
from hptui.registry.commands.command import CommandSpec
from hptui.registry.commands.typed_command import typed_command
from hptui.registry.known_code import (
    UnknownCode,
    has_run_in,
    is_known_far,
    is_known_python,
    unknown_code,
)
from hptui.registry.loading.arguments import differing_arguments, split_typed
from hptui.registry.same_objective import is_same_objective
from hptui.storage.files.studies_folder import study_files
from hptui.storage.read.stored_spaces import read_latest_spaces
from hptui.storage.read.studies import study_names
from hptui.storage.read.study_detail import read_study
from hptui.ui.setup.far_fields import texts_of_far
from hptui.ui.setup.resource_fields import (
    RESOURCE_KEYS,
    core_count,
    lost_variables,
    texts_of_record,
)
from hptui.ui.setup.run_draft import BACKENDS_HERE, RunDraft
from hptui.ui.setup.setup_draft import Methods, SetupDraft, StudyPlace, place_of, spell_objective
from hptui.ui.setup.space_draft import SpaceDraft

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.objective import ObjectiveRef
    from hptui.storage.read.study_detail import RunRecord
    from hptui.ui.setup.run_draft import RunKey

_PACKAGES: Final[Mapping[str, tuple[tuple[str, ...], str]]] = {
    "cmaes": (("cmaes",), "cmaes"),
    "gp": (("torch", "scipy"), "gp"),
    "qmc": (("scipy",), "gp"),
}


class ArgumentsMissingError(ObjectiveError):
    """An objective needs arguments that were not given."""


class StudyAddress(Protocol):
    """Whatever says which study is meant."""

    @property
    def path(self) -> Path:
        """The study's file."""
        ...

    @property
    def name(self) -> str:
        """The study's name."""
        ...


@dataclass(frozen=True, slots=True)
class Opened:
    """A draft to begin with, and what could not be read for it."""

    draft: SetupDraft
    objectives: tuple[FoundObjective, ...] = ()
    """All that can be picked."""
    trouble: str = ""
    """A sentence; empty when all is well."""
    hint: str = ""
    defaults: Mapping[str, int | float | str] = field(
        default_factory=dict[str, "int | float | str"]
    )
    unknown: UnknownCode | None = None
    """Code that only the study names, to be asked about before anything of it is imported."""

    def without_objective(self) -> Opened:
        """Return it with no objective chosen."""
        draft = replace(self.draft, ref=None, objective="", info=ObjectiveInfo(""))
        return replace(self, draft=draft, unknown=None)


def open_draft(
    place: StudyPlace,
    ref: ObjectiveRef | None,
    study: StudyAddress | None,
    defaults: Mapping[str, int | float | str],
) -> Opened:
    """Return the draft that the set-up screen begins with.

    Args:
        place: Where new studies go.
        ref: The objective, where a person chose it; otherwise a study names its own.
        study: The study to run again; None for a new one.
        defaults: The person's settings for new runs.
    """
    objectives = tuple(find_objectives())
    run = RunDraft.start(core_count(), defaults)
    draft = SetupDraft(place, run=run, missing_packages=missing_packages())
    try:
        if study is not None:
            return _open_existing(draft, study, ref, objectives, defaults)
        draft = replace(draft, run=replace(run, taken=taken_names(place)))
        opened = Opened(draft, objectives, defaults=defaults)
        return opened if ref is None else with_ref(opened, ref)
    except HptuiError as error:
        return Opened(draft, objectives, error.message, error.hint, defaults)


def _open_existing(
    draft: SetupDraft,
    study: StudyAddress,
    ref: ObjectiveRef | None,
    objectives: tuple[FoundObjective, ...],
    defaults: Mapping[str, int | float | str],
) -> Opened:
    detail = read_study(study.path, study.name)
    summary = detail.summary
    is_running = running_engine(study.path, study.name) is not None
    in_force = edits_from_json(detail.edits)
    latest = detail.runs[-1] if detail.runs else None
    texts = {**draft.run.texts, "name": study.name}
    if latest is not None and latest.workers:
        texts["workers"] = str(latest.workers)
    last_far = None if latest is None else latest.far
    takes_far = last_far is not None and is_known_far(last_far)
    if last_far is not None and takes_far:
        texts |= texts_of_far(last_far)
    elif latest is not None and latest.backend in BACKENDS_HERE:
        texts["backend"] = latest.backend
    if latest is not None and latest.asks_ahead:
        texts["ask-ahead"] = "yes"
    if latest is not None:
        texts = {key: text for key, text in texts.items() if key not in RESOURCE_KEYS}
        texts |= texts_of_record(latest.resources)
    last_python, last_repeat = _last_python(latest), 1 if latest is None else latest.repeat
    if last_python:
        texts["python"] = last_python
    if last_repeat > 1:
        texts["repeat"] = str(last_repeat)
    run = replace(
        draft.run,
        texts=texts,
        directions=summary.directions,
        declared=summary.directions,
        is_existing=True,
        last_python=last_python,
        last_far=last_far,
        takes_far=takes_far,
        last_repeat=last_repeat,
        last_variables=() if latest is None else lost_variables(latest.resources),
        n_stale_trials=0 if is_running else summary.counts.get("STALE", 0),
    ).with_prepared(detail.prepared)
    space = SpaceDraft(
        edits=in_force, in_force=in_force, stored=read_latest_spaces(study.path, study.name)
    )
    draft = replace(
        draft,
        last_place=NOWHERE if latest is None else latest.place,
        place=place_of(study.path, study.name),
        run=run,
        space=space,
        is_running=is_running,
        tuned=summary.objective if summary.n_trials else None,
    )
    opened = Opened(draft, objectives, defaults=defaults)
    known = ref or summary.objective
    if known is None:
        return opened
    opened = with_ref(
        opened, known, None if latest is None else Methods(latest.sampler, latest.pruner)
    )
    opened = _in_last_folder(opened)
    if ref is not None or opened.trouble or opened.draft.ref is None:
        return opened
    return replace(opened, unknown=unknown_code(opened.draft.ref, study.path, study.name))


def _last_python(latest: RunRecord | None) -> str:
    """Return the Python that a run takes from the last one; empty where it takes its own."""
    if latest is None or not latest.place.is_other or not is_known_python(latest.place.python):
        return ""
    return latest.place.python if os.path.isfile(latest.place.python) else ""  # noqa: PTH113


def _in_last_folder(opened: Opened) -> Opened:
    """Return the draft that runs where the last run did, if this person has run it there."""
    draft, folder = opened.draft, opened.draft.last_place.folder
    if not folder or folder == RunPlace.here().folder or not os.path.isdir(folder):  # noqa: PTH112
        return opened
    if draft.ref is None:
        hint = f"{opened.hint} The last run ran in {short_path(folder)}; start hptui there."
        return replace(opened, hint=hint.strip()) if opened.trouble else opened
    if draft.ref.kind == "command" or not has_run_in(draft.ref, folder):
        return opened
    short = short_path(folder)
    texts: dict[RunKey, str] = {
        "folder": short if os.path.expanduser(short) == folder else folder  # noqa: PTH111
    }
    run = replace(draft.run, texts={**draft.run.texts, **texts})
    return replace(opened, draft=replace(draft, run=run))


def with_ref(opened: Opened, ref: ObjectiveRef, latest: Methods | None = None) -> Opened:
    """Return the draft for an objective whose code stands at `ref`; see `with_found`."""
    try:
        found = with_arguments(_find(ref), ref.arguments)
    except HptuiError as error:
        return replace(opened, trouble=error.message, hint=error.hint)
    return with_found(opened, found, latest=latest)


def with_text(opened: Opened, text: str) -> Opened:
    """Return the draft for what a person typed: an objective with `--arg` for its arguments.

    Of a script, `--study-of` and what follows ` -- ` are what they are for `hptui run`.

    Raises:
        UsageError: The arguments are not `--arg NAME=VALUE`.
        ObjectiveError: There is none, or several, or its arguments do not fit or are missing.
    """
    command = typed_command(text, Path.cwd())
    if command is not None:
        return with_found(opened, found_command(command), typed=text)
    text, argv = split_arguments(text)
    text, _, study_of = text.partition(" --study-of ")
    objective, given = split_typed(text)
    chosen = resolve(objective, Path.cwd(), argv=argv, study_of=study_of.strip())
    found = with_arguments(chosen, given)
    if found.lacks_arguments:
        raise ArgumentsMissingError(f"{objective}: {found.problem}.", hint=found.hint)
    return with_found(opened, found, typed=objective)


def split_arguments(text: str) -> tuple[str, list[str] | None]:
    """Return what stands before ` -- ` in a text, and the arguments after it; None without it.

    Raises:
        ObjectiveError: A quotation mark in the arguments is not closed.
    """
    path, dashes, rest = f"{text} ".partition(" -- ")
    if not dashes:
        return text, None
    try:
        return path.strip(), shlex.split(rest)
    except ValueError as error:
        raise ObjectiveError(
            f"The arguments {safe_line(rest.strip(), max_chars=60)} cannot be read: {error}."
        ) from error


def with_found(
    opened: Opened, found: FoundObjective, *, typed: str = "", latest: Methods | None = None
) -> Opened:
    """Return the draft for an objective that was found.

    Args:
        opened: What is open.
        found: The objective.
        typed: What a person typed for it.
        latest: What the study's latest run used.
    """
    spelled = spell_objective(found.ref, typed or _typeable(found.ref))
    wished = Methods(
        str(opened.defaults.get("sampler", "")), str(opened.defaults.get("pruner", ""))
    )
    draft = opened.draft.with_objective(
        found.ref, found.info, spelled, latest=latest, wished=wished
    )
    return replace(opened, draft=draft, trouble=found.problem, hint=found.hint)


def is_another(draft: SetupDraft) -> bool:
    """Say whether the study holds trials of another objective, or with other arguments."""
    if draft.tuned is None or draft.ref is None:
        return False
    was, now = draft.tuned.arguments, draft.ref.arguments
    is_different = any(differing_arguments(was, now, draft.info))
    return is_different or not is_same_objective(draft.tuned, draft.ref)


def taken_names(place: StudyPlace) -> frozenset[str]:
    """Return the names that a new study cannot have."""
    if place.file is not None:
        return frozenset(study_names(place.file)) if place.file.exists() else frozenset()
    folder = place.folder
    return frozenset(path.stem for path in study_files(folder)) if folder else frozenset()


def missing_packages() -> dict[str, str]:
    """Return, by a sampler's name, why it cannot be used here."""
    missing: dict[str, str] = {}
    for name, (packages, extra) in _PACKAGES.items():
        absent = [each for each in packages if importlib.util.find_spec(each) is None]
        if absent:
            missing[name] = f"It needs {' and '.join(absent)}: pip install 'hptui[{extra}]'."
    return missing


def _find(ref: ObjectiveRef) -> FoundObjective:
    """Return an objective by its reference, whatever it is called today."""
    if ref.kind == "command":
        return _find_command(ref)
    try:
        found = _resolve_like(ref, ref.name)
        if _is_same(found.ref, ref):
            return found
    except ObjectiveError:
        pass
    return _resolve_like(ref, spell_objective(ref))


def _resolve_like(ref: ObjectiveRef, text: str) -> FoundObjective:
    """Find what a text stands for, with the arguments of a script."""
    argv = ref.argv if ref.kind == "script" else None
    study_of = ref.attribute if ref.kind == "script" else ""
    return resolve(text, Path.cwd(), argv=argv, study_of=study_of)


def _find_command(ref: ObjectiveRef) -> FoundObjective:
    """Return a command as its file describes it today, else as the reference has it."""
    spec = CommandSpec.of(ref)
    if spec.file:
        with contextlib.suppress(ObjectiveError):
            found = resolve(ref.name, Path.cwd())
            if found.ref.kind == "command" and CommandSpec.of(found.ref).file == spec.file:
                return found
    return found_command(spec, ref.name)


def _typeable(ref: ObjectiveRef) -> str:
    """Return the objective's name where it means the objective here, else nothing."""
    try:
        return ref.name if _is_same(_resolve_like(ref, ref.name).ref, ref) else ""
    except ObjectiveError:
        return ""


def _is_same(one: ObjectiveRef, other: ObjectiveRef) -> bool:
    marks = [(each.kind, each.target, each.attribute, each.argv) for each in (one, other)]
    return marks[0] == marks[1]

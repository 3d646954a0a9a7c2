"""What was typed after `hptui run`, as a plan: all is checked, and nothing written."""

from __future__ import annotations

import contextlib
import json
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.cli.options.command_options import find, trial_folder
from hptui.cli.options.far_options import as_in_last_run, far_of, far_slots
from hptui.cli.options.locate import (
    address_of,
    list_names,
    storage_file,
    studies_folder,
)
from hptui.cli.options.mirrored import file_of_run, name_on_server, server_of
from hptui.cli.options.python_option import python_of
from hptui.cli.options.run_following import following_of
from hptui.cli.options.run_resources import resources_of, workers_of
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.resources import unused_text
from hptui.domain.spaces.choice_lists import parse_choices_option
from hptui.domain.spaces.edits import (
    ParamEdit,
    merge_edits,
    parse_fix_option,
    parse_space_option,
    read_space_file,
)
from hptui.domain.study_name import check_study_name, default_study_name
from hptui.domain.texts.readable import plural
from hptui.domain.texts.run_text import (
    DEFAULT_TRIALS,
)
from hptui.domain.texts.script_text import not_taken_over
from hptui.domain.texts.text import escape_line, safe_line
from hptui.errors import HptuiError, ObjectiveError, UsageError
from hptui.storage.files.studies_folder import study_file

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from hptui.domain.far_workers import FarWorkers
    from hptui.domain.methods.options import MethodSpec
    from hptui.domain.objective import ObjectiveRef
    from hptui.engine.run.start.plan import RunPlan
    from hptui.engine.workers.worker_kinds import Backend
    from hptui.registry.catalogue import FoundObjective
    from hptui.storage.mirror.address import SourceAddress

_KILLING_S = 2.0
"""What a worker may take to kill what has not ended in its grace."""


def _located(spec: MethodSpec) -> MethodSpec:
    """Return a sampler or pruner; what is typed of the person's own is theirs to run."""
    from hptui.domain.methods.own_method import is_own

    if not is_own(spec.name):
        return spec
    from hptui.registry.own_methods import agree_to, located

    found = located(spec, Path.cwd())
    agree_to(found, Path.cwd())
    return found


def make_plan(args: argparse.Namespace) -> RunPlan:
    """Return the plan that the options describe.

    Raises:
        HptuiError: An option is wrong; nothing has been written.
    """
    found = find(args)
    edits = _edits(args)
    enqueue = tuple(_params(text) for text in args.enqueue)
    from hptui.domain.methods.asked_methods import parse_pruner, parse_sampler

    sampler = None if args.sampler is None else str(_located(parse_sampler(args.sampler)))
    pruner = None if args.pruner is None else str(_located(parse_pruner(args.pruner)))
    from hptui.cli.output.last_run import facts_before, old_edits, with_last_arguments
    from hptui.registry.catalogue import with_arguments
    from hptui.registry.loading.arguments import read_arguments

    folder = trial_folder(args)
    with contextlib.chdir(folder):
        found = with_arguments(found, read_arguments(args.arg))
    if found.problem and not found.lacks_arguments:
        raise _not_to_be_tuned(args, found)
    study, study_file, server = _study(args, found.ref)
    facts = facts_before(study_file, study)
    notes: list[str] = []
    ends = any(each is not None for each in (args.trials, args.timeout, args.target))
    told = frozenset(
        name
        for name, is_told in (("trials", ends), ("workers", args.workers is not None))
        if is_told
    )
    prepared = NOTHING_PREPARED
    python, python_note = python_of(args, found.ref, facts)
    if facts is not None:
        is_any = args.any_objective
        with contextlib.chdir(folder):
            found, notes = with_last_arguments(
                found, facts, study_file, study, python, is_any=is_any
            )
        prepared = facts.prepared.without(told)
        notes += facts.prepared.notes(prepared, NextRun(args.trials, args.workers))
        notes += old_edits(facts, _named_parameters(args, edits))
    notes += filter(None, [python_note, as_in_last_run(args, facts)])
    resources = resources_of(args)
    if found.problem:
        raise _not_to_be_tuned(args, found)
    far = far_of(args, found.ref)
    from hptui.engine.run.rules import Budget
    from hptui.engine.run.start.plan import RunPlan, available_cores

    n_trials: int | None = args.trials or prepared.trials
    if found.ref.kind == "script":
        # What it says counts where nothing is typed; running it tells.
        pass
    elif n_trials is None and args.timeout is None and args.target is None:
        n_trials = DEFAULT_TRIALS
    return RunPlan(
        ref=found.ref,
        study_file=study_file,
        study=study,
        server=server,
        join=args.join,
        address=address_of(study_file, study) if server is None else str(server),
        directions=tuple(args.direction) if args.direction else None,
        sampler=sampler,
        pruner=pruner,
        edits=edits,
        fixes=tuple(args.fix),
        choices=tuple(args.choices),
        resets=tuple(args.reset),
        budget=Budget(
            n_trials=n_trials,
            timeout_s=args.timeout,
            target=args.target,
            trial_timeout_s=args.trial_timeout,
            **_patience(found.ref),
        ),
        n_workers=workers_of(args, resources, prepared.workers)
        if far is None
        else far_slots(far, resources, args.workers or prepared.workers, available_cores()),
        backend=args.backend or _backend(far),
        far=far,
        resources=resources,
        python=python,
        seed=args.seed,
        enqueue=enqueue,
        leftovers=args.leftovers,
        repeat=args.repeat,
        skip_duplicates=args.skip_duplicates,
        following=following_of(args),
        ask_ahead=args.ask_ahead,
        any_objective=args.any_objective,
        folder=folder,
        typed=told,
        prepared=prepared,
        n_values=found.info.n_values,
        notes=(*notes, *_notes(args, found), *filter(None, [unused_text(resources)])),
    )


def _backend(far: FarWorkers | None) -> Backend:
    if far is None:
        return "loky"
    return "ssh" if far.cluster is None else "dask"


def _not_to_be_tuned(args: argparse.Namespace, found: FoundObjective) -> ObjectiveError:
    problem = safe_line(found.problem.removesuffix("."))
    return ObjectiveError(
        f"{safe_line(args.objective)} cannot be tuned: {problem}.", hint=found.hint
    )


def _patience(ref: ObjectiveRef) -> dict[str, float]:
    """Return how much longer than a Python objective a command may take to end."""
    if ref.kind != "command":
        return {}
    from hptui.registry.commands.command import CommandSpec

    return {"force_after_s": CommandSpec.of(ref).grace_s + _KILLING_S}


def _notes(args: argparse.Namespace, found: FoundObjective) -> tuple[str, ...]:
    """Return a sentence on what the objective's file sets and nothing here replaces."""
    has_end = any(each is not None for each in (args.trials, args.timeout, args.target))
    given = {
        "--sampler": args.sampler is not None,
        "--pruner": args.pruner is not None,
        "--enqueue": bool(args.enqueue),
        "--trials": has_end,
        "--timeout": has_end,
    }
    left = [each for each in found.info.settings if not given.get(each.option)]
    return (not_taken_over(found.ref, left),) if left else ()


def _named_parameters(args: argparse.Namespace, edits: Mapping[str, ParamEdit]) -> set[str]:
    """Return the parameters of which this run says itself what counts."""
    fixed = {parse_fix_option(text)[0] for text in args.fix}
    chosen = {parse_choices_option(text)[0] for text in args.choices}
    return {*edits, *args.reset, *fixed, *chosen}


def _edits(args: argparse.Namespace) -> dict[str, ParamEdit]:
    edits: dict[str, ParamEdit] = read_space_file(args.space_file) if args.space_file else {}
    for text in args.space:
        name, edit = parse_space_option(text)
        edits = merge_edits(edits, {name: edit})
    return edits


def _params(text: str) -> Mapping[str, Any]:
    try:
        params: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"--enqueue {safe_line(text, max_chars=60)} is not JSON: {error}.",
            hint="""Write it like --enqueue '{"lr": 0.01, "kernel": "rbf"}'.""",
        ) from error
    if not isinstance(params, dict):
        raise UsageError(
            f"--enqueue {safe_line(text, max_chars=60)} is not a JSON object.",
            hint="""Write it like --enqueue '{"lr": 0.01, "kernel": "rbf"}'.""",
        )
    return params  # pyright: ignore[reportUnknownVariableType] - keys of JSON objects are str


def _study(args: argparse.Namespace, ref: ObjectiveRef) -> tuple[str, Path, SourceAddress | None]:
    """Return the study's name, its file, and where it is when the file is its mirror."""
    address = None if args.storage is None else server_of(args.storage)
    if address is not None:
        name = name_on_server(address, args.study) or default_study_name(ref)
        server, file = file_of_run(address.with_study(name))
        return name, file, server
    if args.join:
        raise UsageError(
            "--join is for studies on servers; one engine at a time runs a study in a file.",
            hint="Give --storage postgresql://USER@HOST/DB, or omit --join.",
        )
    given = None if args.storage is None else storage_file(args.storage)
    if args.study is not None:
        name: str = args.study
    else:
        name = default_study_name(ref) if given is None else given.stem
    if given is not None:
        name, file = _name_in_a_file(name), given
    else:
        check_study_name(name)
        file = study_file(studies_folder(args.studies), name)
    if args.storage is None or args.study is None:
        _require_holds(file, name, shown=args.storage or str(file))
    return name, file, None


def _require_holds(file: Path, name: str, *, shown: str) -> None:
    """Refuse a file that holds studies, but none of a name that nobody gave for this file.

    Raises:
        UsageError: It is such a file; the hint says what to type.
    """
    from hptui.storage.read.studies import study_names

    try:
        names = study_names(file) if file.exists() else []
    except (HptuiError, OSError):
        # The engine says what is wrong with the file.
        return
    if not names or name in names:
        return

    def options(study: str) -> str:
        return safe_line(shlex.join(["--storage", shown, "--study", study]))

    held = (
        f"the study {safe_line(names[0])!r}"
        if len(names) == 1
        else plural(len(names), "study", "studies")
    )
    listed = "" if len(names) == 1 else f": {list_names(names)}"
    raise UsageError(
        f"{safe_line(shown)} holds {held}{listed}, and none called {safe_line(name)!r}.",
        hint=f"{options(names[0])} continues it; {options(name)} adds a new one to the file.",
    )


def _name_in_a_file(name: str) -> str:
    # It becomes no file's name, so it may be what Optuna takes, but no line of a terminal's tricks.
    if not name.strip() or name != escape_line(name):
        raise UsageError(
            f"{safe_line(name, max_chars=60)!r} cannot be a study's name.",
            hint="Give --study a name of printable characters.",
        )
    return name

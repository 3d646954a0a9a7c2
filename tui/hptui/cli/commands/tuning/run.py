"""`hptui run`: tune an objective in parallel worker processes, without a screen."""

from __future__ import annotations

import argparse
import contextlib
import json
import locale
import os
import shlex
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.cli.options.command_options import add_command_options, find, trial_folder
from hptui.cli.options.far_options import add_far_options, as_in_last_run, far_of, far_slots
from hptui.cli.options.locate import (
    add_studies_option,
    address_of,
    list_names,
    storage_file,
    studies_folder,
)
from hptui.cli.options.mirrored import file_of_run, name_on_server, server_of
from hptui.cli.options.option_values import typed
from hptui.cli.options.python_option import add_python_option, python_of
from hptui.cli.options.run_following import add_following, following_of
from hptui.cli.options.run_resources import add_resources, resources_of, workers_of
from hptui.domain.next_run import NOTHING_PREPARED, NextRun
from hptui.domain.repeats import read_repeats
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
    read_count,
    read_duration,
    read_seed,
    read_target,
    read_workers,
)
from hptui.domain.texts.script_text import not_taken_over
from hptui.domain.texts.text import escape_line, safe_line
from hptui.errors import HptuiError, ObjectiveError, UsageError
from hptui.storage.files.studies_folder import study_file

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from hptui.cli.output.run_output import RunOutput
    from hptui.cli.output.shield import Output
    from hptui.domain.far_workers import FarWorkers
    from hptui.domain.methods.options import MethodSpec
    from hptui.domain.objective import ObjectiveRef
    from hptui.engine.run.engine import Engine
    from hptui.engine.run.start.plan import RunPlan
    from hptui.engine.workers.worker_kinds import Backend
    from hptui.registry.catalogue import FoundObjective
    from hptui.storage.mirror.address import SourceAddress

EXIT_NOTHING_COMPLETED = 3
_KILLING_S = 2.0
"""What a worker may take to kill what has not ended in its grace."""

_EPILOG = """\
examples:
  hptui run tune.py --workers 4 -- --data train.csv
  hptui run digits-mlp --trials 60 --workers 2
  hptui run train.py:objective --space lr=1e-5..1e-1:log --space depth=2..12:step=2
  hptui run train.py:objective --sampler tpe:n_startup_trials=20,multivariate=false
  hptui run train.py:objective --fix kernel=rbf --timeout 30m --trial-timeout 2m --target 0.98
  hptui run --metric val_loss -- python train.py --lr '{lr=1e-5..1e-1:log}' --opt '{opt=adam|sgd}'
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `hptui run`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.set_defaults(after_dashes=None)
    parser.add_argument(
        "objective",
        nargs="?",
        metavar="OBJECTIVE",
        help="a script that optimizes a study, a name from `hptui objectives`, "
        "path/to/file.py:function, or package.module:name; a script's arguments follow --; "
        "omitted where a command stands after --",
    )
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="an argument for the objective besides the trial; `hptui objectives` lists them",
    )
    parser.add_argument(
        "--study-of",
        metavar="N|NAME",
        help="which study of a script that optimizes several; `hptui objectives FILE.py` lists "
        "them (default: the first)",
    )
    _add_study(parser)
    _add_search(parser)
    _add_budget(parser)
    _add_execution(parser)
    add_resources(parser)
    add_far_options(parser)
    add_following(parser)
    add_command_options(parser)
    shown = parser.add_argument_group("output").add_mutually_exclusive_group()
    shown.add_argument("--json", action="store_true", help="print JSON, one object per line")
    shown.add_argument(
        "--detach", action="store_true", help="run in the background and return at once"
    )
    shown.add_argument("--quiet", "-q", action="store_true", help="print only errors")


def _add_study(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("study")
    group.add_argument(
        "--study", metavar="NAME", help="the study's name (default: from the objective's)"
    )
    group.add_argument(
        "--storage",
        metavar="FILE|ADDRESS",
        help="the study file (default: NAME.db), or a server: postgresql://USER@HOST/DB, "
        "mysql://USER@HOST/DB, or a storage that the settings name, as lab:",
    )
    group.add_argument(
        "--join",
        action="store_true",
        help="run the study even while other engines run it (studies on servers)",
    )
    add_studies_option(parser)
    group.add_argument(
        "--any-objective",
        action="store_true",
        help="continue a study that has trials of another objective",
    )
    group.add_argument(
        "--direction",
        action="append",
        choices=("minimize", "maximize"),
        help="once for each objective (default: as the objective declares, else minimize)",
    )


def _add_search(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("search")
    group.add_argument(
        "--sampler",
        metavar="NAME[:OPTION=VALUE,...]",
        help="how to choose points; see `hptui samplers`",
    )
    group.add_argument(
        "--pruner",
        metavar="NAME[:OPTION=VALUE,...]",
        help="when to give up early; see `hptui pruners`",
    )
    group.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH[:log][:step=N]",
        help="edit a parameter's range; either bound may be left out",
    )
    group.add_argument("--space-file", metavar="FILE", type=Path, help="the same from a TOML file")
    group.add_argument(
        "--choices",
        action="append",
        default=[],
        metavar="NAME=A|B",
        help="keep only these choices; in a study with trials, use hptui fork",
    )
    group.add_argument(
        "--fix", action="append", default=[], metavar="NAME=VALUE", help="fix a parameter"
    )
    group.add_argument(
        "--reset",
        action="append",
        default=[],
        metavar="NAME",
        help="undo earlier runs' edits of a parameter",
    )
    group.add_argument(
        "--enqueue",
        action="append",
        default=[],
        metavar="JSON",
        help="""try these parameters first, like '{"lr": 0.01}'""",
    )
    group.add_argument(
        "--repeat",
        type=typed(read_repeats),
        metavar="K",
        help="run each configuration K times with different seeds; its value is the mean "
        "(default: as in the study's last run, else once)",
    )
    group.add_argument(
        "--skip-duplicates",
        action="store_true",
        help="reuse the values of an earlier trial with the same parameters",
    )
    group.add_argument(
        "--seed", type=typed(read_seed), metavar="N", help="make the run reproducible"
    )
    group.add_argument(
        "--ask-ahead",
        action="store_true",
        help="ask for the next trial while others run, for slow samplers; it is drawn without "
        "their results, as with one more worker",
    )


def _add_budget(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("budget (the first limit reached ends the run)")
    group.add_argument(
        "--trials",
        type=typed(read_count),
        metavar="N",
        help=f"trials to run (default: as prepared, as in the script, else {DEFAULT_TRIALS}; no "
        "limit with --timeout or --target)",
    )
    group.add_argument(
        "--timeout",
        type=typed(read_duration),
        metavar="TIME",
        help="end the run after 90s, 5m, 1h30m; running trials get 5 s more",
    )
    group.add_argument(
        "--target",
        type=typed(read_target),
        metavar="VALUE",
        help="stop once a trial reaches this value",
    )
    group.add_argument(
        "--trial-timeout",
        type=typed(read_duration),
        metavar="TIME",
        help="end a trial after this time",
    )


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("execution")
    group.add_argument(
        "--workers",
        "--jobs",
        "-j",
        type=typed(read_workers),
        metavar="N",
        help="how many trials run at once (default: one per core, or as many as fit on the "
        "devices)",
    )
    group.add_argument(
        "--backend",
        choices=("loky", "threading", "ssh", "dask"),
        help="each worker is a process (default), a thread of one process, a process on one of "
        "--hosts, or one of a dask cluster",
    )
    group.add_argument(
        "--leftovers",
        choices=("leave", "fail", "requeue"),
        default="fail",
        help="what to do with stale trials, whose engine died (default: fail)",
    )
    group.add_argument(
        "--cwd", metavar="DIR", help="the working directory of trials (default: this one)"
    )
    add_python_option(group)


def run(args: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    plan = make_plan(args)
    if args.detach:
        return _detach(plan, detached_command(args.argv, args.storage, plan.server))
    from hptui.cli.output.shield import shielded
    from hptui.cli.output.watched_output import WatchedOutput
    from hptui.engine.run.engine import Engine

    with shielded() as output, contextlib.chdir(plan.folder):
        # What is refused is not known by having been tried.
        shown = _observer(args, output)
        observer = WatchedOutput(shown, output, on_start=lambda: _note_known(plan))
        observer.loading(plan.ref.name)
        try:
            engine = Engine(plan, observer)
            observer.interrupts(engine)
            with _signals_to(engine) as received:
                finished = engine.run()
        finally:
            observer.clear()
        observer.drain()
    if received:
        return 128 + received[0]
    if observer.lost is not None:
        raise _lost_output(observer.lost)
    return 0 if finished.counts.complete else EXIT_NOTHING_COMPLETED


def _note_known(plan: RunPlan) -> None:
    """Remember what this person has run."""
    from hptui.registry.known_code import note_far, note_python, note_run

    note_run(plan.ref, plan.folder)
    if plan.python is not None:
        note_python(plan.python.path)
    if plan.far is not None:
        note_far(plan.far)


def _lost_output(error: OSError) -> Exception:
    if isinstance(error, BrokenPipeError):
        return error
    return HptuiError(
        f"The output cannot be written: {error.strerror}. The run has ended.",
        hint="All trials that have ended are stored.",
    )


def detached_command(
    argv: list[str], storage: str | None, server: SourceAddress | None
) -> tuple[list[str], dict[str, str]]:
    """Return the arguments and variables of a run in a process of its own.

    All users of a machine can read command lines: a password in the address, or one that was asked
    for, goes into the variables.

    Args:
        argv: What follows `hptui run`.
        storage: What was typed as `--storage`.
        server: The address that it means, with the password; None for a file.
    """
    # What stands after -- is another program's.
    n_own = argv.index("--") if "--" in argv else len(argv)
    own = [text for text in argv[:n_own] if text != "--detach"]
    if storage is None or server is None:
        return own + argv[n_own:], {}
    own = [text.replace(storage, str(server)) for text in own]
    return own + argv[n_own:], server.environment()


def _detach(plan: RunPlan, command: tuple[list[str], dict[str, str]]) -> int:
    from hptui.engine.run.start.launch import launch

    arguments, variables = command
    pid = launch(arguments, plan.study_file, plan.study, variables=variables)
    name = safe_line(plan.address)
    for note in plan.notes:
        print(safe_line(note, max_chars=1_000), file=sys.stderr)
    print(f"Running in process {pid}: hptui status {name}, hptui stop {name}.")
    return 0


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


def _observer(args: argparse.Namespace, output: Output) -> RunOutput:
    from hptui.cli.output.run_output import JsonLines, Lines, Quiet

    if args.json:
        return JsonLines(output.out, output.err)
    if args.quiet:
        return Quiet(output.err)
    is_live = output.err.isatty() and os.environ.get("TERM") != "dumb"
    encoding = locale.getpreferredencoding(do_setlocale=False).lower().replace("-", "")
    return Lines(output.err, output.out, is_live=is_live, unicode=encoding == "utf8")


@contextlib.contextmanager
def _signals_to(engine: Engine) -> Generator[list[int]]:
    """Send interrupts to the engine; yields the list of those received."""
    from hptui.engine.workers.machine.processes import ENDING_SIGNALS

    received: list[int] = []

    def handle(number: int, _frame: object) -> None:
        received.append(number)
        engine.interrupt()

    before = {number: signal.signal(number, handle) for number in ENDING_SIGNALS}
    try:
        yield received
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""`hptui run`: tune an objective in parallel worker processes, without a screen."""

from __future__ import annotations

import argparse
import contextlib
import locale
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.commands.tuning.run_plan import make_plan
from hptui.cli.options.command_options import add_command_options
from hptui.cli.options.far_options import add_far_options
from hptui.cli.options.locate import (
    add_studies_option,
)
from hptui.cli.options.option_values import typed
from hptui.cli.options.python_option import add_python_option
from hptui.cli.options.run_following import add_following
from hptui.cli.options.run_resources import add_resources
from hptui.domain.repeats import read_repeats
from hptui.domain.texts.run_text import (
    DEFAULT_TRIALS,
    read_count,
    read_duration,
    read_seed,
    read_target,
    read_workers,
)
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.cli.output.run_output import RunOutput
    from hptui.cli.output.shield import Output
    from hptui.engine.run.engine import Engine
    from hptui.engine.run.start.plan import RunPlan
    from hptui.storage.mirror.address import SourceAddress

EXIT_NOTHING_COMPLETED = 3

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

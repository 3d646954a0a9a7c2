"""`hptui fork`: a new study with the trials of another one that fit."""

from __future__ import annotations

import argparse
from functools import partial
from typing import TYPE_CHECKING

from hptui.cli.options.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.options.locate import (
    add_study_argument,
    locate_study,
    storage_file,
    studies_folder,
)
from hptui.cli.output.transfer_outcome import add_outcome_options, print_outcome
from hptui.domain.spaces.choice_lists import parse_choices_option
from hptui.domain.spaces.edits import (
    ParamEdit,
    choices_edit,
    merge_edits,
    parse_fix_option,
    parse_space_option,
    resolve_text,
    unknown_parameter,
)
from hptui.domain.spaces.space import ChoiceParam
from hptui.storage.files.studies_folder import study_file
from hptui.storage.mirror.mirrors import mirror_state

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.domain.spaces.space import ParamSpec

_EPILOG = """\
The study is only read, so it may be running. Trials that have ended and fit are copied with all
their data and get new numbers; hptui:forked_from holds their origin. The next run of the fork
tunes the same objective in the new space:

  hptui fork digits digits-2 --space lr=1e-4..1e-2:log --choices 'kernel=rbf|poly'
  hptui fork digits clean --filter 'state:complete -tag:bad'
  hptui fork sizes by-loss --objectives loss --direction minimize
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui fork`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument("new_name", metavar="NEW_NAME", help="the fork's name")
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH[:log][:step=N]",
        help="edit a parameter's range; trials outside are left out",
    )
    parser.add_argument(
        "--choices",
        action="append",
        default=[],
        metavar="NAME=A|B",
        help="set the choices of a parameter; the objective must ask for those that the study "
        "does not have",
    )
    parser.add_argument(
        "--fix",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="fix a parameter in runs of the fork; trials with other values are kept",
    )
    add_filter_option(parser)
    parser.add_argument(
        "--objectives",
        metavar="NAME,...",
        help="keep only these objectives, in this order: metric names, or numbers from 0",
    )
    parser.add_argument(
        "--direction",
        action="append",
        choices=("minimize", "maximize"),
        help="once for each objective of the fork; values stay as they are",
    )
    parser.add_argument("--allow-empty", action="store_true", help="fork even if no trial fits")
    add_outcome_options(parser)


def run(args: argparse.Namespace) -> int:
    """Make the fork, or say what it would keep."""
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)
    from hptui.engine.studies.forking import dry_fork, fork_study
    from hptui.storage.read.stored_spaces import read_latest_spaces
    from hptui.storage.transfer.fork_plan import ForkRequest

    space = read_latest_spaces(place.path, place.study_name)
    request = ForkRequest(
        edits=_edits(args, space),
        directions=tuple(args.direction) if args.direction else None,
        objectives=None if args.objectives is None else tuple(args.objectives.split(",")),
        choose=None if args.filter is None else partial(chosen_rows, args.filter),
    )
    given = (place.path, place.study_name, args.new_name, request)
    target: Path | None = None if args.storage is None else storage_file(args.storage)
    if target is None and mirror_state(place.path) is not None:
        target = study_file(studies_folder(args.studies), args.new_name)
    path: Path | None = None
    if args.dry_run:
        plan = dry_fork(*given, target=target, allow_empty=args.allow_empty)
    else:
        fork = fork_study(*given, target=target, allow_empty=args.allow_empty)
        plan, path = fork.plan, fork.path
    print_outcome(args, args.new_name, path, plan.n_kept, plan.left_out)
    return 0


def _edits(args: argparse.Namespace, space: Mapping[str, ParamSpec]) -> dict[str, ParamEdit]:
    edits: dict[str, ParamEdit] = {}
    for text in args.space:
        name, edit = parse_space_option(text)
        edits = merge_edits(edits, {name: edit})
    for text in args.choices:
        name, spelled = parse_choices_option(text, space)
        edits = merge_edits(edits, {name: choices_edit(name, spelled, space, can_add=True)})
    for text in args.fix:
        name, value = parse_fix_option(text, space)
        spec = _spec(name, space)
        chosen = edits.get(name, ParamEdit()).choices
        if isinstance(spec, ChoiceParam) and isinstance(chosen, tuple):
            spec = ChoiceParam(chosen)
        edits = merge_edits(edits, {name: ParamEdit(fixed=resolve_text(name, spec, value))})
    return edits


def _spec(name: str, space: Mapping[str, ParamSpec]) -> ParamSpec:
    if name not in space:
        raise unknown_parameter(name, space)
    return space[name]

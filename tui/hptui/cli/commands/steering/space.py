"""`hptui space`: show or edit the search space of a study, for its run or the next one."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.domain.spaces.choice_lists import parse_choices_option
from hptui.domain.spaces.edits import (
    FORK_COMMAND,
    UNSET,
    ParamEdit,
    apply_edit,
    choices_edit,
    edits_from_json,
    edits_to_json,
    parse_fix_option,
    parse_space_option,
    resolve_text,
    unknown_parameter,
)
from hptui.domain.spaces.edits_since import read_since, spell_edit
from hptui.domain.spaces.space import describe, spec_from_json
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from hptui.domain.spaces.space import ParamSpec
_EPILOG = """\
Without an edit, shows each parameter as the objective asks for it, its edits, and the trial since
which they apply. If the study is not running, edits are for its next run; next_run in --json says
so.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui space`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH[:log][:step=N]",
        help="edit a range, from the next trial on",
    )
    parser.add_argument(
        "--choices",
        action="append",
        default=[],
        metavar="NAME=A|B",
        help="keep only these choices, while no trial has the parameter; later, use hptui fork",
    )
    parser.add_argument(
        "--fix", action="append", default=[], metavar="NAME=VALUE", help="fix a parameter"
    )
    parser.add_argument(
        "--reset", action="append", default=[], metavar="NAME", help="undo a parameter's edits"
    )
    parser.add_argument("--dry-run", action="store_true", help="show the effect; change nothing")
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Show the space, or edit it."""
    from hptui.engine.studies.at_rest import steer

    place = locate_study(args.study, studies=args.studies)
    answer = steer(place.path, place.study_name, {"op": "space"})
    space = {name: spec_from_json(text) for name, text in answer["space"].items()}
    before = edits_from_json(answer["edits"])
    if args.space or args.choices or args.fix or args.reset:
        edits = _edits(args, space, before)
        message = {"op": "space", "edits": _spelled(edits), "dry": args.dry_run}
        try:
            answer = steer(place.path, place.study_name, message)
        except UsageError as error:
            raise _with_fork(error, args, place.study_name) from error
        lines = [safe_line(answer["text"])]
    else:
        since = read_since(answer.get("since"))
        lines = [
            _describe(name, spec, before.get(name), since.get(name)) for name, spec in space.items()
        ]
    if args.json:
        print(json.dumps({key: value for key, value in answer.items() if key != "ok"}))
    else:
        print("\n".join(lines or ["No parameters are known yet."]))
    return 0


def _edits(
    args: argparse.Namespace, space: Mapping[str, ParamSpec], before: Mapping[str, ParamEdit]
) -> dict[str, ParamEdit]:
    """Return the edits of the parameters that are named, whole."""
    edits: dict[str, ParamEdit] = {}
    for name in args.reset:
        if name not in space:
            raise unknown_parameter(name, space)
        edits[name] = ParamEdit()
    given = [parse_space_option(text) for text in args.space]
    for text in args.choices:
        name, spelled = parse_choices_option(text, space)
        given.append((name, choices_edit(name, spelled, space)))
    for name, edit in given:
        edits[name] = edit.over(edits.get(name, before.get(name, ParamEdit())))
    for text in args.fix:
        name, value = parse_fix_option(text, space)
        if name not in space:
            raise unknown_parameter(name, space)
        edit = edits.get(name, before.get(name, ParamEdit()))
        spec = apply_edit(name, space[name], replace(edit, fixed=UNSET))
        edits[name] = replace(edit, fixed=resolve_text(name, spec, value))
    return edits


def _with_fork(error: UsageError, args: argparse.Namespace, study_name: str) -> UsageError:
    """Let the command that an error proposes be one that can be typed as it is."""
    if FORK_COMMAND not in error.hint or not args.choices:
        return error
    options = [f"--space {shlex.quote(text)}" for text in args.space]
    options += [f"--choices {shlex.quote(text)}" for text in args.choices]
    command = f"hptui fork {shlex.quote(study_name)} NEW_NAME {' '.join(options)}"
    return UsageError(
        error.message, hint=f"Copy the trials that fit into a new study: {safe_line(command)}"
    )


def _spelled(edits: Mapping[str, ParamEdit]) -> dict[str, object]:
    empty: dict[str, object] = {name: {} for name in edits}
    return empty | edits_to_json(edits)


def _describe(name: str, spec: ParamSpec, edit: ParamEdit | None, since: int | None) -> str:
    edited = ""
    if edit is not None and not edit.is_empty:
        when = "" if since is None else f" since trial {since}"
        edited = f"   edited{when}: {spell_edit(name, edit)}"
    return f"  {safe_line(name)}  {safe_line(describe(spec))}{edited}"

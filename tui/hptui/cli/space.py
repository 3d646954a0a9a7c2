"""`hptui space`: show or edit the search space of a running study."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hptui.cli.locate import add_study_argument, locate_study
from hptui.domain.edits import (
    ParamEdit,
    edits_from_json,
    edits_to_json,
    merge_edits,
    parse_fix_option,
    parse_space_option,
    resolve_text,
    unknown_parameter,
)
from hptui.domain.space import describe, spec_from_json
from hptui.domain.text import safe_line

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from hptui.domain.space import ParamSpec


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui space`."""
    add_study_argument(parser)
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH[:log][:step=N]",
        help="edit a range; it counts from the next trial on",
    )
    parser.add_argument(
        "--fix", action="append", default=[], metavar="NAME=VALUE", help="fix a parameter"
    )
    parser.add_argument(
        "--reset", action="append", default=[], metavar="NAME", help="take a parameter's edits back"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would count, and change nothing"
    )
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Show the space, or edit it."""
    from hptui.engine.client import ask_engine

    place = locate_study(args.study, studies=args.studies)
    answer = ask_engine(place.path, place.study_name, {"op": "space"})
    space = {name: spec_from_json(text) for name, text in answer["space"].items()}
    before = edits_from_json(answer["edits"])
    if args.space or args.fix or args.reset:
        edits = _edits(args, space, before)
        message = {"op": "space", "edits": _spelled(edits), "dry": args.dry_run}
        answer = ask_engine(place.path, place.study_name, message)
        lines = [safe_line(answer["text"])]
    else:
        lines = [_describe(name, spec, before.get(name)) for name, spec in space.items()]
    if args.json:
        print(json.dumps({key: value for key, value in answer.items() if key != "ok"}))
    else:
        print("\n".join(lines or ["No parameter is known yet."]))
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
    for text in args.fix:
        name, value = parse_fix_option(text, space)
        if name not in space:
            raise unknown_parameter(name, space)
        given.append((name, ParamEdit(fixed=resolve_text(name, space[name], value))))
    for name, edit in given:
        earlier = edits.get(name, before.get(name, ParamEdit()))
        edits |= merge_edits({name: earlier}, {name: edit})
    return edits


def _spelled(edits: Mapping[str, ParamEdit]) -> dict[str, object]:
    empty: dict[str, object] = {name: {} for name in edits}
    return empty | edits_to_json(edits)


def _describe(name: str, spec: ParamSpec, edit: ParamEdit | None) -> str:
    edited = ""
    if edit is not None:
        fields = edits_to_json({name: edit}).get(name, {})
        edited = "   edited: " + ", ".join(
            f"{key} {value['value'] if key == 'fixed' else value}" for key, value in fields.items()
        )
    return f"  {safe_line(name)}  {safe_line(describe(spec))}{safe_line(edited)}"

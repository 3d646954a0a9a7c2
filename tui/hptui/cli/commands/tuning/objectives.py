"""`hptui objectives`: the objectives there are, or one of them with its parameters."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, assert_never

from hptui.cli.options.python_option import add_python_option, python_of
from hptui.cli.output.table import Column, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.spaces.choices import show_choice
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec, kind_of
from hptui.domain.texts.readable import plural
from hptui.domain.texts.script_text import Typed, not_taken_over, script_notes
from hptui.domain.texts.text import safe_line, safe_text
from hptui.errors import ObjectiveError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import ObjectiveInfo
    from hptui.registry.catalogue import FoundObjective
    from hptui.registry.loading.other_python import OtherPython
    from hptui.registry.probing.probe import KnownParam, ProbeResult

_UNLIMITED = 1_000_000
"""The width of output that is not a terminal."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `hptui objectives`."""
    parser.add_argument(
        "name",
        nargs="?",
        metavar="NAME",
        help="show this one: a listed name, FILE.py[:FUNCTION] or package.module:ATTRIBUTE; a "
        "script is run up to its studies, with the arguments after --; omitted before a command",
    )
    parser.add_argument(
        "--study-of", metavar="N|NAME", help="show this study of a script that optimizes several"
    )
    parser.set_defaults(after_dashes=None)
    parser.add_argument(
        "--arg",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="with NAME, an argument to run it with, as for `hptui run`",
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument(
        "--no-probe",
        action="store_true",
        help="with NAME, only read the source; do not run the code to find the parameters",
    )
    add_python_option(parser, "probe with another Python, as `hptui run` takes it")


def run(args: argparse.Namespace) -> int:
    """List the objectives without running any of their code, or show one in full.

    Raises:
        ObjectiveError: There is no such objective, or it cannot be imported.
    """
    if args.name is None and args.after_dashes is not None:
        _show_command(args)
    elif args.name is None:
        _list(as_json=args.json)
    else:
        from hptui.registry.catalogue import resolve, with_arguments
        from hptui.registry.loading.arguments import read_arguments

        found = resolve(args.name, Path.cwd(), argv=args.after_dashes, study_of=args.study_of or "")
        found = with_arguments(found, read_arguments(args.arg))
        python, _ = python_of(args, found.ref, None)
        is_of_one = found.ref.kind != "script" or found.ref.attribute or args.no_probe
        note = "" if is_of_one else _list_studies(found, as_json=args.json, python=python)
        if note is not None:
            _show(found, as_json=args.json, probes=not args.no_probe, python=python)
        if note:
            print(f"\n{safe_text(note)}")
    return 0


def _show_command(args: argparse.Namespace) -> None:
    from hptui.cli.options.command_options import find

    # What is read of its output does not matter here.
    given = argparse.Namespace(
        after_dashes=args.after_dashes,
        objective=None,
        study_of=None,
        metric=["-"],
        metric_regex=None,
        metric_take=None,
        grace=None,
        pty=False,
        cwd=None,
    )
    _show(find(given), as_json=args.json, probes=False)


def _list(*, as_json: bool) -> None:
    from hptui.registry.catalogue import find_objectives

    found = find_objectives()
    if as_json:
        print(json.dumps([_to_json(each) for each in found], indent=2))
        return
    if not found:
        print("No objectives found. `hptui run FILE.py` tunes the function in your file.")
        return
    rows = [[each.ref.name, _directions(each.info), _summary(each), each.origin] for each in found]
    _print_table(["name", "directions", "summary", "origin"], rows)


def _directions(info: ObjectiveInfo) -> str:
    return "unclear" if info.doubt else ", ".join(info.directions)


def _summary(found: FoundObjective) -> str:
    return f"! {found.problem}" if found.problem else found.info.summary


def _list_studies(
    found: FoundObjective, *, as_json: bool, python: OtherPython | None
) -> str | None:
    """List the studies of a script where it has several.

    Returns:
        Where one is known, why there may be more, empty where there is no other; None when they
        have been listed.

    Raises:
        ObjectiveError: It comes to none.
    """
    from hptui.registry.probing.probe import ProbePlace, probe

    listing = probe(found.ref, place=ProbePlace(python=python), lists_studies=True)
    if not listing.studies:
        raise ObjectiveError(listing.error, hint=listing.hint, detail=listing.detail)
    if len(listing.studies) == 1 and not (listing.rest and as_json):
        return listing.rest
    if as_json:
        studies = [each.to_json() for each in listing.studies]
        print(json.dumps({"studies": studies, "rest": listing.rest or None}, indent=2))
        return None
    rows = [
        [
            str(each.number),
            each.name,
            str(each.line),
            each.function,
            ", ".join(each.directions),
            each.sampler or "its own",
            "" if each.n_trials is None else str(each.n_trials),
        ]
        for each in listing.studies
    ]
    _print_table(["study", "name", "line", "objective", "directions", "sampler", "trials"], rows)
    if listing.rest:
        print(f"\n{safe_text(listing.rest)}")
    print("\n--study-of N shows one, and runs it in `hptui run`.")
    return None


def _show(
    found: FoundObjective, *, as_json: bool, probes: bool, python: OtherPython | None = None
) -> None:
    from hptui.registry.probing.probe import ProbePlace, known_space, probe

    # A command declares all that it has.
    is_command = found.ref.kind == "command"
    probes = probes and not is_command and not found.lacks_arguments
    place = ProbePlace(python=python)
    probed = probe(found.ref, place=place) if probes else None
    if probed is not None and not probed.loaded:
        raise ObjectiveError(probed.error, hint=probed.hint, detail=probed.detail)
    script = probed.studies[0] if probed is not None and probed.studies else None
    if script is not None:
        found = replace(found, info=script.applied_to(found.info))
    space = known_space(found.info.space, probed)
    if as_json:
        told = {} if script is None else {"script": script.to_json()}
        print(json.dumps(_to_json(found) | _space_to_json(space, probed) | told, indent=2))
        return
    for title, text in _facts(found):
        if text:
            print(f"{title + ':':<12}{safe_line(text, max_chars=_UNLIMITED)}")
    if found.info.arguments:
        print()
        _print_arguments(found)
    print()
    _print_space(space)
    notes = [] if is_command else _notes(found.info, probed)
    if found.info.settings:
        notes.append(not_taken_over(found.ref, found.info.settings))
    if script is not None:
        notes += script_notes(found.ref, script, Typed(study=True))
    for note in notes:
        print(f"\n{safe_text(note)}")


def _facts(found: FoundObjective) -> list[tuple[str, str]]:
    from hptui.registry.catalogue import spell

    info = found.info
    return [
        ("Name", info.name),
        ("Summary", info.summary),
        ("Directions", f"unclear: it {info.doubt}" if info.doubt else ", ".join(info.directions)),
        ("Metrics", ", ".join(info.metric_names)),
        ("Sampler", info.sampler),
        ("Pruner", info.pruner),
        ("Tags", ", ".join(info.tags)),
        ("Command" if found.ref.kind == "command" else "Source", spell(found.ref)),
        ("Origin", found.origin),
        ("Problem", found.problem),
        ("What to do", found.hint if found.problem else ""),
    ]


def _print_arguments(found: FoundObjective) -> None:
    given = dict(found.ref.arguments)
    rows = [
        [
            each.name,
            each.type or "any text",
            "must be given" if each.default is None else each.default,
            given.get(each.name, ""),
        ]
        for each in found.info.arguments
    ]
    header = ["argument", "type", "default", "given"]
    _print_table(header[: 4 if given else 3], [row[: 4 if given else 3] for row in rows])


def _print_space(space: dict[str, KnownParam]) -> None:
    if not space:
        print("No parameters are known.")
        return
    rows: list[list[str]] = []
    for name, param in space.items():
        low, high, scale, step = _cells(param.spec)
        condition = param.condition or "always"
        if param.dynamic:
            condition += ", bounds vary"
        cells = [name, kind_of(param.spec), low, high, scale, step, condition, param.origin]
        rows.append(cells)
    _print_table(
        ["parameter", "kind", "low", "high", "scale", "step / choices", "exists when", "origin"],
        rows,
    )


def _cells(spec: ParamSpec) -> tuple[str, str, str, str]:
    """Return low, high, scale, and step or choices."""
    match spec:
        case FloatParam(low, high, log, step):
            shown = "" if step is None else f"{step!r}"
        case IntParam(low, high, log, step):
            shown = "" if step == 1 else str(step)
        case ChoiceParam(choices):
            return "", "", "", ", ".join(show_choice(choice, exact=True) for choice in choices)
        case _:
            assert_never(spec)
    return repr(low), repr(high), "log" if log else "linear", shown


def _notes(info: ObjectiveInfo, probed: ProbeResult | None) -> list[str]:
    if probed is None:
        return ["Not probed: running the objective may reveal more parameters."]
    notes: list[str] = []
    if probed.error or probed.fault:
        notes.append(probed.error or probed.fault)
    elif not probed.complete:
        notes.append(
            f"Probing stopped after {plural(probed.n_trials, 'trial')}; there may be more "
            "parameters. They join a study when they are first suggested."
        )
    returned = probed.values_returned
    if returned is not None and returned != len(info.directions):
        notes.append(
            f"It returns {plural(returned, 'value')}, but its directions are "
            f"{', '.join(info.directions)}: give --direction once for each value."
        )
    return notes


def _to_json(found: FoundObjective) -> dict[str, Any]:
    info = found.info
    return {
        "name": found.ref.name,
        "summary": info.summary,
        "directions": list(info.directions),
        "directions_doubt": info.doubt or None,
        "metric_names": list(info.metric_names),
        "sampler": info.sampler,
        "pruner": info.pruner,
        "tags": list(info.tags),
        "origin": found.origin,
        "source": found.ref.to_json(),
        "problem": found.problem or None,
        "arguments": [
            {
                "name": each.name,
                "type": each.type or None,
                "default": each.default,
                "required": each.default is None,
            }
            for each in info.arguments
        ],
        "not_taken_over": [each.text for each in info.settings],
    }


def _space_to_json(space: dict[str, KnownParam], probed: ProbeResult | None) -> dict[str, Any]:
    from hptui.domain.spaces.space import spec_to_json

    parameters = {
        name: {
            "kind": kind_of(param.spec),
            **json.loads(spec_to_json(param.spec))["attributes"],
            "condition": param.condition or None,
            "origin": param.origin,
            "dynamic": param.dynamic,
        }
        for name, param in space.items()
    }
    return {
        "parameters": parameters,
        "probe": None
        if probed is None
        else {
            "trials": probed.n_trials,
            "complete": probed.complete,
            "error": probed.error or None,
            "values_returned": probed.values_returned,
            "reports": probed.reports,
        },
    }


def _print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    columns = [Column(title) for title in header]
    print("\n".join(render_table(columns, rows, width=Terminal.of_stdout().table_width)))

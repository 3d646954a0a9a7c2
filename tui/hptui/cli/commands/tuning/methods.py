"""`hptui samplers` and `hptui pruners`: what can be asked for, and the options of each."""

from __future__ import annotations

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.cli.output.terminal import Terminal
from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.methods.option_text import find_method
from hptui.domain.methods.options import Family, Method, MethodSpec, Option, spell_value
from hptui.domain.methods.own_method import split_own
from hptui.domain.texts.json_values import dump

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_FAMILIES: dict[str, Family] = {"samplers": "sampler", "pruners": "pruner"}
_NOT_WRAPPED = 1_000
"""The width of output that nobody reads on a screen."""
_PARTS: tuple[Family, ...] = ("crossover", "mutation")
_OWN_CLASSES = {"sampler": "MySampler", "pruner": "MyPruner"}
_EXAMPLES = {
    "sampler": "tpe:n_startup_trials=20,multivariate=false",
    "pruner": "patient:patience=5,wrapped=median(n_min_trials=3)",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command that `parser` is for."""
    family = _FAMILIES[parser.get_default("command")]
    parser.epilog = f"`hptui run --{family} {_EXAMPLES[family]}` uses one with options."
    parser.add_argument(
        "name", metavar="NAME", nargs="?", help=f"show the options of this {family}"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """List the methods, or show one with its options.

    Raises:
        OptionError: There is no method of this name.
    """
    family = _FAMILIES[args.command]
    if args.name is None:
        methods = METHODS[family]
        if args.json:
            print(dump([_to_json(method) for method in methods]))
        else:
            print("\n".join(_list_lines(methods)))
            print(f"\n`hptui {args.command} NAME` shows the options of one.")
            print(f"A class of your own: hptui run --{family} mine.py:{_OWN_CLASSES[family]}.")
        return 0
    method = _method(family, args.name)
    print(dump(_to_json(method)) if args.json else "\n".join(_method_lines(family, method)))
    return 0


def _method(family: Family, text: str) -> Method:
    """Return a method of the tables, or what the source of a class of one's own tells.

    Raises:
        OptionError: There is none.
    """
    known = {name for each in METHODS[family] for name in (each.name, *each.aliases)}
    own = split_own(text, known)
    if own is None:
        return find_method(family, text, METHODS[family])
    from hptui.registry.own_methods import described, located

    spec = MethodSpec(own[0])
    located(spec, Path.cwd())
    return described(family, spec, Path.cwd())


def _list_lines(methods: Sequence[Method]) -> list[str]:
    column = max(len(method.name) for method in methods) + 2
    return [line for each in methods for line in _wrapped(each.help, each.name, column)]


def _wrapped(text: str, label: str, column: int) -> list[str]:
    """Return `label` and beside it `text`, on as many lines as the terminal needs."""
    return textwrap.wrap(
        text,
        Terminal.of_stdout().table_width or _NOT_WRAPPED,
        initial_indent=f"{label:<{column}}",
        subsequent_indent=" " * column,
    )


def _method_lines(family: Family, method: Method) -> list[str]:
    lines = _wrapped(f"{method.title}. {method.help}", method.name, len(method.name) + 3)
    if method.aliases:
        lines.append(f"Also spelled {', '.join(method.aliases)}.")
    if method.cost:
        lines += _wrapped(method.cost, "", 0)
    lines += ["", *(_option_lines(method) or ["It has no options."])]
    for part in _PARTS:
        if any(option.kind == part for option in method.options):
            for each in METHODS[part]:
                lines += ["", *_wrapped(each.help, f"{part} {each.name}   ", 3)]
                lines += _option_lines(each)
    lines.append("")
    for reason, names in _left_out(method).items():
        lines += _wrapped(f"Not available: {', '.join(names)} ({reason}).", "", 0)
    lines += _wrapped(f"{_example(method)}`.", f"Used by `hptui run --{family} ", 0)
    return lines


def _option_lines(method: Method) -> list[str]:
    lines: list[str] = []
    for option in method.options:
        value = "required" if option.required else spell_value(option.default)
        lines += _wrapped(option.expected(), f"  {option.name}={value}   ", 6)
        lines += _wrapped(option.help, "", 6)
    return lines


def _left_out(method: Method) -> dict[str, list[str]]:
    """Return the constructor's parameters that are no options, by the reason."""
    reasons: dict[str, list[str]] = {}
    for name, reason in method.left_out.items():
        reasons.setdefault(reason, []).append(name)
    return reasons


def _example(method: Method) -> str:
    required = [option for option in method.options if option.required]
    chosen = required or list(method.options[:1])
    values = [f"{option.name}={_example_value(option)}" for option in chosen]
    if method.name == "threshold":
        values = ["upper=10"]
    return f"{method.name}:{','.join(values)}" if values else method.name


def _example_value(option: Option) -> str:
    if option.default not in (None, "") and not option.required:
        return spell_value(option.default)
    if option.kind == "text":
        return "VALUE"
    if option.kind == "bool":
        return "true"
    return str(int(option.high)) if option.high is not None else "10"


def _to_json(method: Method) -> dict[str, Any]:
    return {
        "name": method.name,
        "title": method.title,
        "help": method.help,
        "cost": method.cost,
        "aliases": list(method.aliases),
        "options": [_option_json(option) for option in method.options],
        "left_out": dict(method.left_out),
    }


def _option_json(option: Option) -> dict[str, Any]:
    default: object = option.default
    return {
        "name": option.name,
        "type": option.kind,
        "default": str(default) if isinstance(default, MethodSpec) else default,
        "required": option.required,
        "low": option.low,
        "high": option.high,
        "choices": list(option.choices),
        "words": list(option.words),
        "help": option.help,
    }

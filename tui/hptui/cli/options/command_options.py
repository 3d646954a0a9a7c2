"""The options of a command that is tuned: `hptui run --metric loss -- python train.py`."""

from __future__ import annotations

import contextlib
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.run_text import read_duration
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError, UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.registry.catalogue import FoundObjective
    from hptui.registry.commands.command import CommandSpec

_OPTIONS: Final = ("metric", "metric_take", "metric_regex", "grace", "pty")


def add_command_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say how a command is run and read."""
    parser.set_defaults(after_dashes=None)
    group = parser.add_argument_group("a command after --")
    group.add_argument(
        "--metric",
        action="append",
        metavar="NAME",
        help="the number to read from its output, printed as NAME=0.2 or NAME: 0.2; - is the "
        "last line; once for each objective",
    )
    group.add_argument(
        "--metric-take",
        choices=("last", "min", "max"),
        help="which of the metric's values to use (default: last)",
    )
    group.add_argument(
        "--metric-regex",
        action="append",
        metavar="REGEX",
        help="take the value from the first group of this expression, not from the number after "
        "the metric's name",
    )
    group.add_argument(
        "--grace",
        metavar="TIME",
        help="how long it may take to end when asked (default: 10s)",
    )
    group.add_argument(
        "--pty",
        action="store_true",
        help="run it in a terminal: programs other than Python may buffer their output",
    )


def find(args: argparse.Namespace) -> FoundObjective:
    """Return the objective that is named, or the command that stands after `--`.

    What `--space` and `--choices` declare of a command is taken out of them; what is left edits.

    Raises:
        HptuiError: There is none, or it does not hold together; the hint says what to type.
    """
    from hptui.registry.catalogue import found_command
    from hptui.registry.commands.command import CommandSpec

    if args.after_dashes is not None and args.objective is None:
        found = found_command(_typed(args))
        if found.problem:
            raise ObjectiveError(
                f"The command cannot be run: {safe_line(found.problem)}.", hint=found.hint
            )
        return found
    if args.objective is None:
        raise UsageError(
            "Give an objective or a command.",
            hint="For example: hptui run train.py:objective, or hptui run --metric loss -- "
            "COMMAND. `hptui objectives` lists the objectives.",
        )
    found = _resolve(args)
    if found.ref.kind == "command" and not found.problem:
        spec = CommandSpec.of(found.ref)
        return found_command(replace(spec, **_given(args)), found.ref.name)
    given = [f"--{name.replace('_', '-')}" for name in _OPTIONS if getattr(args, name)]
    if given and found.ref.kind != "command":
        raise UsageError(
            f"{given[0]} is for a command, but {safe_line(args.objective)} is Python.",
            hint="Put a command after --, as in: hptui run --metric loss -- python train.py",
        )
    return found


def trial_folder(args: argparse.Namespace) -> Path:
    """Return the working directory of trials: that of `--cwd`, which is from here, or this one.

    Raises:
        UsageError: There is no such folder.
    """
    if args.cwd is None:
        return Path.cwd()
    folder = Path.cwd() / Path(args.cwd).expanduser()
    if not folder.is_dir():
        raise UsageError(f"There is no folder {safe_line(args.cwd)}.", hint="Check --cwd.")
    return Path(os.path.abspath(folder))  # noqa: PTH100 - links stay as typed


def _resolve(args: argparse.Namespace) -> FoundObjective:
    """Find an objective here, or in the folder of `--cwd`, where modules are always looked for.

    Raises:
        ObjectiveError: It is in neither.
    """
    from hptui.registry.catalogue import is_registered, resolve

    def look() -> FoundObjective:
        return resolve(
            args.objective, Path.cwd(), argv=args.after_dashes, study_of=args.study_of or ""
        )

    folder = trial_folder(args)
    if folder != Path.cwd():
        with contextlib.suppress(ObjectiveError):
            found = look()
            if found.ref.kind != "module" or is_registered(found.ref):
                return found
    with contextlib.chdir(folder):
        return look()


def _typed(args: argparse.Namespace) -> CommandSpec:
    """Return the command after `--`."""
    from hptui.registry.commands.command import CommandSpec
    from hptui.registry.commands.command_words import Words

    template = Words.read(args.after_dashes)
    missing = {*template.names} - {*template.declared} - template.flags
    takes_any = bool(template.macros & {"args", "overrides", "params", "params_file"})
    declared: dict[str, str] = {}
    for option in ("space", "choices"):
        left: list[str] = []
        for text in getattr(args, option, []):
            name = _declares(text, missing, template, takes_any=takes_any)
            if name is None or name in declared:
                left.append(text)
            else:
                declared[name] = text[len(name) + 1 :]
        setattr(args, option, left)
    given = _given(args)
    given["cwd"] = str(trial_folder(args))
    given.setdefault("metrics", ())
    return CommandSpec(words=tuple(args.after_dashes), space=declared, **given)


def _declares(text: str, missing: set[str], template: Any, *, takes_any: bool) -> str | None:  # noqa: ANN401 - imported when needed
    """Return the parameter that an option declares for the command; None where it edits one."""
    for name in sorted(missing, key=len, reverse=True):
        if text.startswith(f"{name}="):
            return name
    name, equals, _ = text.partition("=")
    is_free = bool(equals and name) and name not in template.names
    return name if takes_any and is_free else None


def _given(args: argparse.Namespace) -> dict[str, Any]:
    """Return what the options say, as the fields of a command."""
    given: dict[str, Any] = {}
    if args.metric:
        given["metrics"] = tuple(args.metric)
    if args.metric_regex:
        given["regexes"] = tuple(args.metric_regex)
    if args.metric_take:
        given["take"] = args.metric_take
    if args.grace is not None:
        given["grace_s"] = 0.0 if args.grace in ("0", "0s") else read_duration(args.grace)
    if args.pty:
        given["pty"] = True
    if args.cwd is not None:
        given["cwd"] = str(trial_folder(args))
    if getattr(args, "direction", None):
        given["directions"] = tuple(args.direction)
    return given

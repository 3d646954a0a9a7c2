"""A command as a line that people type and read: in the form, in `hptui run`, in a question."""

from __future__ import annotations

import os
import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hptui.domain.run_place import RunPlace
from hptui.domain.spaces.param_edit import show
from hptui.errors import ObjectiveError
from hptui.registry.commands.command import CommandSpec
from hptui.registry.commands.command_table import ALIASES, read_grace

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import ObjectiveRef


def spelled_run(ref: ObjectiveRef) -> list[str]:
    """Return what `hptui run` takes for an objective, a script or a command, arguments included."""
    if ref.kind != "command":
        return [ref.name, *ref.argument_options(), *ref.after_options()]
    spec = CommandSpec.of(ref)
    return [ref.name] if spec.file else [*spec.options(Path.cwd()), "--", *spec.typed_words()]


def described(ref: ObjectiveRef) -> str:
    """Return all of a command that decides on what is run, for who is to agree to it."""
    spec = CommandSpec.of(ref)
    assigned = [f"{name}={value}" for name, value in spec.env.items()]
    where = f"  (in {spec.cwd})" if spec.cwd else ""
    return f"{shlex.join([*assigned, *spec.typed_words()])}{where}"


def typed_text(spec: CommandSpec, here: Path) -> str:
    """Return a command as a line that `typed_command` reads, apart from its directions."""
    options = spec.options(here, with_directions=False)
    return shlex.join([*options, "--", *spec.typed_words()])


def is_command(text: str) -> bool:
    """Say whether a person means a command and no name: it holds a hole, or begins with options.

    What stands before ` -- ` is a script where it is no option: `train.py -- --epochs 3`.
    """
    before, dashes, _ = f" {text} ".partition(" -- ")
    if dashes:
        return before.strip() == "" or before.strip().startswith("-")
    return text.startswith("--metric") or re.search(r"\{[^\W\d][\w./-]*[=?]", text) is not None


def place_of_trials(ref: ObjectiveRef) -> RunPlace:
    """Return where the trials of an objective run that is run by this process."""
    here = RunPlace.here()
    return replace(here, folder=CommandSpec.of(ref).cwd) if ref.kind == "command" else here


def typed_command(text: str, cwd: Path) -> CommandSpec | None:
    """Return the command that a person typed into one line; None where it is none.

    It holds a hole `{x=`, or begins with `-- `; options as `--metric NAME` may stand before `--`.

    Raises:
        ObjectiveError: It is one, and does not hold together.
    """
    if not is_command(text):
        return None
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise ObjectiveError(f"The command cannot be read: {error}.") from error
    options: list[str] = []
    if "--" in words:
        place = words.index("--")
        options, words = words[:place], words[place + 1 :]
    return _with_options(options, words, cwd)


def _with_options(options: Sequence[str], words: Sequence[str], cwd: Path) -> CommandSpec:
    given: dict[str, Any] = {"words": list(words), "cwd": str(cwd), "metrics": []}
    rest = list(options)
    while rest:
        name, equals, value = rest.pop(0).partition("=")
        if name == "--pty":
            given["pty"] = True
            continue
        if not equals:
            if not rest:
                raise ObjectiveError(f"{show(name)} needs a value.")
            value = rest.pop(0)
        match name:
            case "--metric" | "--direction" | "--metric-regex":
                key = ALIASES[name[2:].replace("-", "_")]
                given.setdefault(key, []).append(value)
            case "--metric-take":
                given["take"] = value
            case "--grace":
                given["grace_s"] = read_grace(value, "--grace")
            case "--cwd":
                given["cwd"] = _folder(cwd, value)
            case "--space" | "--choices":
                declared, _, text = value.partition("=")
                given.setdefault("space", {})[declared] = text
            case _:
                raise ObjectiveError(
                    f"{show(name)} cannot be used before a command here.",
                    hint="Use --metric, --direction, --metric-take, --metric-regex, --space, "
                    "--choices, --grace, --pty and --cwd.",
                )
    return CommandSpec.from_table(given, "")


def _folder(cwd: Path, text: str) -> str:
    folder = cwd / Path(text).expanduser()
    if not folder.is_dir():
        raise ObjectiveError(f"There is no folder {show(text)}.", hint="Check --cwd.")
    return os.path.abspath(folder)  # noqa: PTH100 - links stay as typed

"""The parts of the pages that the program itself knows; `python -m tests.docs.page_blocks`."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from tests.docs.key_table import keys_block, shared_keys_block
from tests.docs.pages import PAGES, page_text
from tests.storage.study_file import CHOICE, FLOAT, StudyFile

from hptui.cli.main import COMMAND_GROUPS, Command
from hptui.cli.main import main as run_hptui
from hptui.cli.options.plot_options import OPTIONS
from hptui.cli.output.help_pages import topics
from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.methods.options import spell_value
from hptui.figures.kinds import KINDS
from hptui.ui.application.settings import DEFAULTS

if TYPE_CHECKING:
    from hptui.domain.methods.options import Family, Method

SAID_ONCE: Final = ("--help", "--studies")
"""Options that every command has, or every one with a STUDY; the page tells of them once."""
READING: Final = (
    "ls",
    "show train",
    "show train 0",
    "best train",
    "trials train",
    "failures train",
    "plot train importance",
    "compare train other",
    "objectives branin --no-probe",
    "samplers tpe",
)
"""Commands that print JSON and change nothing."""
_PARTS: Final = ("crossover", "mutation")


def parser_of(command: Command) -> argparse.ArgumentParser:
    """Return a command's parser."""
    parser = argparse.ArgumentParser(prog=f"hptui {command.name}")
    parser.set_defaults(command=command.name)
    command.load().add_arguments(parser)
    return parser


def actions_of(command: Command) -> list[argparse.Action]:
    """Return a command's arguments and options."""
    return parser_of(command)._actions  # pyright: ignore[reportPrivateUsage]


def commands_block() -> str:
    """Return the command reference."""
    lines: list[str] = []
    for group, commands in COMMAND_GROUPS.items():
        lines += [f"## {group}", ""]
        for command in commands:
            actions = actions_of(command)
            taken = "".join(
                f" {_option(each) if each.option_strings else _place(each)}"
                for each in actions
                if each.required or not each.option_strings
            )
            lines.append(f"- **`hptui {command.name}{taken}`**: {command.summary}")
            for each in actions:
                if each.option_strings and not set(each.option_strings) & set(SAID_ONCE):
                    again = " (repeatable)" if _is_repeatable(each) else ""
                    lines.append(f"  - `{_option(each)}`: {each.help}{again}")
        lines.append("")
    return "\n".join(lines)


def methods_block(family: Family) -> str:
    """Return a table of samplers or pruners, and the options of each."""
    lines = [f"| {family} | what it does |", "| --- | --- |"]
    lines += [f"| `{each.name}` | {each.help} |" for each in METHODS[family]]
    for method in METHODS[family]:
        lines += ["", f"## {method.name}", "", *_method_lines(method)]
        for part in _PARTS:
            if any(option.kind == part for option in method.options):
                lines += ["", f"As its {part}: " + ", ".join(map(_spelled, METHODS[part])) + "."]
    return "\n".join(lines) + "\n"


def _method_lines(method: Method) -> list[str]:
    said = [f"{method.title}. {method.help}", *([method.cost] if method.cost else [])]
    lines = [" ".join(each if each.endswith(".") else f"{each}." for each in said)]
    if method.aliases:
        lines += ["", f"Also spelled {', '.join(f'`{each}`' for each in method.aliases)}."]
    if method.options:
        lines += ["", "| option | is | default | what it does |", "| --- | --- | --- | --- |"]
    for option in method.options:
        default = "required" if option.required else f"`{spell_value(option.default)}`"
        lines.append(f"| `{option.name}` | {option.expected()} | {default} | {option.help} |")
    return lines


def _spelled(part: Method) -> str:
    options = ", ".join(f"{each.name}={spell_value(each.default)}" for each in part.options)
    return f"`{part.name}({options})`" if options else f"`{part.name}`"


def figures_block() -> str:
    """Return the table of figures."""
    lines = ["| KIND | shows | takes |", "| --- | --- | --- |"]
    for kind in KINDS.values():
        options = [f"`{option}`" for name, option in OPTIONS.items() if name in kind.options]
        lines.append(f"| `{kind.name}` | {kind.summary} | {', '.join(options)} |")
    return "\n".join(lines) + "\n"


def defaults_block() -> str:
    """Return what the settings may hold as defaults of new runs."""
    lines = ["| default | is |", "| --- | --- |"]
    words = {int: "a whole number", float: "a number", str: "text"}
    lines += [
        f"| `{name}` | {' or '.join(words[each] for each in kinds)} |"
        for name, kinds in DEFAULTS.items()
    ]
    return "\n".join(lines) + "\n"


def json_block() -> str:
    """Return the fields of what reading commands print, by having them print it."""
    lines = ["| command | prints | fields |", "| --- | --- | --- |"]
    with tempfile.TemporaryDirectory() as folder:
        _make_studies(Path(folder))
        for command in READING:
            said = io.StringIO()
            with contextlib.redirect_stdout(said):
                code = run_hptui([*command.split(), "--json", *_studies_of(command, folder)])
            assert code == 0, command
            printed = _parsed(said.getvalue())
            kind = "a list; each" if isinstance(printed, list) else "an object"
            first = printed[0] if isinstance(printed, list) else printed
            fields = ", ".join(f"`{name}`" for name in first)
            lines.append(f"| `hptui {command} --json` | {kind} | {fields} |")
    return "\n".join(lines) + "\n"


def _parsed(text: str) -> dict[str, object] | list[dict[str, object]]:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        # One object a line.
        return [json.loads(line) for line in text.splitlines()]


def _studies_of(command: str, folder: str) -> list[str]:
    return [] if command.startswith(("samplers", "objectives")) else ["--studies", folder]


def _make_studies(folder: Path) -> None:
    for name in ("train", "other"):
        with StudyFile(folder / f"{name}.db") as file:
            file.add_study(name)
            for i in range(4):
                file.add_trial(i / 4, params={"x": (i / 4, FLOAT), "kind": (i % 2, CHOICE)})
            error = {"kind": "exception", "type": "E", "message": "no luck", "traceback": ""}
            file.add_trial(state="FAIL", attributes={"hptui:error": error})


def topics_block() -> str:
    """Return the list of pages."""
    lines: list[str] = []
    for title, pages in topics().items():
        lines += [f"## {title}", ""]
        lines += [f"- [{each.title}]({each.place})" for each in pages]
        lines.append("")
    return "\n".join(lines[:-1]) + "\n"


BLOCKS: Final = {
    "keys": keys_block,
    "shared-keys": shared_keys_block,
    "figures": figures_block,
    "commands": commands_block,
    "samplers": lambda: methods_block("sampler"),
    "pruners": lambda: methods_block("pruner"),
    "defaults": defaults_block,
    "json": json_block,
    "topics": topics_block,
}
"""What writes each part, by its name in the pages."""


def _place(action: argparse.Action) -> str:
    name = str(action.metavar or action.dest.upper())
    shapes = {"?": f"[{name}]", "*": f"[{name} ...]"}
    return shapes.get(str(action.nargs), name)


def _is_repeatable(action: argparse.Action) -> bool:
    return isinstance(action.default, list) or action.dest in ("direction", "state")


def _option(action: argparse.Action) -> str:
    names = ", ".join(sorted(action.option_strings, key=len, reverse=True))
    if action.nargs == 0:
        return names
    if action.metavar is None and action.choices is not None:
        return f"{names} {'|'.join(map(str, action.choices))}"
    return f"{names} {action.metavar or action.dest.upper()}"


def parts_of(text: str, name: str) -> tuple[str, str, str]:
    """Return what stands before a block, the block, and what follows it."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    head, _, rest = text.partition(begin)
    block, _, tail = rest.partition(end)
    return head + begin, block, end + tail


def places() -> dict[str, Path]:
    """Return which page has which part."""
    return {
        name: path
        for name in BLOCKS
        for path in PAGES.values()
        if f"<!-- {name}: begin -->" in page_text(path)
    }


def main() -> None:
    """Write all parts anew."""
    for name, path in places().items():
        # Another part of the same page may just have been written.
        head, _, tail = parts_of(path.read_text("utf-8"), name)
        path.write_text(head + BLOCKS[name]() + tail, "utf-8")


if __name__ == "__main__":
    main()

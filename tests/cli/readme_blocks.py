"""The parts of the README that the program itself knows; `python -m tests.cli.readme_blocks`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tests.ui.key_table import keys_block

from hptui.cli.main import COMMAND_GROUPS, Command
from hptui.cli.options.plot_options import OPTIONS
from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.methods.options import spell_value
from hptui.figures.kinds import KINDS

if TYPE_CHECKING:
    from hptui.domain.methods.options import Family, Method

README = Path(__file__).parents[2] / "README.md"
SAID_ONCE = ("--help", "--studies")
"""Options that every command has, or every one with a STUDY; the README tells of them once."""


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
        lines += [f"### {group}", ""]
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
    """Return the table of samplers or pruners."""
    lines = [f"| {family} | what it does | options and their defaults |", "| --- | --- | --- |"]
    for method in METHODS[family]:
        lines.append(f"| `{method.name}` | {method.help} | {_options(method)} |")
    return "\n".join(lines) + "\n"


def figures_block() -> str:
    """Return the table of figures."""
    lines = ["| KIND | shows | takes |", "| --- | --- | --- |"]
    for kind in KINDS.values():
        options = [f"`{option}`" for name, option in OPTIONS.items() if name in kind.options]
        lines.append(f"| `{kind.name}` | {kind.summary} | {', '.join(options)} |")
    return "\n".join(lines) + "\n"


def blocks() -> dict[str, str]:
    """Return each part by its name in the README."""
    return {
        "keys": keys_block(),
        "figures": figures_block(),
        "commands": commands_block(),
        "samplers": methods_block("sampler"),
        "pruners": methods_block("pruner"),
    }


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


def _options(method: Method) -> str:
    return ", ".join(
        f"`{option.name}={'REQUIRED' if option.required else spell_value(option.default)}`"
        for option in method.options
    )


def parts_of(text: str, name: str) -> tuple[str, str, str]:
    """Return what stands before a block, the block, and what follows it."""
    begin, end = f"<!-- {name}: begin -->\n", f"<!-- {name}: end -->"
    head, _, rest = text.partition(begin)
    block, _, tail = rest.partition(end)
    return head + begin, block, end + tail


def main() -> None:
    """Write all blocks anew."""
    text = README.read_text("utf-8")
    for name, block in blocks().items():
        head, _, tail = parts_of(text, name)
        text = head + block + tail
    README.write_text(text, "utf-8")


if __name__ == "__main__":
    main()

"""The README's list of commands is the program's."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

import pytest

from hptui.cli.main import COMMAND_GROUPS, COMMANDS

README = Path(__file__).parents[2] / "README.md"


def command_table() -> str:
    lines: list[str] = []
    for group, commands in COMMAND_GROUPS.items():
        lines += [f"**{group}**", ""]
        lines += [f"- `hptui {command.name}`: {command.summary}" for command in commands]
        lines.append("")
    return "\n".join(lines)


def test_the_readme_lists_each_command_as_the_program_does() -> None:
    text = README.read_text("utf-8")
    block = text.split("<!-- commands: begin -->\n")[1].split("<!-- commands: end -->")[0]
    assert block == command_table()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_exists_and_explains_itself(name: str) -> None:
    module = import_module(COMMANDS[name].module)
    parser = argparse.ArgumentParser(prog=f"hptui {name}")
    parser.set_defaults(command=name)
    module.add_arguments(parser)
    assert "usage: hptui" in parser.format_help()
    assert callable(module.run)

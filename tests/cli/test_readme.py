"""What the README says of commands, options, samplers and pruners is what the program has."""

from __future__ import annotations

import re
import shlex

import pytest
from tests.cli.readme_blocks import README, actions_of, blocks, parser_of, parts_of

from hptui.cli.main import COMMANDS
from hptui.domain.methods.asked_methods import METHODS, parse_pruner, parse_sampler

TEXT = README.read_text("utf-8")
# A word that begins with `hptui `, up to a comment, an output arrow or the end of its code.
CALL = re.compile(r"(?:^|`|\$ )hptui ([a-z]+)((?:[^`\n#])*)", re.MULTILINE)
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]+")


@pytest.mark.parametrize("name", ["keys", "figures", "commands", "samplers", "pruners"])
def test_the_readme_lists_what_the_program_has(name: str) -> None:
    # `python -m tests.cli.readme_blocks` writes these parts.
    assert parts_of(TEXT, name)[1] == blocks()[name]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_exists_and_explains_itself(name: str) -> None:
    command = COMMANDS[name]
    assert f"usage: hptui {name}" in parser_of(command).format_help()
    for action in actions_of(command):
        assert action.help, action.dest


def test_each_option_that_the_readme_names_exists() -> None:
    known = {
        option
        for command in COMMANDS.values()
        for action in actions_of(command)
        for option in action.option_strings
    }
    # Behind ` -- ` stands another program's command line.
    named = set(OPTION.findall(re.sub(r" -- .*", "", TEXT)))
    assert named <= known
    assert known - {"--help", "-h"} <= {*named, "-f", "-j", "-n", "-o", "-q"}


def test_each_command_line_in_the_readme_is_one_that_the_program_takes() -> None:
    calls = [
        (match[1], match[2].rstrip())
        for match in CALL.finditer(parts_of(TEXT, "commands")[0])
        # A mention of a command is no command line, and every command has a help.
        if match[2].strip() not in ("", "--help") and "..." not in match[2]
    ]
    assert len(calls) > 20
    for name, rest in calls:
        own = rest.partition(" -- ")[0]
        parser_of(COMMANDS[name]).parse_args(_with_values(shlex.split(own)))


def _with_values(words: list[str]) -> list[str]:
    """Give numbers to the places that the README spells as words; omit the shell's part."""
    if ">" in words:
        words = words[: words.index(">")]
    return ["1" if word in ("N", "TRIAL") else word for word in words]


def test_the_samplers_and_pruners_in_its_examples_can_be_read() -> None:
    examples = re.findall(r"--(sampler|pruner) ([\w:=,.()-]+)", TEXT)
    assert len(examples) > 2
    for family, text in examples:
        if text not in ("NAME", "VALUE"):
            (parse_sampler if family == "sampler" else parse_pruner)(text)


def test_every_option_of_every_method_is_in_its_table() -> None:
    for family in ("sampler", "pruner"):
        table = parts_of(TEXT, f"{family}s")[1]
        for method in METHODS[family]:
            (row,) = [line for line in table.splitlines() if line.startswith(f"| `{method.name}`")]
            for option in method.options:
                assert f"`{option.name}=" in row

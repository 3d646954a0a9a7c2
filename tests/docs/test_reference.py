"""The pages say what the program has: commands, options, tables, links."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING, Final

import pytest
from tests.docs.page_blocks import BLOCKS, actions_of, parser_of, parts_of, places
from tests.docs.pages import DOCS, PAGES, ROOT, page_text

from hptui.cli.main import COMMANDS, OTHER_NAMES
from hptui.domain.methods.asked_methods import METHODS, parse_pruner, parse_sampler

if TYPE_CHECKING:
    from pathlib import Path

TEXTS: Final = {name: page_text(path) for name, path in PAGES.items()}
COMMAND_PAGE: Final = TEXTS["reference/commands"]
ALL: Final = "\n".join(TEXTS.values())
OTHERS: Final = [ROOT / "CONTRIBUTING.md", ROOT / "tui" / "ARCHITECTURE.md"]
# A word that begins with `hptui `, up to a comment, an output arrow or the end of its code.
CALL: Final = re.compile(r"(?:^|`|\$ )hptui ([a-z]+)((?:[^`\n#])*)", re.MULTILINE)
OPTION: Final = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
LINK: Final = re.compile(r"\]\(([^()\s]+)\)")
FENCE: Final = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
FENCE_OF_PYTHON: Final = re.compile(r"^```python.*?^```$", re.MULTILINE | re.DOTALL)
PROGRAM: Final = "guides/program"
OF_DASK: Final = {
    *("--gres", "--lifetime", "--lifetime-stagger"),
    *("--nthreads", "--resources", "--scheduler-file"),
}
"""Options of the programs that start a cluster."""
INCOMPLETE: Final = re.compile("arguments are required|expected (one|at least one) argument")
HEADING: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)
LONGEST_README: Final = 200


@pytest.mark.parametrize("name", BLOCKS)
def test_a_page_lists_what_the_program_has(name: str) -> None:
    # `python -m tests.docs.page_blocks` writes these parts.
    assert parts_of(page_text(places()[name]), name)[1] == BLOCKS[name]()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_exists_and_explains_itself(name: str) -> None:
    command = COMMANDS[name]
    assert f"usage: hptui {name}" in parser_of(command).format_help()
    for action in actions_of(command):
        assert action.help, action.dest


def test_each_option_that_the_pages_name_exists() -> None:
    known = {
        option
        for command in COMMANDS.values()
        for action in actions_of(command)
        for option in action.option_strings
    }
    # Behind ` -- ` stands another program's command line, and within {} its holes.
    texts = [FENCE_OF_PYTHON.sub("", text) for name, text in TEXTS.items() if name != PROGRAM]
    named = set(OPTION.findall(re.sub(r" -- .*|\{[^}\n]*\}", "", "\n".join(texts))))
    assert named <= known | OF_DASK
    listed = set(OPTION.findall(COMMAND_PAGE))
    assert known - {"--help", "-h"} <= {*listed, "-f", "-j", "-n", "-o", "-q"}


def test_each_command_line_in_the_pages_is_one_that_the_program_takes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    calls = [
        (match[1], match[2].rstrip())
        for name, text in TEXTS.items()
        if name not in ("reference/commands", "reference/json")
        for match in CALL.finditer(text)
        # A mention of a command is not a command line, and every command has a help.
        if match[2].strip() not in ("", "--help") and "..." not in match[2] and "…" not in match[2]
    ]
    assert len(calls) > 100
    for name, rest in calls:
        command = COMMANDS.get(name) or OTHER_NAMES.get(name)
        if command is None:
            # `hptui PATH` and `hptui STUDY` open the application.
            continue
        own = rest.partition(" -- ")[0]
        try:
            parser_of(command).parse_intermixed_args(_with_values(shlex.split(own)))
        except SystemExit:
            # A sentence may name a command, or an option, without what it takes.
            if not INCOMPLETE.search(capsys.readouterr().err):
                pytest.fail(f"hptui {name}{rest}")


def _with_values(words: list[str]) -> list[str]:
    """Give values to the places that pages spell as words; omit the shell's part."""
    for each in (">", "|", "&&", "2>&1"):
        if each in words:
            words = words[: words.index(each)]
    return ["1" if word in ("N", "TRIAL") else word for word in words]


def test_the_samplers_and_pruners_in_the_examples_can_be_read() -> None:
    examples = re.findall(r"--(sampler|pruner) ([\w:=,.()-]+)", ALL)
    assert len(examples) > 5
    for family, text in examples:
        if not text.startswith(("NAME", "VALUE", "mine.py", "hub:")):
            (parse_sampler if family == "sampler" else parse_pruner)(text)


def test_every_option_of_every_method_is_in_its_section() -> None:
    for family in ("sampler", "pruner"):
        text = TEXTS[f"reference/{family}s"]
        for method in METHODS[family]:
            section = text.partition(f"\n## {method.name}\n")[2].partition("\n## ")[0]
            for option in method.options:
                assert f"| `{option.name}` |" in section, (method.name, option.name)


def test_each_variable_of_hptui_is_in_the_reference() -> None:
    sources = [path.read_text("utf-8") for path in (ROOT / "tui" / "hptui").rglob("*.py")]
    used = {name for text in sources for name in re.findall(r"\bHPTUI_[A-Z_]*[A-Z]\b", text)}
    assert used == set(re.findall(r"`(HPTUI_[A-Z_]+)`", TEXTS["reference/environment"]))


def test_the_readme_is_short() -> None:
    assert TEXTS["README"].count("\n") <= LONGEST_README


@pytest.mark.parametrize("path", [*PAGES.values(), *OTHERS], ids=lambda path: path.stem)
def test_each_link_leads_somewhere(path: Path) -> None:
    for target in LINK.findall(FENCE.sub("", page_text(path))):
        if "://" in target:
            continue
        place, _, anchor = target.partition("#")
        file = (path.parent / place).resolve() if place else path
        assert file.exists(), target
        if anchor:
            assert anchor in map(_anchor, HEADING.findall(page_text(file))), target


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def test_the_index_has_every_page() -> None:
    links = set(LINK.findall(page_text(DOCS / "README.md")))
    assert {str(path.relative_to(DOCS)) for path in DOCS.rglob("*.md")} - links == {"README.md"}


def test_each_file_that_the_architecture_page_names_is_there() -> None:
    code = {path.as_posix() for place in ("tui", "tests") for path in (ROOT / place).rglob("*.py")}
    page = page_text(ROOT / "tui" / "ARCHITECTURE.md")
    named = set(re.findall(r"`([a-z_][a-z0-9_/]*\.py)`", page))
    assert len(named) > 100
    assert [name for name in named if not any(f"/{name}" in each for each in code)] == []

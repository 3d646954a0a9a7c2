"""`hptui help`: the pages of the documentation, in the terminal."""

from __future__ import annotations

import difflib
import io
import shutil
import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING, Final

from hptui.cli.output.help_pages import for_terminal, topics
from hptui.cli.output.terminal import print_paged
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

_WIDEST: Final = 110
"""Cells of a line: a longer one is hard to read."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui help`."""
    parser.add_argument(
        "topic",
        metavar="TOPIC",
        nargs="?",
        help="a page or a command (default: list the topics)",
    )


def run(args: argparse.Namespace) -> int:
    """List the topics, or show a page or what a command takes.

    Raises:
        UsageError: There is no such topic.
    """
    if args.topic is None:
        print("\n".join(_list_lines()))
        return 0
    for pages in topics().values():
        for page in pages:
            if page.topic == args.topic:
                _show(for_terminal(page.read()))
                return 0
    from hptui.cli.main import COMMANDS, OTHER_NAMES, main

    if args.topic in COMMANDS or args.topic in OTHER_NAMES:
        said = io.StringIO()
        with redirect_stdout(said):
            code = main([args.topic, "--help"])
        print_paged(said.getvalue())
        return code
    known = [page.topic for pages in topics().values() for page in pages]
    close = difflib.get_close_matches(args.topic, [*known, *COMMANDS], n=2)
    guess = f"Did you mean {' or '.join(close)}? " if close else ""
    raise UsageError(
        f"There is no topic {safe_line(args.topic, max_chars=60)!r}.",
        hint=f"{guess}`hptui help` lists the topics.",
    )


def _list_lines() -> list[str]:
    groups = topics()
    width = max(len(page.topic) for pages in groups.values() for page in pages)
    lines: list[str] = []
    for title, pages in groups.items():
        lines.append(f"{title}:")
        lines += [f"  {page.topic:<{width}}  {page.title}" for page in pages]
        lines.append("")
    lines.append("`hptui help TOPIC` shows one; `hptui help COMMAND` explains a command.")
    return lines


def _show(markdown: str) -> None:
    """Lay a page out on a terminal; print its Markdown where the output is none."""
    if not sys.stdout.isatty():
        print(markdown.rstrip())
        return
    from rich.console import Console
    from rich.markdown import Markdown
    from rich.theme import Theme

    # Rich's own style is black behind the words, also on a light terminal.
    theme = Theme({"markdown.code": "bold", "markdown.code_block": "none"})
    width = min(shutil.get_terminal_size().columns, _WIDEST)
    console = Console(width=width, theme=theme)
    with console.capture() as laid_out:
        console.print(Markdown(markdown, hyperlinks=False))
    print_paged(laid_out.get())

"""What standard output can show, and how long texts are shown there."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from typing import Final

from hptui.cli.output.table import cut
from hptui.domain.safe_path import plain_environment
from hptui.domain.texts.text import safe_line

TRUE_COLOURS, PALETTE_COLOURS = 1 << 24, 256
_FALLBACK_WIDTH, _FALLBACK_HEIGHT = 80, 24
_PAGER: Final = "less -R"
_NO_PAGERS: Final = ("", "cat")
_NOT_STARTED: Final = (126, 127)
"""The shell's exit codes for a command that is not there, or is no program."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where text goes."""

    is_terminal: bool
    """False for a pipe or a file."""
    width: int
    height: int
    n_colours: int
    """0 for none, 16 (its own palette), 256, or 2^24."""
    has_unicode: bool

    @classmethod
    def of_stdout(cls) -> Terminal:
        """Look at standard output; `NO_COLOR` and `TERM=dumb` are heeded."""
        out = sys.stdout
        is_terminal = out.isatty()
        size = shutil.get_terminal_size((_FALLBACK_WIDTH, _FALLBACK_HEIGHT))
        wants_none = bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"
        encoding = (getattr(out, "encoding", None) or "").lower().replace("-", "")
        return cls(
            is_terminal,
            size.columns,
            size.lines,
            n_colours=_n_colours() if is_terminal and not wants_none else 0,
            has_unicode=encoding.startswith("utf"),
        )

    @property
    def has_colour(self) -> bool:
        """Whether text may be coloured."""
        return self.n_colours > 0

    @property
    def table_width(self) -> int | None:
        """The width to cut tables to; None where nobody reads them on a screen."""
        return self.width if self.is_terminal else None


def _n_colours() -> int:
    if os.environ.get("COLORTERM", "").lower() in ("truecolor", "24bit"):
        return TRUE_COLOURS
    return PALETTE_COLOURS if "256color" in os.environ.get("TERM", "") else 16


class ProgressLine:
    """Shows the latest of what it is told on standard error, where that is a terminal."""

    def __init__(self) -> None:
        self._is_shown = False
        self._is_terminal = sys.stderr.isatty()

    def tell(self, text: str) -> None:
        """Show `text` instead of what was shown before."""
        if self._is_terminal:
            width = Terminal.of_stdout().width
            sys.stderr.write(f"\r\x1b[K{cut(safe_line(text), width - 1)}")
            sys.stderr.flush()
            self._is_shown = True

    def clear(self) -> None:
        """Take the line away."""
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
            self._is_shown = False


def print_paged(text: str) -> None:
    """Print a text; through `$PAGER`, by default `less -R`, where it is longer than the terminal.

    `PAGER=cat`, or an empty one, is no pager. One that cannot be started is done without.
    """
    terminal, pager = Terminal.of_stdout(), os.environ.get("PAGER", _PAGER)
    is_long = text.count("\n") >= terminal.height
    is_wanted = terminal.is_terminal and is_long and pager.strip() not in _NO_PAGERS
    if not is_wanted or _page(text, pager) in _NOT_STARTED:
        print(text, end="")


def _page(text: str, pager: str) -> int:
    """Let a pager show a text, and return its exit code when it has been left."""
    sys.stdout.flush()
    # As git does, for a $PAGER that is plain `less`: colours, and the text stays on the screen.
    environment = {"LESS": "FRX", "LV": "-c", **plain_environment()}
    process = subprocess.Popen(
        pager, shell=True, stdin=subprocess.PIPE, env=environment, encoding="utf-8"
    )
    # ctrl+c is the pager's.
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        process.communicate(text)
    finally:
        signal.signal(signal.SIGINT, before)
    return process.returncode

"""What standard output can show."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

from hptui.cli.output.table import cut
from hptui.domain.text import safe_line

_FALLBACK_WIDTH, _FALLBACK_HEIGHT = 80, 24


@dataclass(frozen=True, slots=True)
class Terminal:
    """Where text goes."""

    is_terminal: bool
    """False for a pipe or a file."""
    width: int
    height: int
    has_colour: bool
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
            has_colour=is_terminal and not wants_none,
            has_unicode=encoding.startswith("utf"),
        )

    @property
    def table_width(self) -> int | None:
        """The width to cut tables to; None where nobody reads them on a screen."""
        return self.width if self.is_terminal else None


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

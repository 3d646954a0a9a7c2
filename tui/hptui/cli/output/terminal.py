"""What standard output can show."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass

from hptui.cli.output.table import cut
from hptui.domain.text import safe_line

TRUE_COLOURS, PALETTE_COLOURS = 1 << 24, 256
_FALLBACK_WIDTH, _FALLBACK_HEIGHT = 80, 24


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

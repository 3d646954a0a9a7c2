"""A line on a terminal that says how far a computation is, and goes away."""

from __future__ import annotations

import sys

from hptui.cli.output.table import cut
from hptui.cli.output.terminal import Terminal
from hptui.domain.text import safe_line


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

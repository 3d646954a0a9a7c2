"""A line of a log, as it is shown: what a terminal would have printed, made safe."""

from __future__ import annotations

import re
from typing import Final

from hptui.domain.text import safe_line

_TAB_CELLS: Final = 8
# Colours say nothing in a log that is shown in one colour; other sequences are made visible.
_COLOURS: Final = re.compile("\x1b\\[[0-9;:]*m")


def printed_line(line: str) -> str:
    """Return what is left of a line on a terminal: colours are left out, and what was rewritten."""
    # A carriage return starts the line over, as progress bars do.
    return _COLOURS.sub("", line.rstrip("\r").rpartition("\r")[2])


def shown_line(line: str, *, max_chars: int) -> str:
    """Return a line safe for a terminal, in at most about `max_chars` characters."""
    cut = printed_line(line)[: 4 * max_chars]
    return safe_line(cut.expandtabs(_TAB_CELLS), max_chars=max_chars)

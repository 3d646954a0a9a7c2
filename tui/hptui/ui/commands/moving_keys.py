"""The keys that move in lists, tables and logs; they are no commands and stay as they are."""

from __future__ import annotations

from typing import Final

MOVING: Final = (
    (("j", "k", "up", "down"), "Move in lists, tables and logs"),
    (("g", "G", "home", "end"), "Go to the first, or to the last"),
    (("ctrl+d", "ctrl+u"), "Move by half a page; the page keys move by a page"),
    (("left", "right", "up", "down"), "In a plot, go to the nearest trial that way"),
)
"""Keys as people write them, and what they do."""

"""The keys of lists, tables, logs and filters; they are no commands and stay as they are."""

from __future__ import annotations

from typing import Final

MOVING: Final = (
    (("j", "k", "up", "down"), "Move in lists, tables and logs"),
    (("g", "G", "home", "end"), "Go to the first, or to the last"),
    (("ctrl+d", "ctrl+u"), "Move by half a page; the page keys move by a page"),
    (("left", "right", "up", "down"), "In a plot, go to the nearest trial that way"),
    (("ctrl+s",), "Save the filter that is typed, to be typed as @name"),
)
"""Keys as people write them, and what they do."""

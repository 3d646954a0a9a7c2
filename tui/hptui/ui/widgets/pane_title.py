"""The titles of panes."""

from __future__ import annotations

from textual.content import Content

from hptui.domain.text import safe_line

_MAX_CHARS = 80


def pane_title(text: str, *, max_chars: int = _MAX_CHARS) -> Content:
    """Return what a pane's `border_title` is to be: data as it is, a blank away from the rule."""
    return Content(f" {safe_line(text, max_chars=max_chars)} " if text else "")

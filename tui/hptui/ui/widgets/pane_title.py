"""How a widget is called: by queries and styles, and by people who read its pane's title."""

from __future__ import annotations

from typing import TypedDict

from textual.content import Content

from hptui.domain.texts.text import safe_line


class WidgetName(TypedDict, total=False):
    """By what queries and styles find a widget, as Textual's constructors take it."""

    id: str | None
    classes: str | None


_MAX_CHARS = 80


def pane_title(text: str, *, max_chars: int = _MAX_CHARS) -> Content:
    """Return what a pane's `border_title` is to be: data as it is, a blank away from the rule."""
    return Content(f" {safe_line(text, max_chars=max_chars)} " if text else "")

"""Lines of text whose parts have roles, drawn in the styles of a widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hptui.ui.widgets.role_styles import RoleStyled

Span = tuple[str, str]
"""A text, safe for a terminal, and its role; no role is the widget's own colour."""


def draw_lines(widget: RoleStyled, lines: Iterable[Iterable[Span]]) -> Text:
    """Return lines of spans in the styles that the widget has for their roles."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for index, line in enumerate(lines):
        if index:
            text.append("\n")
        for part, role in line:
            if role:
                text.append(part, widget.style_of(role, partial=True))
            else:
                text.append(part)
    return text

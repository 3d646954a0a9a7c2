"""Lines of text whose parts have roles, drawn with the component classes of a widget."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from textual.widget import Widget

Span = tuple[str, str]
"""A text, safe for a terminal, and its role; no role is the widget's own colour."""


def draw_lines(widget: Widget, prefix: str, lines: Iterable[Iterable[Span]]) -> Text:
    """Return lines of spans; the role `bar` has the style of the class `<prefix>--bar`."""
    text = Text(no_wrap=True, overflow="crop", end="")
    for index, line in enumerate(lines):
        if index:
            text.append("\n")
        for part, role in line:
            if role:
                style = widget.get_component_rich_style(f"{prefix}--{role}", partial=True)
                text.append(part, style)
            else:
                text.append(part)
    return text

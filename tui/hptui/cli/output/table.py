"""Aligned text: tables, and numbers as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.texts.number_column import NumberStyle, number_style
from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import cell_width, char_width, safe_line
from hptui.domain.texts.text_table import Column

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["GAP", "Column", "cut", "render_table", "show_cell"]

GAP = "  "
_MIN_WIDTH = 8
_MAX_CELL_CHARS = 200


def render_table(
    columns: Sequence[Column], rows: Sequence[Sequence[object]], *, width: int | None = None
) -> list[str]:
    """Return a header and a line for each row, safe for a terminal.

    The floats of a column share their digits, None is shown as nothing. With `width`, in cells, the
    widest columns that are aligned left are cut until a line fits, but not the first one, which
    is what a person types; then lines are cut at their end.
    """
    header = [safe_line(column.title) for column in columns]
    styles = [
        number_style([cell for row in rows if isinstance(cell := row[at], float)])
        for at in range(len(columns))
    ]
    cells = [
        [_styled(cell, style) for cell, style in zip(row, styles, strict=True)] for row in rows
    ]
    widths = [
        max(cell_width(row[index]) for row in (header, *cells)) for index in range(len(columns))
    ]
    _shrink(widths, columns, width)
    return [_line(row, columns, widths, width) for row in (header, *cells)]


def _styled(cell: object, style: NumberStyle) -> str:
    return style.show(cell) if isinstance(cell, float) else show_cell(cell)


def show_cell(cell: object) -> str:
    """Return a cell's text on one line: None is nothing, a float has four significant digits."""
    if cell is None:
        return ""
    if type(cell) is int:
        return str(cell)
    if isinstance(cell, float):
        return four_digits(cell)
    return safe_line(cell, max_chars=_MAX_CELL_CHARS)


def cut(text: str, width: int) -> str:
    """Return `text` in at most `width` cells, with an ellipsis where something is missing."""
    if cell_width(text) <= width:
        return text
    kept, used = "", 1
    for char in text:
        used += char_width(char)
        if used > width:
            break
        kept += char
    return f"{kept}…" if width > 0 else ""


def _shrink(widths: list[int], columns: Sequence[Column], width: int | None) -> None:
    if width is None:
        return
    room = width - len(GAP) * (len(widths) - 1)
    flexible = [
        index for index, column in enumerate(columns) if index > 0 and column.align == "left"
    ]
    while sum(widths) > room and flexible:
        widest = max(flexible, key=widths.__getitem__)
        if widths[widest] <= _MIN_WIDTH:
            return
        widths[widest] -= 1


def _line(
    cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int], width: int | None
) -> str:
    parts: list[str] = []
    for cell, column, room in zip(cells, columns, widths, strict=True):
        text = cut(cell, room)
        padding = " " * (room - cell_width(text))
        parts.append(padding + text if column.align == "right" else text + padding)
    line = GAP.join(parts).rstrip()
    if width is None or cell_width(line) <= width:
        return line
    # A part of a number would be another number.
    while len(parts) > 1 and columns[len(parts) - 1].align == "right":
        if sum(map(cell_width, parts[:-1])) + len(GAP) * (len(parts) - 1) < width:
            parts[-1] = "…"
            break
        parts.pop()
    return cut(GAP.join(parts).rstrip(), width)

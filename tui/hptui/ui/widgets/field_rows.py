"""Rows of fields that can be edited in place, as a widget shows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from rich.cells import cell_len

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.widgets.table_model import Align

FieldRole = Literal["", "name", "dim", "edited", "off", "trouble"]
"""What a cell means; the widget has a style for each."""


_MOST_FOR_SPANS = 24


@dataclass(frozen=True, slots=True)
class FieldColumn:
    """A column of fields."""

    key: str
    label: str = ""
    width: int = 0
    """The least width in cells; the widest text counts too, up to `most`."""
    most: int = 40
    align: Align = "left"


@dataclass(frozen=True, slots=True)
class FieldCell:
    """What stands at one place."""

    text: str = ""
    """Safe text on one line."""
    role: FieldRole = ""
    is_field: bool = False
    """Whether the cursor can stand here."""
    span: int = 1
    """How many columns the text may cover; the cells it covers are not shown."""


@dataclass(frozen=True, slots=True)
class FieldRow:
    """A row; its key stays the same while its cells change."""

    key: str
    cells: tuple[FieldCell, ...]


def column_widths(
    columns: Sequence[FieldColumn], rows: Sequence[FieldRow], room: int, gap: int
) -> list[int]:
    """Return the widths of columns; where the room is short, the widest are narrowed first.

    The last column takes what is left.
    """
    widths = [max(column.width, len(column.label)) for column in columns]
    for row in rows:
        for index, cell in enumerate(row.cells):
            if cell.span == 1:
                longest = min(cell_len(cell.text), columns[index].most)
                widths[index] = max(widths[index], longest)
    excess = sum(widths) + gap * (len(widths) - 1) - room
    while excess > 0:
        spare = [
            width - max(column.width, len(column.label))
            for width, column in zip(widths, columns, strict=True)
        ]
        widest = max(range(len(widths)), key=lambda index: spare[index])
        if spare[widest] <= 0:
            break
        widths[widest] -= 1
        excess -= 1
    if excess < 0:
        excess += _widen_for_spans(widths, rows, gap, -excess)
    if widths:
        widths[-1] = max(0, widths[-1] - excess)
    return widths


def _widen_for_spans(widths: list[int], rows: Sequence[FieldRow], gap: int, room: int) -> int:
    """Give columns that a text covers together what it needs, and return how much that was."""
    given = 0
    for row in rows:
        for index, cell in enumerate(row.cells):
            if cell.span == 1:
                continue
            covered = range(index, min(index + cell.span, len(widths)))
            has = sum(widths[column] for column in covered) + gap * (len(covered) - 1)
            wanted = min(cell_len(cell.text) - has, _MOST_FOR_SPANS - given, room - given)
            for step in range(wanted):
                widths[covered[step % len(covered)]] += 1
            given += max(0, wanted)
    return given


def next_field(row: FieldRow, column: int, step: int) -> int | None:
    """Return the next column to the right (1) or left (-1) where the cursor can stand."""
    index = column + step
    while 0 <= index < len(row.cells):
        if row.cells[index].is_field:
            return index
        index += step
    return None


def nearest_field(row: FieldRow, column: int) -> int | None:
    """Return the column nearest to `column` where the cursor can stand, or None."""
    fields = [index for index, cell in enumerate(row.cells) if cell.is_field]
    return min(fields, key=lambda index: abs(index - column), default=None)

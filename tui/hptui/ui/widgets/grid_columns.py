"""Where the columns of a grid stand, and texts that fit them exactly."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len, set_cell_size

from hptui.domain.texts.number_column import shortened

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.widgets.table_model import Align, Column, Sort

GAP: Final = 2
"""Cells between two columns, and half as many at the left end of a line."""
MAX_LABEL_WIDTH: Final = 24
MARK_WIDTH: Final = 2
"""Cells that the mark of the sorted column takes."""
_MARGIN: Final = 1


class GridColumns:
    """The columns of a grid with their widths, which only ever grow."""

    def __init__(self) -> None:
        self._widths: dict[str, int] = {}
        self.columns: Sequence[Column] = ()
        self.widths: list[int] = []
        self._ends: list[int] = []

    def show(self, columns: Sequence[Column], sort: Sort | None) -> bool:
        """Take these columns and say whether anything moved."""
        widths = [self._width_of(column, sort) for column in columns]
        if columns is self.columns and widths == self.widths:
            return False
        has_moved = widths != self.widths or list(columns) != list(self.columns)
        self.columns, self.widths = columns, widths
        self._ends = list(accumulate(width + GAP for width in widths))
        return has_moved

    def forget_widths(self) -> None:
        """Let the columns that come next be narrower than those before them."""
        self._widths.clear()

    def _width_of(self, column: Column, sort: Sort | None) -> int:
        label = min(cell_len(column.label), MAX_LABEL_WIDTH)
        if sort is not None and sort.key == column.key:
            label += MARK_WIDTH
        width = max(column.width, label, self._widths.get(column.key, 1))
        self._widths[column.key] = width
        return width

    @property
    def total_width(self) -> int:
        """The width of a whole line, in cells."""
        return _MARGIN + self._ends[-1] if self._ends else 0

    @property
    def frozen_width(self) -> int:
        """The width of the part that does not scroll: the first column and its gap."""
        return _MARGIN + self._ends[0] if self._ends else 0

    def start_of(self, index: int) -> int:
        """Return where a column starts, in cells from the left end of a line."""
        return _MARGIN + (self._ends[index - 1] if index else 0)

    def visible(self, scroll_x: int, width: int) -> range:
        """Return the scrolling columns of which something is in sight."""
        if not self._ends:
            return range(0)
        left = self._ends[0] + scroll_x
        right = scroll_x + width - _MARGIN
        first = bisect_right(self._ends, left)
        last = bisect_right(self._ends, right - 1)
        return range(max(1, first), min(len(self._ends), last + 1))

    def at(self, x: int, scroll_x: int) -> int | None:
        """Return the column under a cell of the screen, or None."""
        place = x - _MARGIN if x < self.frozen_width else x - _MARGIN + scroll_x
        index = bisect_right(self._ends, max(0, place))
        return index if index < len(self._ends) else None


def fit(text: str, width: int, align: Align, ellipsis: str) -> str:
    """Return `text` in exactly `width` cells; a number is not cut so that it reads as another."""
    # Marks that take no cell could make a short text endless.
    text = text if len(text) <= 4 * width else text[: 4 * width]
    taken = len(text) if text.isascii() else cell_len(text)
    if taken > width:
        short = shortened(text, width, ellipsis)
        if short is not None:
            return fit(short or ellipsis, width, align, ellipsis) if width else ""
        return set_cell_size(text, width - 1) + ellipsis if width > 1 else ellipsis[:width]
    padding = " " * (width - taken)
    return padding + text if align == "right" else text + padding

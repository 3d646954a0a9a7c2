"""Lines of a grid as strips of exactly the width that is in sight."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.segment import Segment
from textual.strip import Strip

from hptui.ui.widgets.grid_columns import GAP, MARK_WIDTH, GridColumns, fit
from hptui.ui.widgets.wrapped_lines import wrap_lines

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style

    from hptui.ui.widgets.table_model import Sort, TableModel

    CellOf = Callable[[int], tuple[str, Style, str]]
    """The text of a column's cell, its style, and what is told behind it where there is room."""

_OPEN_CELLS: Final = 24
"""An open column of which so much is in sight tells enough."""


@dataclass(frozen=True, slots=True)
class GridPainter:
    """Draws lines for one width and one place of the columns."""

    columns: GridColumns
    style_of: Callable[[str], Style]
    """The style of a role, of `header`, `cursor` and `empty`; of the ground for no name."""
    width: int
    scroll_x: int
    is_unicode: bool

    def header(self, sort: Sort | None) -> Strip:
        """Return the line of labels, with a mark at the column by which rows are sorted."""
        up, down = ("↑", "↓") if self.is_unicode else ("^", "v")
        style = self.style_of("header")

        def label(index: int) -> tuple[str, Style, str]:
            column = self.columns.columns[index]
            if sort is None or sort.key != column.key:
                return column.label, style, ""
            room = self.columns.widths[index] - MARK_WIDTH
            mark = down if sort.is_reversed else up
            text = fit(column.label, room, column.align, self._ellipsis)
            shown = f"{text.rstrip()} {mark}" if column.align == "left" else f"{text} {mark}"
            return shown, style, ""

        return self._assemble(label, style)

    def row(self, model: TableModel, row: int, *, is_cursor: bool = False) -> Strip:
        """Return the line of a row."""
        style_of = self.style_of
        # On the cursor's ground no other colour is sure to be seen.
        on_cursor = style_of("cursor") if is_cursor else None

        def cell(index: int) -> tuple[str, Style, str]:
            found = model.cell(row, index)
            return found.text, on_cursor or style_of(found.role), found.more

        return self._assemble(cell, on_cursor or style_of(""))

    def empty_line(self, sentence: str, at: int) -> Strip:
        """Return one of the lines of a sentence that stands in the place of rows, from 0."""
        lines = wrap_lines([[(sentence, "")]], self.width - 2)
        text = "".join(text for text, _ in lines[at]) if 0 <= at < len(lines) else ""
        shown = fit(f" {text}", self.width, "left", self._ellipsis)
        return Strip([Segment(shown, self.style_of("empty"))], self.width)

    @property
    def _ellipsis(self) -> str:
        return "…" if self.is_unicode else ">"

    def _assemble(self, cell: CellOf, ground: Style) -> Strip:
        """Draw the first column, then those that are in sight beside it."""
        grid = self.columns
        if not grid.widths:
            return Strip.blank(self.width, ground)
        segments = _Segments()
        segments.add(" ", ground)
        self._add_cell(segments, 0, cell(0)[:2], 0, (self._end_of(0, 0), grid.frozen_width))
        frozen = Strip(segments.joined(), grid.frozen_width)
        room = self.width - grid.frozen_width
        if room <= 0:
            return frozen.crop(0, self.width)
        left = self.scroll_x + grid.frozen_width
        segments = _Segments()
        in_sight = list(grid.visible(self.scroll_x, self.width))
        is_told = any(
            grid.columns[index].is_open and grid.start_of(index) + _OPEN_CELLS <= left + room
            for index in in_sight
        )
        while in_sight:
            index = in_sight.pop(0)
            text, style, more = cell(index)
            end = self._end_of(index, left + room)
            if more and not is_told:
                while in_sight and not cell(in_sight[0])[0]:
                    end = self._end_of(in_sight.pop(0), left + room)
                text = f"{text}  {more}"
            self._add_cell(segments, index, (text, style), left, (end, left + room))
        strip = Strip(segments.joined())
        return Strip.join([frozen, strip.extend_cell_length(room, ground)])

    def _end_of(self, index: int, right: int) -> int:
        """Return where a column ends, in cells from the left end of a line."""
        end = self.columns.start_of(index) + self.columns.widths[index]
        is_last = index == len(self.columns.columns) - 1
        return max(end, right - 1) if is_last and self.columns.columns[index].is_open else end

    def _add_cell(
        self,
        segments: _Segments,
        index: int,
        cell: tuple[str, Style],
        left: int,
        ends: tuple[int, int],
    ) -> None:
        """Add what is in sight of a cell; a number that is cut would be another one.

        Args:
            segments: Where to add it.
            index: The column.
            cell: Its text and style.
            left: Where the line that is in sight begins.
            ends: Where the cell ends, and where the line does.
        """
        text, style = cell
        end, right = ends
        start = self.columns.start_of(index)
        room = max(0, min(end, right) - max(start, left))
        gap = max(0, min(end + GAP, right) - max(end, left))
        align = self.columns.columns[index].align
        segments.add(fit(text, room, align, self._ellipsis) + " " * gap, style)


class _Segments:
    """Segments of a line, joined where they look alike."""

    __slots__ = ("_done", "_style", "_text")

    def __init__(self) -> None:
        self._done: list[Segment] = []
        self._style: Style | None = None
        self._text = ""

    def add(self, text: str, style: Style) -> None:
        """Add text at the end."""
        if style is not self._style and self._text:
            self._done.append(Segment(self._text, self._style))
            self._text = ""
        self._style = style
        self._text += text

    def joined(self) -> list[Segment]:
        return [*self._done, Segment(self._text, self._style)] if self._text else self._done

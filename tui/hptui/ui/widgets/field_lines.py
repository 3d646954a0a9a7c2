"""Rows of fields with a cursor on one of them, and room for a remark under a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hptui.ui.widgets.field_rows import (
    FieldCell,
    FieldColumn,
    FieldRow,
    column_widths,
    nearest_field,
    next_field,
)
from hptui.ui.widgets.grid_columns import fit
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from textual import events

GAP: Final = 2
MARGIN: Final = 1
_DOUBLE: Final = 2
_REMARK_MARGIN: Final = 3


class FieldLines(  # pyright: ignore[reportIncompatibleMethodOverride] - among Textual's own
    ScrollView, RoleStyled, can_focus=True
):
    """Draws the rows; what enter, a double click or a letter means is for the one around it."""

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("left", "turn(-1)", "field to the left", show=False),
        Binding("right", "turn(1)", "field to the right", show=False),
        Binding("pageup,ctrl+u", "page(-1)", "page up", show=False),
        Binding("pagedown,ctrl+d", "page(1)", "page down", show=False),
        Binding("g,home", "move(-100000)", "first row", show=False),
        Binding("G,end", "move(100000)", "last row", show=False),
    ]
    DEFAULT_CSS = """
    FieldLines {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size: 1 1;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        **dict.fromkeys(("header", "dim", "remark"), RoleStyle("dimmed")),
        "name": RoleStyle("foreground"),
        "edited": RoleStyle("text-primary", text_style="bold"),
        "off": RoleStyle("disabled"),
        "trouble": RoleStyle("text-error"),
        "cursor": RoleStyle("block-cursor-foreground", background="block-cursor-background"),
    }

    @dataclass
    class CursorMoved(Message):
        """The cursor stands on another field."""

        lines: FieldLines

    @dataclass
    class Opened(Message):
        """A field was clicked twice."""

        lines: FieldLines

    def __init__(self, empty: str = "") -> None:
        super().__init__()
        self._columns: tuple[FieldColumn, ...] = ()
        self._rows: tuple[FieldRow, ...] = ()
        self._widths: list[int] = []
        self._has_header = False
        self._row = 0
        self._column = 0
        self._wanted_column = 0
        self._has_moved = False
        self._remark: tuple[str, list[str], bool] | None = None
        self._empty = empty

    @property
    def rows(self) -> tuple[FieldRow, ...]:
        return self._rows

    @property
    def cursor(self) -> tuple[str, str] | None:
        """The keys of the row and the column under the cursor; None where there is no field."""
        if not self._rows or not self._rows[self._row].cells[self._column].is_field:
            return None
        return self._rows[self._row].key, self._columns[self._column].key

    def show(
        self, columns: Sequence[FieldColumn], rows: Sequence[FieldRow], empty: str = ""
    ) -> None:
        """Show other rows; a cursor that was moved stays on its row where there is one still."""
        key = self._rows[self._row].key if self._rows and self._has_moved else None
        self._columns, self._rows, self._empty = tuple(columns), tuple(rows), empty
        self._has_header = any(column.label for column in columns)
        at = next((i for i, row in enumerate(self._rows) if row.key == key), None)
        self._row = min(self._row, max(0, len(self._rows) - 1)) if at is None else at
        self._settle_column()
        self._lay_out()

    def remark(self, key: str | None, text: str = "", *, is_trouble: bool = False) -> None:
        """Put a sentence under a row, or take it away."""
        room = max(10, self.size.width - _REMARK_MARGIN - MARGIN)
        lines = _wrap(text, room) if text else []
        remark = (key, lines, is_trouble) if key is not None and lines else None
        if remark != self._remark:
            self._remark = remark
            self._lay_out()
            self._bring_into_sight()

    def move_to(self, row_key: str, column_key: str | None = None) -> None:
        """Put the cursor on a field."""
        row = next((i for i, each in enumerate(self._rows) if each.key == row_key), None)
        if row is None:
            return
        if column_key is not None:
            self._wanted_column = next(
                (i for i, each in enumerate(self._columns) if each.key == column_key), 0
            )
        self._go(row)

    def turn(self, step: int) -> bool:
        """Move the cursor to the next field of the row, and say whether there is one."""
        if not self._rows:
            return False
        column = next_field(self._rows[self._row], self._column, step)
        if column is None:
            return False
        self._wanted_column = column
        self._go(self._row)
        return True

    def field_region(self) -> Region:
        """Return where the field under the cursor stands within the widget."""
        cell = self._rows[self._row].cells[self._column]
        x, width = self._place(self._column, cell)
        y = self._line_of(self._row) - int(self.scroll_offset.y) + self._has_header
        return Region(x, y, width, 1)

    @property
    def cursor_region(self) -> Region:
        """Where the row under the cursor stands on the screen; empty where there is none."""
        if not self._rows:
            return Region()
        y = self._line_of(self._row) - int(self.scroll_offset.y) + self._has_header
        return Region(self.content_region.x, self.content_region.y + y, self.size.width, 1)

    def width_over(self, least: int) -> int:
        """Return how wide what stands over the field must be to cover whole columns.

        Args:
            least: How many cells it needs.
        """
        x = self.field_region().x
        ends = (
            self._place(column, FieldCell(""))[0] + width
            for column, width in enumerate(self._widths)
            if column >= self._column
        )
        # A cell of the gap holds the editor's cursor behind a text that fills its columns.
        return next((end - x + 1 for end in ends if end - x >= least), self.size.width - x)

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        width = self.size.width
        if self._has_header and y == 0:
            cells = tuple(FieldCell(column.label) for column in self._columns)
            return self._draw(cells, "header", width, None)
        line = y - self._has_header + int(self.scroll_offset.y)
        if not self._rows:
            text = f" {self._empty}" if line == 0 else ""
            return Strip([Segment(fit(text, width, "left", "…"), self.style_of("dim"))], width)
        found = self._at(line)
        if found is None:
            return Strip.blank(width, self.rich_style)
        row, remark = found
        if remark is not None:
            assert self._remark is not None
            role = "trouble" if self._remark[2] else "remark"
            text = " " * _REMARK_MARGIN + self._remark[1][remark]
            return Strip([Segment(fit(text, width, "left", "…"), self.style_of(role))], width)
        return self._draw(self._rows[row].cells, "", width, row)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Show the cursor while the rows have the focus, and only then."""
        super().watch_has_focus(has_focus)
        self.refresh()

    def on_resize(self) -> None:
        self._lay_out()
        self._bring_into_sight()

    def action_move(self, rows: int) -> None:
        self._go(self._row + rows)

    def action_page(self, pages: int) -> None:
        self._go(self._row + pages * max(1, self._height - 1))

    def action_turn(self, step: int) -> None:
        """Move the cursor to the next field of the row."""
        self.turn(step)

    def on_click(self, event: events.Click) -> None:
        """Put the cursor where it was clicked."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        found = self._at(offset.y - self._has_header + int(self.scroll_offset.y))
        if offset.y < self._has_header or found is None or found[1] is not None:
            return
        row = self._rows[found[0]]
        columns = [i for i in range(len(row.cells)) if self._place(i, row.cells[i])[0] <= offset.x]
        before = self.cursor
        self._wanted_column = max(columns, default=0)
        self._go(found[0])
        if event.chain == _DOUBLE or (self.cursor == before and self.has_focus):
            self.post_message(self.Opened(self))

    def _go(self, row: int) -> None:
        if not self._rows:
            return
        before = self._row, self._column
        self._row = max(0, min(row, len(self._rows) - 1))
        self._settle_column()
        if before != (self._row, self._column):
            self._has_moved = True
            self.post_message(self.CursorMoved(self))
        self._bring_into_sight()
        self.refresh()

    def _settle_column(self) -> None:
        if self._rows:
            found = nearest_field(self._rows[self._row], self._wanted_column)
            self._column = 0 if found is None else found

    def _lay_out(self) -> None:
        room = self.size.width - 2 * MARGIN
        if room <= 0:
            return
        self._widths = column_widths(self._columns, self._rows, room, GAP)
        n_remarks = len(self._remark[1]) if self._remark else 0
        n_lines = len(self._rows) + n_remarks + self._has_header
        self.virtual_size = Size(self.size.width, n_lines)
        self.refresh()

    @property
    def _height(self) -> int:
        return max(1, self.size.height - self._has_header)

    @property
    def _remark_row(self) -> int | None:
        if self._remark is None:
            return None
        key = self._remark[0]
        return next((i for i, row in enumerate(self._rows) if row.key == key), None)

    def _line_of(self, row: int) -> int:
        at = self._remark_row
        if at is None or row <= at or self._remark is None:
            return row
        return row + len(self._remark[1])

    def _at(self, line: int) -> tuple[int, int | None] | None:
        """Return the row of a line, and which line of the remark it is if it is one."""
        at = self._remark_row
        if at is not None and self._remark is not None and line > at:
            n_remarks = len(self._remark[1])
            if line <= at + n_remarks:
                return at, line - at - 1
            line -= n_remarks
        return (line, None) if 0 <= line < len(self._rows) else None

    def _bring_into_sight(self) -> None:
        if not self._rows or not self.is_mounted or self.size.height <= 0:
            return
        first = self._line_of(self._row)
        last = first
        if self._remark_row == self._row and self._remark is not None:
            last += len(self._remark[1])
        top = int(self.scroll_offset.y)
        if first < top:
            self.scroll_to(y=first, animate=False)
        elif last >= top + self._height:
            self.scroll_to(y=last - self._height + 1, animate=False)

    def _place(self, column: int, cell: FieldCell) -> tuple[int, int]:
        x = MARGIN + sum(self._widths[:column]) + GAP * column
        last = min(column + cell.span, len(self._widths))
        width = sum(self._widths[column:last]) + GAP * (last - column - 1)
        return x, width

    def _draw(self, cells: tuple[FieldCell, ...], role: str, width: int, row: int | None) -> Strip:
        ground = self.rich_style
        segments = [Segment(" " * MARGIN, ground)]
        index = 0
        while index < len(cells) and index < len(self._widths):
            cell = cells[index]
            _, room = self._place(index, cell)
            align = self._columns[index].align if cell.span == 1 else "left"
            style = self.style_of(role or cell.role)
            if row == self._row and index == self._column and cell.is_field:
                style = style + self.style_of("cursor") if self.has_focus else style
            segments.append(Segment(fit(cell.text, room, align, "…"), style))
            segments.append(Segment(" " * GAP, ground))
            index += cell.span
        strip = Strip(segments)
        return strip.adjust_cell_length(width, ground)


def _wrap(text: str, width: int) -> list[str]:
    """Return the words of a sentence in lines of at most `width` cells."""
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and cell_len(lines[-1]) + 1 + cell_len(word) > width:
            lines.append(word)
        else:
            lines[-1] = f"{lines[-1]} {word}" if lines[-1] else word
    return lines

"""A table of any length that draws what is in sight and asks its model for nothing else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, cast

from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hptui.ui.widgets.counts import COUNT_BINDINGS, TypedCount, is_count_free
from hptui.ui.widgets.grid_columns import GridColumns
from hptui.ui.widgets.grid_lines import GridPainter
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Unpack

    from rich.style import Style
    from textual import events
    from textual.app import App

    from hptui.ui.widgets.pane_title import WidgetName
    from hptui.ui.widgets.table_model import RowKey, TableModel

_HEADER_LINES: Final = 1
_MAX_KEPT_LINES: Final = 512
_DOUBLE: Final = 2


class Grid(  # pyright: ignore[reportIncompatibleMethodOverride] - among Textual's own
    ScrollView, RoleStyled, can_focus=True
):
    """A table with a cursor on a row.

    The first column stays in sight, and the cursor stays on its row when rows come, go or change
    places. Where new rows come at an end of the table, a cursor that stands at that end goes with
    them until it is moved away.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", "up", show=False),
        Binding("down,j", "move(1)", "down", show=False),
        Binding("pageup,ctrl+b", "page(-1.0)", "page up", show=False),
        Binding("pagedown,ctrl+f", "page(1.0)", "page down", show=False),
        Binding("ctrl+u", "page(-0.5)", "half a page up", show=False),
        Binding("ctrl+d", "page(0.5)", "half a page down", show=False),
        Binding("g,home,ctrl+home", "move_to_start", "first row", show=False),
        Binding("G,end,ctrl+end", "move_to_end", "last row", show=False),
        Binding("left", "turn(-1)", "columns to the left", show=False),
        Binding("right", "turn(1)", "columns to the right", show=False),
        Binding("enter", "open", "open", show=False),
        *COUNT_BINDINGS,
    ]
    DEFAULT_CSS = """
    Grid {
        height: 1fr;
        scrollbar-size: 1 1;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "header": RoleStyle("dimmed", text_style="bold"),
        "cursor": RoleStyle(
            "block-cursor-foreground",
            background="block-cursor-background",
            text_style="$block-cursor-text-style",
        ),
        "cursor-blurred": RoleStyle(background="block-cursor-blurred-background"),
        "empty": RoleStyle("dimmed"),
        "dim": RoleStyle("dimmed"),
        **{
            state: RoleStyle(f"state-{state}")
            for state in ("running", "complete", "pruned", "failed", "waiting", "infeasible")
        },
        "trouble": RoleStyle("state-failed"),
        "best": RoleStyle("state-best", text_style="bold"),
        **{f"series-{number}": RoleStyle(f"chart-series-{number}") for number in range(1, 7)},
    }

    @dataclass
    class CursorMoved(Message):
        """The cursor stands on another row, or on none."""

        grid: Grid
        key: RowKey | None

        @property
        def control(self) -> Grid:
            return self.grid

        def can_replace(self, message: Message) -> bool:
            """Say that of several movements only the last one counts."""
            return isinstance(message, Grid.CursorMoved) and message.grid is self.grid

    @dataclass
    class RowOpened(Message):
        """Enter was pressed on a row, or it was clicked twice."""

        grid: Grid
        key: RowKey

        @property
        def control(self) -> Grid:
            return self.grid

    @dataclass
    class HeaderClicked(Message):
        """The header of a column was clicked."""

        grid: Grid
        column_key: str

        @property
        def control(self) -> Grid:
            return self.grid

    def __init__(
        self,
        model: TableModel | None = None,
        *,
        empty: str = "",
        **naming: Unpack[WidgetName],
    ) -> None:
        super().__init__(**naming)
        self._model: TableModel | None = None
        self._columns = GridColumns()
        self._row = 0
        self._key: RowKey | None = None
        self._said_key: RowKey | None = None
        self._empty = empty
        self._count = TypedCount()
        self._lines: dict[int, Strip] = {}
        if model is not None:
            self.show(model, empty=empty)

    @property
    def model(self) -> TableModel | None:
        return self._model

    @property
    def cursor_row(self) -> int | None:
        """Where the cursor stands; None where there are no rows."""
        return self._row if self._n_rows else None

    @property
    def cursor_region(self) -> Region:
        """Where the row under the cursor stands on the screen; empty where there is none."""
        y = self._row - int(self.scroll_offset.y) + _HEADER_LINES
        if not self._n_rows or not _HEADER_LINES <= y < self.size.height:
            return Region()
        return Region(self.content_region.x, self.content_region.y + y, self.size.width, 1)

    @property
    def cursor_key(self) -> RowKey | None:
        """The key of the row under the cursor; None where there are no rows."""
        return self._key if self._n_rows else None

    @property
    def is_following(self) -> bool:
        """Whether the cursor stands where new rows come, and goes with them."""
        model = self._model
        if model is None or not len(model) or model.grows_at is None:
            return False
        end = len(model) - 1 if model.grows_at == "end" else 0
        return self._row == end and (not self.is_mounted or self._is_in_sight(self._row))

    def show(self, model: TableModel, *, empty: str = "") -> None:
        """Show another model; `empty` is a sentence for a table without rows."""
        before, was_following = self._model, self.is_following
        had_rows, row = self._n_rows > 0, self._row
        shift = self._row - int(self.scroll_offset.y)
        was_in_sight = had_rows and self._is_in_sight(self._row)
        top = self._top_key()
        self._model, self._empty = model, empty
        self._take_columns(model)
        follows = was_following and before is not None and before.grows_at == model.grows_at
        self._row = self._row_in(model, row, is_at_growth=follows or self._key is None)
        self._resize_content()
        if len(model):
            if follows or not had_rows:
                self._bring_into_sight()
            elif was_in_sight:
                self._scroll_rows_to(self._row - shift)
                self._bring_into_sight()
            elif top is not None:
                at = model.row_of_key(top)
                self._scroll_rows_to(int(self.scroll_offset.y) if at is None else at)
        self._set_key(model.key_of(self._row) if len(model) else None)
        self.refresh_cells()

    def move_to_key(self, key: RowKey) -> bool:
        """Put the cursor on the row with this key and say whether there is one."""
        row = None if self._model is None else self._model.row_of_key(key)
        if row is None:
            return False
        self.move_to_row(row)
        return True

    def move_to_row(self, row: int) -> None:
        """Put the cursor on a row, or the nearest one that there is."""
        if self._model is None or not self._n_rows:
            return
        before, self._row = self._row, max(0, min(row, self._n_rows - 1))
        self._set_key(self._model.key_of(self._row))
        self._bring_into_sight()
        for changed in {before, self._row}:
            self._refresh_row(changed)

    def forget_widths(self) -> None:
        """Let the next model's columns be narrower than before, where there is less room now."""
        self._columns.forget_widths()

    def refresh_cells(self) -> None:
        """Ask the model again for what is in sight."""
        self._lines.clear()
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw one line of the screen."""
        model, width = self._model, self._width
        if model is None:
            return Strip.blank(width, self.rich_style)
        if y < _HEADER_LINES:
            return self._painter.header(model.sort)
        row = y - _HEADER_LINES + int(self.scroll_offset.y)
        if row >= len(model):
            sentence = "" if len(model) else self._empty
            return self._painter.empty_line(sentence, y - _HEADER_LINES - 1)
        if row == self._row:
            return self._painter.row(model, row, is_cursor=True)
        strip = self._lines.get(row)
        if strip is None or strip.cell_length != width:
            if len(self._lines) >= _MAX_KEPT_LINES:
                self._lines.clear()
            strip = self._lines[row] = self._painter.row(model, row)
        return strip

    def notify_style_update(self) -> None:
        """Forget what was drawn in other colours."""
        super().notify_style_update()
        self._lines.clear()

    def watch_scroll_x(self, old_value: float, new_value: float) -> None:
        """Forget what was drawn at another place."""
        self._lines.clear()
        super().watch_scroll_x(old_value, new_value)

    def watch_has_focus(self, has_focus: bool) -> None:
        """Draw the cursor in the colours of a table that has the focus, or has not."""
        super().watch_has_focus(has_focus)
        self._refresh_row(self._row)

    def on_mount(self) -> None:
        self._set_key(self.cursor_key)

    def on_resize(self) -> None:
        self._lines.clear()
        self._bring_into_sight()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave digits to a screen that has a use for them."""
        return action != "count" or is_count_free(self, str(parameters[0]))

    def action_count(self, digit: str) -> None:
        """Take a digit of how far the next movement goes."""
        self._count.add(digit)

    def on_key(self, event: events.Key) -> None:
        """Forget a count where something else is done."""
        self._count.look_at(event.key)

    def action_move(self, rows: int) -> None:
        """Move the cursor down by `rows`, as often as was typed."""
        self.move_to_row(self._row + rows * (self._count.take() or 1))

    def action_page(self, pages: float) -> None:
        """Move the cursor down by pages, and the rows with it."""
        pages *= self._count.take() or 1
        rows = max(1, int(abs(pages) * self._height)) * (1 if pages > 0 else -1)
        self._scroll_rows_to(int(self.scroll_offset.y) + rows)
        self.move_to_row(self._row + rows)

    def action_move_to_start(self) -> None:
        """Put the cursor on the first row."""
        self.move_to_row(0)

    def action_move_to_end(self) -> None:
        """Put the cursor on the last row, or on that of a number that was typed."""
        count = self._count.take()
        self.move_to_row(self._n_rows - 1 if count is None else count - 1)

    def action_turn(self, columns: int) -> None:
        """Show columns further to the right, or to the left."""
        grid, scroll_x = self._columns, int(self.scroll_offset.x)
        starts = [grid.start_of(index) - grid.frozen_width for index in range(1, len(grid.widths))]
        if columns > 0:
            x = next((start for start in starts if start > scroll_x), scroll_x)
        else:
            x = next((start for start in reversed(starts) if start < scroll_x), 0)
        self.scroll_to(x=x, animate=False, force=True)

    def action_open(self) -> None:
        if self.cursor_key is not None:
            self.post_message(self.RowOpened(self, self.cursor_key))

    def on_click(self, event: events.Click) -> None:
        """Put the cursor on the row that was clicked; open it when it was clicked twice."""
        offset = event.get_content_offset(self)
        if offset is None:
            return
        event.stop()
        if offset.y < _HEADER_LINES:
            index = self._columns.at(offset.x, int(self.scroll_offset.x))
            if index is not None:
                key = self._columns.columns[index].key
                self.post_message(self.HeaderClicked(self, key))
            return
        row = offset.y - _HEADER_LINES + int(self.scroll_offset.y)
        if row < self._n_rows:
            self.move_to_row(row)
            if event.chain == _DOUBLE:
                self.action_open()

    @property
    def _n_rows(self) -> int:
        return 0 if self._model is None else len(self._model)

    @property
    def _width(self) -> int:
        return self.scrollable_content_region.width  # without the scroll bar

    @property
    def _height(self) -> int:
        return max(1, self.scrollable_content_region.height - _HEADER_LINES)

    def _is_in_sight(self, row: int) -> bool:
        top = int(self.scroll_offset.y)
        return not self.size or top <= row < top + self._height

    def _top_key(self) -> RowKey | None:
        top = int(self.scroll_offset.y)
        return self._model.key_of(top) if self._model is not None and top < self._n_rows else None

    def _row_in(self, model: TableModel, row: int, *, is_at_growth: bool) -> int:
        """Return where the cursor stands in a model that takes the place of another."""
        n_rows = len(model)
        if is_at_growth:
            return max(0, n_rows - 1) if model.grows_at == "end" else 0
        found = None if self._key is None else model.row_of_key(self._key)
        return max(0, min(row, n_rows - 1)) if found is None else found

    def _set_key(self, key: RowKey | None) -> None:
        # Rows may come back, and the cursor to the one where it stood.
        self._key = self._key if key is None else key
        if self.is_mounted and key != self._said_key:
            self._said_key = key
            self.post_message(self.CursorMoved(self, key))

    def _take_columns(self, model: TableModel) -> None:
        if self._columns.show(model.columns, model.sort):
            self._lines.clear()

    def _resize_content(self) -> None:
        size = Size(self._columns.total_width, self._n_rows + _HEADER_LINES)
        if size != self.virtual_size and self.is_mounted:
            # Set as usual it would lay out the whole screen anew for each row that comes.
            self.set_reactive(Grid.virtual_size, size)  # pyright: ignore[reportArgumentType]
            self._scroll_update(size)
        elif size != self.virtual_size:
            self.virtual_size = size

    def _scroll_rows_to(self, row: int) -> None:
        if self.is_mounted:
            # Also before the next layout has made a scroll bar of the new rows.
            self.scroll_to(y=max(0, row), animate=False, force=True)

    def _bring_into_sight(self) -> None:
        if not self.is_mounted:
            return
        top = int(self.scroll_offset.y)
        if self._row < top:
            self._scroll_rows_to(self._row)
        elif self._row >= top + self._height:
            self._scroll_rows_to(self._row - self._height + 1)

    def _refresh_row(self, row: int) -> None:
        y = row - int(self.scroll_offset.y) + _HEADER_LINES
        if _HEADER_LINES <= y < self.size.height:
            self.refresh(Region(0, y, self.size.width, 1))

    def _style_of(self, name: str) -> Style:
        return self.style_of("cursor-blurred" if name == "cursor" and not self.has_focus else name)

    @property
    def _painter(self) -> GridPainter:
        app = cast("App[object]", self.app)  # pyright: ignore[reportUnknownMemberType]
        is_unicode = bool(getattr(app, "unicode", True))
        scroll_x = int(self.scroll_offset.x)
        return GridPainter(self._columns, self._style_of, self._width, scroll_x, is_unicode)

"""The parameters of a trial by hand, a row each, with a cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual.geometry import Region, Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hptui.domain.text import safe_line
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual import events

    from hptui.ui.study.enqueue_draft import DraftField, EnqueueDraft

_NAME_CELLS = 24
_VALUE_CELLS = 18
_WIDTH = 76


class DraftTable(  # pyright: ignore[reportIncompatibleMethodOverride] - among Textual's own
    ScrollView, RoleStyled, can_focus=False
):
    """Shows name, value and range of each parameter; only the rows in sight are drawn."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    DraftTable {
        height: auto;
        scrollbar-size: 1 1;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "cursor": RoleStyle("block-cursor-foreground", background="block-cursor-background"),
        "note": RoleStyle("dimmed"),
        "problem": RoleStyle("state-failed"),
    }

    @dataclass
    class RowPicked(Message):
        """A row was clicked."""

        row: int

    def __init__(self, draft: EnqueueDraft) -> None:
        super().__init__()
        self._draft = draft
        self._names = min(_NAME_CELLS, max(cell_len(_name(each)) for each in draft.fields))
        self._cursor = 0

    def on_mount(self) -> None:
        """Make room for all rows."""
        # Rows are cut, not scrolled sideways.
        self.virtual_size = Size(0, len(self._draft.fields))

    @property
    def cursor(self) -> int:
        """The row that is written."""
        return self._cursor

    @cursor.setter
    def cursor(self, row: int) -> None:
        self._cursor = row
        self.scroll_to_region(Region(0, row, 1, 1), animate=False, force=True)
        self.refresh()

    def show(self, draft: EnqueueDraft) -> None:
        """Show what has been written by now."""
        self._draft = draft
        self.refresh()

    def get_content_width(
        self,
        container: Size,  # noqa: ARG002 - Textual's signature
        viewport: Size,  # noqa: ARG002
    ) -> int:
        """Return the width of a row."""
        return _WIDTH

    def get_content_height(
        self,
        container: Size,  # noqa: ARG002 - Textual's signature
        viewport: Size,  # noqa: ARG002
        width: int,  # noqa: ARG002
    ) -> int:
        """Return a line a parameter."""
        return len(self._draft.fields)

    def render_line(self, y: int) -> Strip:
        """Draw one row."""
        row = y + self.scroll_offset.y
        width = self.size.width
        base = self.rich_style
        if row >= len(self._draft.fields):
            return Strip.blank(width, base)
        field = self._draft.fields[row]
        note = base + self.style_of("note", partial=True)
        wrong = base + self.style_of("problem", partial=True)
        if row == self._cursor:
            # On the cursor's ground no other colour is sure to be seen.
            base = note = wrong = self.style_of("cursor")
        if field.problem:
            value = Segment(set_cell_size(f"{safe_line(field.text)} ✗", _VALUE_CELLS), wrong)
        else:
            shown = field.fixed or safe_line(field.text) or "sampler"
            style = base if field.text and not field.fixed else note
            value = Segment(set_cell_size(shown, _VALUE_CELLS), style)
        name = set_cell_size(_name(field), self._names)
        segments = [
            Segment(f" {name}  ", base),
            value,
            Segment("  ", base),
            Segment(field.range_text, note),
        ]
        return Strip(segments).crop_extend(0, width, base)

    def on_click(self, event: events.Click) -> None:
        """Pick a row."""
        row = event.y + self.scroll_offset.y
        if row < len(self._draft.fields):
            self.post_message(self.RowPicked(row))


def _name(field: DraftField) -> str:
    return safe_line(field.name, max_chars=60)

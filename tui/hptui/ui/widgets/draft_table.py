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

if TYPE_CHECKING:
    from textual import events

    from hptui.ui.data.enqueue_draft import DraftField, EnqueueDraft

_NAME_CELLS = 24
_VALUE_CELLS = 18
_WIDTH = 76


class DraftTable(ScrollView, can_focus=False):
    """Shows name, value and range of each parameter; only the rows in sight are drawn."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    DraftTable {
        height: auto;
        scrollbar-size: 1 1;
        & > .draft-table--cursor { background: $block-cursor-background; }
        & > .draft-table--note { color: $dimmed; }
        & > .draft-table--problem { color: $state-failed; }
    }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "draft-table--cursor",
        "draft-table--note",
        "draft-table--problem",
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
        self.virtual_size = Size(_WIDTH, len(self._draft.fields))

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
        if row == self._cursor:
            base += self.get_component_rich_style("draft-table--cursor", partial=True)
        note = base + self.get_component_rich_style("draft-table--note", partial=True)
        if field.problem:
            wrong = self.get_component_rich_style("draft-table--problem", partial=True)
            value = Segment(set_cell_size(f"{safe_line(field.text)} ✗", _VALUE_CELLS), base + wrong)
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

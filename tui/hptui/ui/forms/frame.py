"""The frame of a dialog: a title, fields in lines or a table, what is wrong, and the keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from hptui.domain.texts.text import safe_line
from hptui.ui.widgets.grid import Grid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.geometry import Size

    from hptui.ui.forms.fields import FormField
    from hptui.ui.widgets.table_model import RowKey, TableModel


_MAX_PROBLEM_CHARS: Final = 600
_LEAST_GRID_LINES: Final = 3


class DialogFrame(Vertical):
    """Holds what is composed within it, below the title and above problem and keys.

    Args:
        title: A few words.
        keys: A line about the keys; None for a frame without one.
        problem: What is said at first; None for a dialog in which nothing can be wrong.
    """

    def __init__(self, title: str, *, keys: str | None = None, problem: str | None = None) -> None:
        super().__init__(Static(Text(safe_line(title)), id="title"), id="frame")
        self._keys, self._problem = keys, problem

    def compose(self) -> ComposeResult:
        if self._problem is not None:
            yield Static(Text(self._problem), id="problem")
        if self._keys is not None:
            yield Static(Text(self._keys), id="keys")

    def tell(self, text: str, *, is_note: bool = False) -> None:
        """Say what is wrong, or what is to be known; no text takes it away."""
        line = self.query_one("#problem", Static)
        line.set_class(is_note, "-note")
        line.update(Text(safe_line(text, max_chars=_MAX_PROBLEM_CHARS)))

    def show_keys(self, text: str) -> None:
        """Say which keys work now."""
        self.query_one("#keys", Static).update(Text(text))


class FormGrid(Grid):
    """A table in a dialog, as high as its rows where there is room; space marks one.

    Args:
        model: What it shows.
        lines_beside: How many lines of the dialog are none of its rows.
        empty: A sentence for a table without rows.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", "mark", show=False)]
    DEFAULT_CSS = """
    FormGrid {
        height: auto;
        overflow-x: hidden;
        background: $surface;
    }
    """

    @dataclass
    class Marked(Message):
        """Space was pressed on a row."""

        key: RowKey

    def __init__(self, model: TableModel, *, lines_beside: int, empty: str = "") -> None:
        super().__init__(model, empty=empty)
        self._lines_beside = lines_beside

    def get_content_height(
        self,
        container: Size,  # noqa: ARG002 - Textual's signature
        viewport: Size,
        width: int,  # noqa: ARG002
    ) -> int:
        """Return the lines of header and rows, or as many as a frame has room for."""
        room = max(_LEAST_GRID_LINES, viewport.height * 9 // 10 - self._lines_beside)
        return min(1 + (0 if self.model is None else len(self.model)), room)

    def action_mark(self) -> None:
        """Tell that a row is to be marked, or not to be, and go to the next one."""
        if self.cursor_key is not None:
            self.post_message(self.Marked(self.cursor_key))
            # At once: another mark may be typed before this one has been heard of.
            self.action_move(1)


_MAX_LABEL: Final = 24
_GAP: Final = 2


class FormLine(Horizontal):
    """A label and what is typed beside it.

    Args:
        label: One or two words.
        field: A line that is typed into.
        width: Of the label, in cells.
        id: Its id.
    """

    def __init__(self, label: str, field: Input, *, width: int, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        shown = Static(Text(safe_line(label, max_chars=_MAX_LABEL)), classes="label")
        shown.styles.width = min(width, _MAX_LABEL) + _GAP
        super().__init__(shown, field, id=id, classes="form-line")


class FormLines(VerticalScroll, inherit_bindings=False):
    """Fields that may be more than fit; keys go from one to the next, and do not scroll."""

    def __init__(self, *, id: str | None = None, can_focus: bool | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, can_focus=can_focus)
        self._ids: dict[str, str] = {}

    async def ask(self, fields: Sequence[FormField]) -> None:
        """Add fields."""
        width = max((len(field.label) for field in fields), default=0)
        self._ids = {field.id: f"field-{index}" for index, field in enumerate(fields)}
        lines = [
            FormLine(field.label, _input_of(field, self._ids[field.id]), width=width)
            for field in fields
        ]
        await self.mount_all(lines)

    @property
    def texts(self) -> dict[str, str]:
        """What stands in each field, by the field's id."""
        return {name: self.query_one(f"#{key}", Input).value for name, key in self._ids.items()}


def _input_of(field: FormField, key: str) -> Input:
    suggester = SuggestFromList(field.suggestions) if field.suggestions else None
    return Input(
        field.initial,
        field.placeholder,
        id=key,
        compact=True,
        suggester=suggester,
        select_on_focus=False,
    )

"""A table of fields that are edited where they stand."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.message import Message
from textual.message_pump import _MessagePumpMeta  # pyright: ignore[reportPrivateUsage] - see below
from textual.widgets import Input

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.ui.widgets.field_lines import MARGIN, FieldLines

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Unpack

    from textual import events
    from textual.app import ComposeResult

    from hptui.ui.widgets.field_rows import FieldColumn, FieldRow
    from hptui.ui.widgets.pane_title import WidgetName

_LEAST_WIDTH: Final = 12


class FieldEditor(Input):
    """The line over the field that is edited."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave(0)", "cancel editing", show=False),
        Binding("tab", "leave(1)", "accept, and edit the next field", show=False),
        Binding("shift+tab", "leave(-1)", "accept, and edit the field before", show=False),
        Binding("down", "walk(1)", "accept, and go down", show=False),
        Binding("up", "walk(-1)", "accept, and go up", show=False),
    ]

    def __init__(self, leave: Callable[[int, int], None]) -> None:
        super().__init__()
        self._leave = leave

    def action_leave(self, step: int) -> None:
        self._leave(step, 0)

    def action_walk(self, rows: int) -> None:
        self._leave(0, rows)


# Textual's metaclass has no public name, and a class has one metaclass.
class _AbstractMeta(_MessagePumpMeta, ABCMeta):
    """Textual's metaclass and Python's for abstract classes in one."""


class FieldTable(Container, metaclass=_AbstractMeta):
    """Shows rows of fields; a subclass says what they are and what is done with what is typed.

    Enter edits the field under the cursor in place. What is wrong with a text stands under its row
    while it is typed, and a wrong text is not accepted: the cursor stays.
    """

    DEFAULT_CSS = """
    FieldTable {
        layers: below above;
        height: 1fr;
        & > FieldLines { layer: below; }
        & > FieldEditor {
            layer: above;
            height: 1;
            border: none;
            background: $panel;
            color: $foreground;
            &:focus { border: none; background: $panel; }
            &.-wrong { color: $text-error; }
        }
    }
    """

    @dataclass
    class Changed(Message):
        """A field has another value."""

        table: FieldTable

        @property
        def control(self) -> FieldTable:
            return self.table

    @dataclass
    class Pointed(Message):
        """The cursor stands on another field, or the table has got the focus."""

        table: FieldTable

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(**naming)
        self._lines = FieldLines()
        # At once, not by a message: the next key may be for the next field.
        self._editor = FieldEditor(self._leave)
        self._editor.display = False
        # The text stands exactly over the field.
        self._editor.styles.padding = 0

    @abstractmethod
    def columns(self) -> Sequence[FieldColumn]:
        """Return the columns."""

    @abstractmethod
    def rows(self) -> Sequence[FieldRow]:
        """Return the rows as they are now."""

    def empty_text(self) -> str:
        """Return a sentence for a table without rows."""
        return ""

    def help_text(self) -> str:
        """Return one line about the field under the cursor."""
        return ""

    @abstractmethod
    def text_of(self, row: str, column: str) -> str:
        """Return what the editor of a field begins with."""

    @abstractmethod
    def try_text(self, row: str, column: str, text: str) -> object:
        """Return what the table would hold with this text in a field.

        Raises:
            HptuiError: The text is wrong there.
        """

    @abstractmethod
    def accept(self, held: object) -> None:
        """Hold what `try_text` returned."""

    def is_typed(self, row: str, column: str) -> bool:
        """Say whether a field is typed, rather than chosen."""
        del row, column
        return True

    @abstractmethod
    def choose(self, row: str, column: str) -> None:
        """Change a field that is not typed."""

    @abstractmethod
    def reset(self) -> None:
        """Put the field under the cursor back to what it began with."""

    def compose(self) -> ComposeResult:
        """Lay out the rows and, over them, the editor."""
        yield self._lines
        yield self._editor

    def on_mount(self) -> None:
        self.refresh_rows()

    @property
    def lines(self) -> FieldLines:
        """The rows, which have the focus."""
        return self._lines

    @property
    def cursor(self) -> tuple[str, str] | None:
        """The keys of the row and the column under the cursor."""
        return self._lines.cursor

    @property
    def is_editing(self) -> bool:
        """Whether a field is edited now."""
        return self._editor.display

    def refresh_rows(self) -> None:
        """Show the rows as they are now."""
        self._lines.show(self.columns(), self.rows(), self.empty_text())

    def edit(self) -> None:
        """Edit the field under the cursor, or change it where it is not typed."""
        cursor = self.cursor
        if cursor is None:
            return
        if self.is_typed(*cursor):
            self.edit_text(self.text_of(*cursor))
        else:
            self.choose(*cursor)

    def edit_text(self, text: str) -> None:
        """Open the editor over the field under the cursor."""
        if self.cursor is None:
            return
        self._lines.remark(None)
        self._cover_field()
        editor = self._editor
        editor.value = text
        editor.select_on_focus = True
        editor.display = True
        self.screen.set_focus(editor)

    def _cover_field(self) -> None:
        region = self._lines.field_region()
        room = self._lines.size.width - region.x - MARGIN
        width = self._lines.width_over(max(region.width, _LEAST_WIDTH))
        self._editor.styles.offset = (region.x, region.y)
        self._editor.styles.width = max(min(room, width), 4)

    def attempt(self, held: object) -> None:
        """Hold another state and show it."""
        self.accept(held)
        self.refresh_rows()
        self.post_message(self.Changed(self))

    def refuse(self, error: HptuiError) -> None:
        """Say under the row of the cursor what is wrong."""
        cursor = self.cursor
        self._lines.remark(None if cursor is None else cursor[0], told(error), is_trouble=True)

    @on(Input.Changed)
    def _check(self, event: Input.Changed) -> None:
        event.stop()
        self._look_at_text()

    def _look_at_text(self) -> None:
        """Say under the row what is wrong with the text that is typed."""
        cursor = self.cursor
        if not self.is_editing or cursor is None:
            return
        try:
            self.try_text(*cursor, self._editor.value)
        except HptuiError as error:
            self._editor.add_class("-wrong")
            self.refuse(error)
        else:
            self._editor.remove_class("-wrong")
            self._lines.remark(None)
        self._follow()

    @on(Input.Submitted)
    def _submit(self, event: Input.Submitted) -> None:
        event.stop()
        self._commit()

    def _leave(self, step: int, rows: int) -> None:
        """Leave the editor: as the field was, or for the next field of the row or of a column."""
        if step == 0 and rows == 0:
            self._close()
        elif self._commit():
            if rows:
                self._lines.action_move(rows)
            elif self._lines.turn(step) and (cursor := self.cursor) and self.is_typed(*cursor):
                self.edit()

    @on(FieldLines.CursorMoved)
    def _moved(self, event: FieldLines.CursorMoved) -> None:
        event.stop()
        self._lines.remark(None)
        self.post_message(self.Pointed(self))

    @on(FieldLines.Opened)
    def _opened(self, event: FieldLines.Opened) -> None:
        event.stop()
        self.edit()

    def on_descendant_focus(self) -> None:
        self._lines.refresh()
        self.post_message(self.Pointed(self))

    def on_descendant_blur(self, event: events.DescendantBlur) -> None:
        """Keep what was typed when the editor is left by a click, if it is right."""
        has_left = event.widget is self._editor and not self._editor.has_focus
        if has_left and self.is_editing and not self._commit(refocus=False):
            self._close(refocus=False)
        self._lines.refresh()

    def on_resize(self) -> None:
        """Keep the editor, with what is typed, over its field."""
        if self.is_editing:
            # The rows get their new size after the table.
            self.call_after_refresh(self._settle_editor)

    def _settle_editor(self) -> None:
        if self.is_editing and self.cursor is not None:
            self._look_at_text()
            self._cover_field()

    def _commit(self, *, refocus: bool = True) -> bool:
        """Take what was typed and say whether it was right."""
        cursor = self.cursor
        if cursor is None:
            self._close(refocus=refocus)
            return False
        text = self._editor.value
        if text == self.text_of(*cursor):
            self._close(refocus=refocus)
            return True
        try:
            held = self.try_text(*cursor, text)
        except HptuiError as error:
            self.refuse(error)
            self._follow()
            return False
        self._close(refocus=refocus)
        self.attempt(held)
        return True

    def _follow(self) -> None:
        """Keep the editor over its field when a remark has moved the rows."""
        region = self._lines.field_region()
        self._editor.styles.offset = (region.x, region.y)

    def _close(self, *, refocus: bool = True) -> None:
        self._editor.display = False
        self._editor.remove_class("-wrong")
        self._lines.remark(None)
        if refocus:
            self.screen.set_focus(self._lines)


def told(error: HptuiError) -> str:
    """Return the sentence of an error and what to do, safe and on one line."""
    return safe_line(f"{error.message} {error.hint}".strip(), max_chars=400)

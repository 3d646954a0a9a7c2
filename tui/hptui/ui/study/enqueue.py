"""The form for a trial by hand: a value for each parameter, or none to leave it to the sampler."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.widgets import Input, Static
from textual.widgets.input import Selection

from hptui.domain.texts.text import safe_line
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame, FormGrid

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from hptui.ui.study.enqueue_draft import DraftField, EnqueueDraft


_FRAME_LINES: Final = 15
"""Lines that are no list: the frame, the title, what is typed and about it, and the keys."""


class EnqueueScreen(Dialog[dict[str, Any]]):
    """Asks for the parameters of a trial; what is typed belongs to the row under the cursor.

    It returns the values that were given, or None.
    """

    CSS_PATH: ClassVar = ["../styles/dialogs.tcss", "../styles/enqueue.tcss"]
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,shift+tab", "move(-1)", show=False, priority=True),
        Binding("down,tab", "move(1)", show=False, priority=True),
        Binding("pageup", "move(-10)", show=False, priority=True),
        Binding("pagedown", "move(10)", show=False, priority=True),
        Binding("ctrl+n", "cycle(1)", show=False, priority=True),
        Binding("ctrl+p", "cycle(-1)", show=False, priority=True),
    ]

    def __init__(self, draft: EnqueueDraft) -> None:
        super().__init__()
        self.draft = draft
        self._row = 0

    def compose(self) -> ComposeResult:
        """Lay out the table and the line that is typed into."""
        copied = self.draft.copy_of
        title = "Enqueue a trial" if copied is None else f"Enqueue a copy of trial {copied}"
        with DialogFrame(title, keys="", problem=""):
            table = FormGrid(self.draft, lines_beside=_FRAME_LINES)
            table.can_focus = False
            yield table
            yield Static(id="prompt")
            yield Input(id="field", select_on_focus=False)

    def on_mount(self) -> None:
        """Begin at the first parameter that can be written."""
        open_rows = (i for i, each in enumerate(self.draft.fields) if not each.fixed)
        self.query_one(Input).focus()
        self._go_to(next(open_rows, 0))

    @property
    def _field(self) -> DraftField:
        return self.draft.fields[self._row]

    def action_move(self, by: int) -> None:
        self._go_to(max(0, min(len(self.draft) - 1, self._row + by)))

    def action_cycle(self, by: int) -> None:
        """Put the next choice, or the one before, into the field."""
        if self._field.choices and not self._field.fixed:
            self.draft = self.draft.cycled(self._row, by)
            self._go_to(self._row)

    @on(FormGrid.CursorMoved)
    def _go_to_clicked(self) -> None:
        row = self.query_one(FormGrid).cursor_row
        if row is not None and row != self._row:
            self._go_to(row)

    @on(Input.Changed)
    def take_text(self, message: Input.Changed) -> None:
        """Check what is typed and put it into its row."""
        if not self._field.fixed and message.value != self._field.text:
            self.draft = self.draft.with_text(self._row, message.value)
        self._show_state()

    @on(Input.Submitted)
    def enqueue(self) -> None:
        """Close with the values, or go to what is wrong."""
        wrong = next((i for i, each in enumerate(self.draft.fields) if each.problem), None)
        if wrong is None:
            self.dismiss(self.draft.params())
            return
        self.app.bell()
        self._go_to(wrong)

    def _go_to(self, row: int) -> None:
        self._row = row
        self.query_one(FormGrid).move_to_row(row)
        field = self._field
        entry = self.query_one(Input)
        entry.disabled = bool(field.fixed)
        with self.prevent(Input.Changed):
            entry.value = field.text
            # What is typed takes the place of what stands there.
            entry.selection = Selection(0, len(field.text))
        if not entry.disabled:
            entry.focus()
        name = safe_line(field.name, max_chars=60)
        self.query_one("#prompt", Static).update(
            Text.assemble((name, "bold"), "   ", field.range_text)
        )
        self._show_state()

    def _show_state(self) -> None:
        self.query_one(FormGrid).show(self.draft)
        frame = self.query_one(DialogFrame)
        frame.tell(self._field.problem)
        choices = "   ctrl+n next choice" if self._field.choices else ""
        left = self.draft.n_open
        sampler = "" if not left else f"   {left} left to the sampler"
        frame.show_keys(f"enter enqueue   ↑↓ parameter{choices}   esc back{sampler}")

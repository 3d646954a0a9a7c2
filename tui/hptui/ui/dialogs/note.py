"""The dialog for a note: read as it is laid out, written as it is; both in threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.widgets import Static, TextArea

from hptui.domain.notes import CUT_NOTE
from hptui.domain.text import escape_text
from hptui.ui.dialogs.annotating import note_problem, read_mark_of, read_note_of, save_note_of
from hptui.ui.dialogs.annotations import AnnotatingDialog
from hptui.ui.dialogs.questions import ChoiceDialog
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.markdown_lines import Line, markdown_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.document._edit import Edit
    from textual.widgets.text_area import EditResult

    from hptui.storage.annotations.notes import Note
    from hptui.ui.dialogs.annotating import Annotated

_WRITING_KEYS: Final = "ctrl+s save   ctrl+r read   esc leave   Markdown"
_READING_KEYS: Final = "e edit   esc leave"
_UNSAVED_KEYS: Final = "e edit   ctrl+s save   esc leave"


class NoteArea(TextArea):
    """A field of many lines that spells control characters out, wherever they come from."""

    def edit(self, edit: Edit) -> EditResult:
        """Change the text."""
        edit.text = escape_text(edit.text)
        return super().edit(edit)


class NoteDialog(AnnotatingDialog):
    """Shows a note laid out, and edits it; nobody's newer note is overwritten unseen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save"),
        Binding("ctrl+r", "read", "read"),
        Binding("e,enter", "write", "edit"),
        # A field in which tab indents takes escape for the way out of itself.
        Binding("escape", "cancel", "cancel", priority=True),
    ]

    @dataclass
    class NoteRead(Message):
        """The note was read."""

        note: Note
        mark: str
        """Of its study."""
        lines: Sequence[Line]
        """It is laid out in these."""
        is_late: bool
        """Whether it was read because somebody else has saved it meanwhile."""

    @dataclass
    class LaidOut(Message):
        """What stands in the field, as it is read."""

        lines: Sequence[Line]

    def __init__(self, what: Annotated) -> None:
        super().__init__(what)
        self._version = 0
        self._before: str | None = None
        self._mark = ""
        self._notice = ""

    def compose(self) -> ComposeResult:
        """Lay out title, field and what is wrong."""
        with Vertical(id="frame"):
            yield Static(Text(f"Note of {self.what.title}"), id="title")
            yield LineView(wrap=True, hang=2, id="laid-out")
            yield NoteArea(id="note", tab_behavior="indent", read_only=True)
            yield Static(Text("Reading the note."), id="problem")
            yield Static(Text(_WRITING_KEYS), id="keys")

    def on_mount(self) -> None:
        """Read the note."""
        self.area.focus()

        def read() -> Message:
            # First, so that no note can be taken for another study's.
            mark = read_mark_of(self.what)
            note = read_note_of(self.what)
            return self.NoteRead(note, mark, markdown_lines(note.body), is_late=False)

        self.in_thread(read)

    @property
    def area(self) -> NoteArea:
        """The field."""
        return self.query_one(NoteArea)

    @on(NoteRead)
    def show_note(self, message: NoteRead) -> None:
        """Let the note be edited, or ask what becomes of two of them."""
        if message.is_late:
            self._ask_about(message.note)
            return
        self._mark = message.mark
        shown = escape_text(message.note.body)
        self._version, self._before = message.note.version, shown
        self._put(shown)
        if message.lines:
            self._read(message.lines)
        if message.note.is_cut:
            self._before = None
            self.tell(CUT_NOTE)
            return
        self.area.read_only = False
        if shown != message.note.body:
            self._notice = "Control characters are shown as text."
        self.tell(self._notice)

    def action_read(self) -> None:
        """Show what stands in the field laid out."""
        text = self.area.text

        def lay_out() -> Message:
            return self.LaidOut(markdown_lines(text))

        if not self.is_reading:
            self.in_thread(lay_out)

    @on(LaidOut)
    def show_laid_out(self, message: LaidOut) -> None:
        """Let the note be read."""
        self._read(message.lines)

    def _read(self, lines: Sequence[Line]) -> None:
        view = self.query_one(LineView)
        self.is_reading = True
        view.show(lines)
        view.focus()

    def action_write(self) -> None:
        """Show the field, to be edited where that is possible."""
        if self.is_reading:
            self.is_reading = False
            self.area.focus()

    @property
    def is_reading(self) -> bool:
        """Whether the note is shown as it is laid out."""
        return self.has_class("-reading")

    @is_reading.setter
    def is_reading(self, is_reading: bool) -> None:
        self.set_class(is_reading, "-reading")
        is_saved = self._before is None or self.area.text == self._before
        reading = _READING_KEYS if is_saved else _UNSAVED_KEYS
        self.query_one("#keys", Static).update(Text(reading if is_reading else _WRITING_KEYS))

    def _put(self, text: str) -> None:
        self.action_write()
        self.area.load_text(text)
        self.area.move_cursor(self.area.document.end)

    @on(TextArea.Changed)
    def check(self) -> None:
        """Say what is wrong with what stands there."""
        if self._before is not None:
            self.tell(note_problem(self.area.text) or self._notice)

    def action_save(self) -> None:
        """Save what stands there."""
        text = self.area.text
        if self._before is None or self._is_saving:
            return
        if note_problem(text) is not None:
            self.app.bell()
        elif text == self._before:
            self.dismiss(None)
        else:
            self._save(text)

    def _save(self, text: str) -> None:
        self._is_saving = True
        self.tell("Saving.")
        version, mark = self._version, self._mark

        def work() -> Message:
            from hptui.storage.annotations.notes import NoteConflictError

            try:
                save_note_of(self.what, text, version, mark)
            except NoteConflictError:
                return self.NoteRead(read_note_of(self.what), mark, (), is_late=True)
            verb = "is saved" if text.strip() else "is empty now"
            return self.Saved(f"The note of {self.what.title} {verb}.")

        self.in_thread(work)

    def _ask_about(self, theirs: Note) -> None:
        self._is_saving = False
        self.tell("Someone else just saved this note.")

        def decide(choice: str | None) -> None:
            mine, other = self.area.text, escape_text(theirs.body)
            if choice in ("both", "theirs", "mine"):
                self._version = theirs.version
                self._before = other
            if choice == "both":
                self._put(f"{other}\n\n{mine}" if other else mine)
            elif choice == "theirs":
                self._put(other)
            elif choice == "mine":
                self._save(mine)

        self.app.push_screen(
            ChoiceDialog(
                "Two notes",
                "Someone else saved this note after you opened it.",
                (
                    ("b", "both", "put theirs before yours, and look at it"),
                    ("o", "mine", "overwrite theirs with yours"),
                    ("t", "theirs", "take theirs; yours is gone"),
                    ("k", "", "keep editing"),
                ),
            ),
            decide,
        )

    def action_cancel(self) -> None:
        """Leave; ask before what was typed is lost."""
        if self._before is None or self.area.text == self._before:
            self.dismiss(None)
            return

        def decide(choice: str | None) -> None:
            if choice == "save":
                self.action_save()
            elif choice == "discard":
                self.dismiss(None)

        self.app.push_screen(
            ChoiceDialog(
                "Save the note?",
                "It was changed.",
                (
                    ("s", "save", "save it"),
                    ("d", "discard", "discard changes"),
                    ("k", "", "keep editing"),
                ),
            ),
            decide,
        )

    def on_click(self, event: object) -> None:
        """Stay: a click beside the frame must not lose a note."""

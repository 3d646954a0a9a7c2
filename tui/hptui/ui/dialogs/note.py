"""The dialog for a note: read as it is laid out, written as it is; both in threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.binding import Binding
from textual.widgets import TextArea

from hptui.domain.texts.notes import CUT_NOTE
from hptui.domain.texts.text import escape_text
from hptui.ui.dialogs.annotating import note_problem, read_mark_of, read_note_of, save_note_of
from hptui.ui.dialogs.annotations import AnnotationWork
from hptui.ui.dialogs.questions import ChoiceDialog, Dialog
from hptui.ui.forms.frame import DialogFrame
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


@dataclass(frozen=True, slots=True)
class _Read:
    """A note that was read."""

    note: Note
    mark: str
    """Of its study."""
    lines: Sequence[Line]
    """It is laid out in these."""


def _read(what: Annotated) -> _Read:
    # First, so that no note can be taken for another study's.
    mark = read_mark_of(what)
    note = read_note_of(what)
    return _Read(note, mark, markdown_lines(note.body))


class NoteArea(TextArea):
    """A field of many lines that spells control characters out, wherever they come from."""

    def edit(self, edit: Edit) -> EditResult:
        """Change the text."""
        edit.text = escape_text(edit.text)
        return super().edit(edit)


class NoteDialog(Dialog[str]):
    """Shows a note laid out, and edits it; nobody's newer note is overwritten unseen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save"),
        Binding("ctrl+r", "read", "read"),
        Binding("e,enter", "write", "edit"),
        # A field in which tab indents takes escape for the way out of itself.
        Binding("escape", "cancel", "cancel", priority=True),
    ]

    def __init__(self, what: Annotated) -> None:
        super().__init__()
        self._what = what
        self._work = AnnotationWork(self)
        self._version = 0
        self._before: str | None = None
        self._mark = ""
        self._notice = ""

    def compose(self) -> ComposeResult:
        """Lay out the note as it is read and as it is written."""
        title = f"Note of {self._what.title}"
        with DialogFrame(title, keys=_WRITING_KEYS, problem="Reading the note."):
            yield LineView(wrap=True, hang=2, id="laid-out")
            yield NoteArea(id="note", tab_behavior="indent", read_only=True)

    def on_mount(self) -> None:
        self.area.focus()
        self._work.read(lambda: _read(self._what), self._show_note)

    def after_defect(self) -> None:
        """Let it be tried again."""
        self._work.give_up()

    @property
    def area(self) -> NoteArea:
        return self.query_one(NoteArea)

    def _show_note(self, read: _Read) -> None:
        """Let the note be edited."""
        note = read.note
        self._mark = read.mark
        shown = escape_text(note.body)
        self._version, self._before = note.version, shown
        self._put(shown)
        if read.lines:
            self._lay_out(read.lines)
        if note.is_cut:
            self._before = None
            self._work.tell(CUT_NOTE)
            return
        self.area.read_only = False
        if shown != note.body:
            self._notice = "Control characters are shown as text."
        self._work.tell(self._notice)

    def action_read(self) -> None:
        """Show what stands in the field laid out."""
        text = self.area.text
        if not self.is_reading:
            self._work.read(lambda: markdown_lines(text), self._lay_out)

    def _lay_out(self, lines: Sequence[Line]) -> None:
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
        keys = reading if is_reading else _WRITING_KEYS
        self.query_one(DialogFrame).show_keys(keys)

    def _put(self, text: str) -> None:
        self.action_write()
        self.area.load_text(text)
        self.area.move_cursor(self.area.document.end)

    @on(TextArea.Changed)
    def check(self) -> None:
        """Say what is wrong with what stands there."""
        if self._before is not None:
            self._work.tell(note_problem(self.area.text) or self._notice)

    def action_save(self) -> None:
        text = self.area.text
        if self._before is None or self._work.is_saving:
            return
        if note_problem(text) is not None:
            self.app.bell()
        elif text == self._before:
            self.dismiss(None)
        else:
            self._save(text)

    def _save(self, text: str) -> None:
        what, version, mark = self._what, self._version, self._mark

        def save() -> Note | None:
            """Return the note of somebody who has saved it meanwhile."""
            from hptui.storage.annotations.notes import NoteConflictError

            try:
                save_note_of(what, text, version, mark)
            except NoteConflictError:
                return read_note_of(what)
            return None

        def done(theirs: Note | None) -> None:
            if theirs is not None:
                self._ask_about(theirs)
                return
            done = "Saved" if text.strip() else "Cleared"
            self.dismiss(f"{done} the note of {what.title}.")

        self._work.save(save, done)

    def _ask_about(self, theirs: Note) -> None:
        self._work.tell("Someone else just saved this note.")

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
                    ("b", "both", "put theirs before yours and review it"),
                    ("o", "mine", "overwrite theirs with yours"),
                    ("t", "theirs", "take theirs; yours is gone"),
                ),
                no="keep editing",
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
                "It has unsaved changes.",
                (
                    ("s", "save", "save it"),
                    ("d", "discard", "discard changes"),
                ),
                no="keep editing",
            ),
            decide,
        )

    def on_click(self, event: object) -> None:
        """Stay: a click beside the frame must not lose a note."""

"""The dialogs for notes and tags; each reads and saves in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static, TextArea

from hptui.domain.notes import CUT_NOTE, MAX_NOTE_CHARS
from hptui.domain.text import safe_line, safe_text
from hptui.errors import HptuiError
from hptui.ui.annotating import (
    complete_tag,
    note_problem,
    parse_tags,
    read_mark_of,
    read_note_of,
    read_tags_of,
    save_note_of,
    save_tags_of,
    spell_tags,
    tags_problem,
)
from hptui.ui.screens.dialogs import ChoiceDialog, Dialog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.document._edit import Edit
    from textual.widgets.text_area import EditResult

    from hptui.storage.notes import Note
    from hptui.ui.annotating import Annotated, Tagged

_ALL: Final = 10 * MAX_NOTE_CHARS
"""More characters than a note has with its control characters spelled out."""


class NoteArea(TextArea):
    """A field of many lines that spells control characters out, wherever they come from."""

    def edit(self, edit: Edit) -> EditResult:
        """Change the text."""
        edit.text = safe_text(edit.text, max_chars=_ALL)
        return super().edit(edit)


class _Annotating(Dialog[str]):
    """A dialog about a study or trial that works in threads; answers with a sentence."""

    @dataclass
    class Failed(Message):
        """Something could not be read or saved."""

        error: HptuiError

    @dataclass
    class Saved(Message):
        """It is in the file."""

        text: str

    def __init__(self, what: Annotated) -> None:
        super().__init__()
        self.what = what
        self._is_saving = False

    def in_thread(self, work: Callable[[], Message]) -> None:
        """Do something in a thread and post what comes of it."""

        def do() -> None:
            try:
                message = work()
            except HptuiError as error:
                message = self.Failed(error)
            self.post_message(message)

        self.run_worker(do, thread=True, exit_on_error=False)

    def tell(self, text: str) -> None:
        """Say what is wrong, or what is being done."""
        self.query_one("#problem", Static).update(Text(safe_line(text, max_chars=400)))

    @on(Saved)
    def leave(self, message: Saved) -> None:
        """Close with what was done."""
        self.dismiss(message.text)


class NoteDialog(_Annotating):
    """Edits a note; nobody's newer note is overwritten unseen."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+s", "save", "save"),
        # A field in which tab indents takes escape for the way out of itself.
        Binding("escape", "cancel", "cancel", priority=True),
    ]

    @dataclass
    class NoteRead(Message):
        """The note was read."""

        note: Note
        mark: str
        """Of its study."""
        is_late: bool
        """Whether it was read because somebody else has saved it meanwhile."""

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
            yield NoteArea(id="note", tab_behavior="indent", read_only=True)
            yield Static(Text("Reading the note."), id="problem")
            yield Static(Text("ctrl+s save   esc leave   Markdown"), id="keys")

    def on_mount(self) -> None:
        """Read the note."""
        self.area.focus()

        def read() -> Message:
            # First, so that no note can be taken for another study's.
            mark = read_mark_of(self.what)
            return self.NoteRead(read_note_of(self.what), mark, is_late=False)

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
        shown = safe_text(message.note.body, max_chars=_ALL)
        self._version, self._before = message.note.version, shown
        self._put(shown)
        if message.note.is_cut:
            self._before = None
            self.tell(CUT_NOTE)
            return
        self.area.read_only = False
        if shown != message.note.body:
            self._notice = "Its control characters are spelled out here."
        self.tell(self._notice)

    def _put(self, text: str) -> None:
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
            from hptui.storage.notes import NoteConflictError

            try:
                save_note_of(self.what, text, version, mark)
            except NoteConflictError:
                return self.NoteRead(read_note_of(self.what), mark, is_late=True)
            verb = "is saved" if text.strip() else "is empty now"
            return self.Saved(f"The note of {self.what.title} {verb}.")

        self.in_thread(work)

    @on(_Annotating.Failed)
    def tell_failure(self, message: _Annotating.Failed) -> None:
        """Say why it could not be done; what was typed stays."""
        self._is_saving = False
        self.tell(f"{message.error.message} {message.error.hint}".strip())
        self.app.bell()

    def _ask_about(self, theirs: Note) -> None:
        self._is_saving = False
        self.tell("Somebody else has saved this note meanwhile.")

        def decide(choice: str | None) -> None:
            mine, other = self.area.text, safe_text(theirs.body, max_chars=_ALL)
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
                "Somebody else has saved this note since it was opened here.",
                (
                    ("b", "both", "put theirs before yours, and look at it"),
                    ("o", "mine", "overwrite theirs with yours"),
                    ("t", "theirs", "take theirs; yours is gone"),
                    ("k", "", "keep on editing"),
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
                    ("d", "discard", "leave it as it was"),
                    ("k", "", "keep on editing"),
                ),
            ),
            decide,
        )

    def on_click(self, event: object) -> None:
        """Stay: a click beside the frame must not lose a note."""


class TagsDialog(_Annotating):
    """Edits tags in one line, which completes those that the study knows."""

    @dataclass
    class TagsRead(Message):
        """The tags were read."""

        found: Tagged

    def __init__(self, what: Annotated) -> None:
        super().__init__(what)
        self._found: Tagged | None = None
        self._offers = _Offers()

    def compose(self) -> ComposeResult:
        """Lay out title, field, known tags and what is wrong."""
        with Vertical(id="frame"):
            yield Static(Text(f"Tags of {self.what.title}"), id="title")
            yield Input(
                id="field",
                select_on_focus=False,
                suggester=self._offers,
                placeholder="good, slow run",
                disabled=True,
            )
            yield Static(id="known")
            yield Static(Text("Reading the tags."), id="problem")
            yield Static(Text("enter save   right complete   esc cancel"), id="keys")

    def on_mount(self) -> None:
        """Read the tags."""
        self.in_thread(lambda: self.TagsRead(read_tags_of(self.what)))

    @on(TagsRead)
    def show_tags(self, message: TagsRead) -> None:
        """Let the tags be edited."""
        found = message.found
        self._found = found
        self._offers.known = found.known
        field = self.query_one(Input)
        field.value = spell_tags(found.tags)
        field.disabled = False
        field.cursor_position = len(field.value)
        field.focus()
        others = [safe_line(tag, max_chars=30) for tag in found.known if tag not in found.tags]
        if others:
            known = Text(f"known: {', '.join(others)}", style=self.app.colour("dimmed"))
            known.truncate(_KNOWN_CELLS, overflow="ellipsis")
            self.query_one("#known", Static).update(known)
        self.tell("")

    @on(Input.Changed)
    def check(self, message: Input.Changed) -> None:
        """Say what is wrong with what stands there."""
        if self._found is not None:
            self.tell(tags_problem(message.value) or "")

    @on(Input.Submitted)
    def save(self, message: Input.Submitted) -> None:
        """Save what stands there."""
        found = self._found
        if found is None or self._is_saving or tags_problem(message.value) is not None:
            self.app.bell()
            return
        after = parse_tags(message.value)
        # What had to be spelled out in the line is the same tag.
        spelled = {safe_line(tag): tag for tag in found.tags}
        wanted = tuple(spelled.get(tag, tag) for tag in after)
        if wanted == found.tags:
            self.dismiss(None)
            return
        self._is_saving = True
        self.tell("Saving.")

        def work() -> Message:
            save_tags_of(self.what, found, wanted)
            return self.Saved(f"The tags of {self.what.title} are saved.")

        self.in_thread(work)

    @on(_Annotating.Failed)
    def tell_failure(self, message: _Annotating.Failed) -> None:
        """Say why it could not be done; what was typed stays."""
        self._is_saving = False
        self.tell(f"{message.error.message} {message.error.hint}".strip())
        self.app.bell()


_KNOWN_CELLS: Final = 58


class _Offers(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.known: Sequence[str] = ()

    async def get_suggestion(self, value: str) -> str | None:
        return complete_tag(value, self.known)

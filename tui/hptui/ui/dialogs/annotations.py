"""What the dialogs for notes and tags have in common, and that for tags; they work in threads."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual import on
from textual.containers import Vertical
from textual.message import Message
from textual.suggester import Suggester
from textual.widgets import Input, Static

from hptui.domain.text import escape_line, safe_line
from hptui.errors import HptuiError
from hptui.ui.dialogs.annotating import (
    complete_tag,
    parse_tags,
    read_tags_of,
    save_tags_of,
    spell_tags,
    tags_problem,
)
from hptui.ui.dialogs.questions import Dialog

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from hptui.ui.dialogs.annotating import Annotated, Tagged


class AnnotatingDialog(Dialog[str]):
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

    @on(Failed)
    def tell_failure(self, message: Failed) -> None:
        """Say why it could not be done; what was typed stays."""
        self._is_saving = False
        self.tell(f"{message.error.message} {message.error.hint}".strip())
        self.app.bell()

    def after_defect(self) -> None:
        """Let it be tried again."""
        self._is_saving = False
        self.tell("")

    @on(Saved)
    def leave(self, message: Saved) -> None:
        """Close with what was done."""
        self.dismiss(message.text)


class TagsDialog(AnnotatingDialog):
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
            known = Text(f"known: {', '.join(others)}", style=self.app.services.colour("dimmed"))
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
        spelled = {escape_line(tag): tag for tag in found.tags}
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


_KNOWN_CELLS: Final = 58


class _Offers(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.known: Sequence[str] = ()

    async def get_suggestion(self, value: str) -> str | None:
        return complete_tag(value, self.known)

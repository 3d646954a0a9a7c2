"""What the dialogs for notes and tags have in common, and that for tags."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

from rich.text import Text
from textual import on
from textual.suggester import Suggester
from textual.widgets import Input, Static

from hptui.domain.texts.text import escape_line, safe_line
from hptui.ui.dialogs.annotating import (
    complete_tag,
    parse_tags,
    read_tags_of,
    save_tags_of,
    spell_tags,
    tags_problem,
)
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult

    from hptui.errors import HptuiError
    from hptui.ui.dialogs.annotating import Annotated, Tagged

Found = TypeVar("Found")


class AnnotationWork:
    """Reads and saves for a dialog in threads, and says in its frame what could not be done."""

    def __init__(self, dialog: Dialog[str]) -> None:
        self._dialog = dialog
        self.is_saving = False
        """Whether something is being saved now."""

    def tell(self, text: str) -> None:
        """Say what is wrong, or what is being done."""
        self._dialog.query_one(DialogFrame).tell(text)

    def read(self, work: Callable[[], Found], take: Callable[[Found], object]) -> None:
        """Read something in a thread."""
        self._dialog.in_thread(work, take, self._refuse)

    def save(self, work: Callable[[], Found], take: Callable[[Found], object]) -> None:
        """Save something in a thread."""

        def done(found: Found) -> None:
            self.is_saving = False
            take(found)

        self.is_saving = True
        self.tell("Saving.")
        self._dialog.in_thread(work, done, self._refuse)

    def _refuse(self, error: HptuiError) -> None:
        """Say why it could not be done; what was typed stays."""
        self.give_up()
        self.tell(f"{error.message} {error.hint}".strip())
        self._dialog.app.bell()

    def give_up(self) -> None:
        """Let it be tried again."""
        self.is_saving = False
        self.tell("")


class TagsDialog(Dialog[str]):
    """Edits tags in one line, which completes those that the study knows."""

    def __init__(self, what: Annotated) -> None:
        super().__init__()
        self._what = what
        self._work = AnnotationWork(self)
        self._found: Tagged | None = None
        self._offers = _Offers()

    def compose(self) -> ComposeResult:
        with DialogFrame(
            f"Tags of {self._what.title}",
            keys="enter save   right complete   esc cancel",
            problem="Reading the tags.",
        ):
            yield Input(
                id="field",
                select_on_focus=False,
                suggester=self._offers,
                placeholder="good, slow run",
                disabled=True,
            )
            yield Static(id="known")

    def on_mount(self) -> None:
        self._work.read(lambda: read_tags_of(self._what), self._show)

    def after_defect(self) -> None:
        """Let it be tried again."""
        self._work.give_up()

    def _show(self, found: Tagged) -> None:
        """Let the tags be edited."""
        self._found = found
        self._offers.known = found.known
        field = self.query_one(Input)
        field.value = spell_tags(found.tags)
        field.disabled = False
        field.cursor_position = len(field.value)
        field.focus()
        others = [safe_line(tag, max_chars=30) for tag in found.known if tag not in found.tags]
        if others:
            dimmed = self.app.services.colour("dimmed")
            known = Text(f"known: {', '.join(others)}", style=dimmed)
            known.truncate(_KNOWN_CELLS, overflow="ellipsis")
            self.query_one("#known", Static).update(known)
        self._work.tell("")

    @on(Input.Changed)
    def check(self, message: Input.Changed) -> None:
        """Say what is wrong with what stands there."""
        if self._found is not None:
            self._work.tell(tags_problem(message.value) or "")

    @on(Input.Submitted)
    def save(self, message: Input.Submitted) -> None:
        """Save what stands there."""
        found = self._found
        if found is None or self._work.is_saving or tags_problem(message.value) is not None:
            self.app.bell()
            return
        after = parse_tags(message.value)
        # What had to be spelled out in the line is the same tag.
        spelled = {escape_line(tag): tag for tag in found.tags}
        wanted = tuple(spelled.get(tag, tag) for tag in after)
        if wanted == found.tags:
            self.dismiss(None)
            return
        self._work.save(
            lambda: save_tags_of(self._what, found, wanted),
            lambda _: self.dismiss(f"Saved the tags of {self._what.title}."),
        )


_KNOWN_CELLS: Final = 58


class _Offers(Suggester):
    def __init__(self) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self.known: Sequence[str] = ()

    async def get_suggestion(self, value: str) -> str | None:
        return complete_tag(value, self.known)

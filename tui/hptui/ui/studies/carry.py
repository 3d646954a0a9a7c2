"""The dialog of a form: its fields, what would come of them, and the work in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import on, work
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.message import Message
from textual.suggester import SuggestFromList
from textual.widgets import Input, Static

from hptui.domain.text import safe_line
from hptui.errors import HptuiError
from hptui.ui.application.latest import LatestMessage
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.studies.mark_list import MarkList

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from hptui.ui.application.stacked import StackedScreen
    from hptui.ui.studies.carry_form import CarryForm, FormContent, FormField, LookAhead
    from hptui.ui.studies.study_actions import Outcome

_PAUSE_S: Final = 0.2
"""How long after the last key what would come of it is looked for."""
_SLOW_S: Final = 0.4
"""How long a look may take without a word."""
_PROGRESS_FROM: Final = 5_000
"""Trials that are read without a word."""
_MAX_LABEL: Final = 24
_MAX_LINE: Final = 300
_MAX_LINES: Final = 9
"""As many as `#ahead` is high."""
_MIN_FIELDS: Final = 4
_AROUND_FIELDS: Final = 7
"""The lines of a dialog that are neither fields nor what would come of them."""


class _Fields(VerticalScroll, inherit_bindings=False):
    """Fields that may be more than fit; keys go from one to the next, and do not scroll."""


class CarryDialog(Dialog["Outcome"]):
    """Asks what a form asks, shows what would come of it, does it, and answers with the outcome."""

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/carry.tcss"]  # noqa: RUF012 - Textual's name
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("f5", "carry", show=False),
    ]

    @dataclass
    class Read(Message):
        """What the form is about has been read."""

        content: FormContent

    @dataclass
    class Looked(Message):
        """What would come of the fields of a moment."""

        revision: int
        found: LookAhead | HptuiError

    @dataclass
    class Progress(LatestMessage):
        """So many trials were read."""

        done: int
        total: int

    @dataclass
    class Done(Message):
        """It was done, or could not be."""

        outcome: Outcome | HptuiError

    def __init__(self, form: CarryForm) -> None:
        super().__init__()
        self._form = form
        self._fields: dict[str, FormField] = {}
        self._revision = self._shown = 0
        self._is_wanted = False
        """Whether to do it as soon as a look says that it can be done."""
        self._looking = Lock()
        self._can_do = False
        self._is_working = False
        self._timer: Timer | None = None
        self._marks: MarkList | None = None

    def compose(self) -> ComposeResult:
        """Lay out the title, room for the fields, what would come of them, and the keys."""
        with Vertical(id="frame"):
            yield Static(Text(safe_line(self._form.title)), id="title")
            yield _Fields(id="fields", can_focus=False)
            yield Static("Reading…", id="ahead", markup=False)
            yield Static(Text(f"enter {self._form.verb}   tab next field   esc cancel"), id="keys")

    def on_mount(self) -> None:
        """Read in a thread."""
        self._read()

    def on_resize(self) -> None:
        """Leave room for what would come of the fields, and for the keys."""
        room = self.size.height - _AROUND_FIELDS - _MAX_LINES
        self.query_one("#fields").styles.max_height = max(_MIN_FIELDS, room)

    @work(thread=True, exit_on_error=False, group="carry")
    def _read(self) -> None:
        try:
            self.post_message(self.Read(self._form.read(self._tell_progress)))
        except HptuiError as error:
            self.post_message(self.Done(error))

    def _tell_progress(self, done: int, total: int) -> None:
        if total >= _PROGRESS_FROM:
            self.post_message(self.Progress(done, total))

    @on(Read)
    async def show_fields(self, message: Read) -> None:
        """Ask."""
        content = message.content
        rows = self.query_one("#fields", _Fields)
        self._fields = {f"field-{index}": field for index, field in enumerate(content.fields)}
        if content.marks:
            self._marks = MarkList(content.marks)
            await rows.mount(self._marks)
        width = max((len(field.label) for field in content.fields), default=0)
        for key, field in self._fields.items():
            await rows.mount(self._row(key, field, min(width, _MAX_LABEL)))
        first = self.query("#marks, Input").first()
        first.focus()
        self._look_soon()

    def _row(self, key: str, field: FormField, width: int) -> Horizontal:
        label = Static(Text(safe_line(field.label, max_chars=_MAX_LABEL)), classes="label")
        label.styles.width = width + 2
        suggester = SuggestFromList(field.suggestions) if field.suggestions else None
        return Horizontal(
            label,
            Input(
                field.initial,
                field.placeholder,
                id=key,
                compact=True,
                suggester=suggester,
                select_on_focus=False,
            ),
            classes="row",
        )

    @on(Input.Changed)
    @on(MarkList.Changed)
    def _look_soon(self) -> None:
        """Look what would come of it, once nothing has been typed for a moment."""
        self._revision += 1
        self._can_do = self._is_wanted = False
        if self._timer is not None:
            self._timer.stop()
        self._timer = self.set_timer(_PAUSE_S, self._look_now)

    def _look_now(self) -> None:
        self._timer = self.set_timer(_SLOW_S, self._say_slow)
        self._look(self._revision, self._texts(), self._marked())

    def _say_slow(self) -> None:
        if self._shown < self._revision and not self._is_working:
            self._tell(["Reading…"])

    @work(thread=True, exclusive=True, exit_on_error=False, group="look")
    def _look(self, revision: int, texts: dict[str, str], marked: frozenset[str]) -> None:
        with self._looking:
            # Files may be large: one look at a time, and none for what is not asked any more.
            if revision < self._revision:
                return
            try:
                found: LookAhead | HptuiError = self._form.look(texts, marked)
            except HptuiError as error:
                found = error
        self.post_message(self.Looked(revision, found))

    @on(Looked)
    def show_ahead(self, message: Looked) -> None:
        """Say what would come of it, or what is wrong."""
        if message.revision < self._revision or self._is_working:
            return
        found = message.found
        self._shown = message.revision
        if isinstance(found, HptuiError):
            self._can_do = False
            self._tell([found.message, *found.hint.split("\n")], is_trouble=True)
        else:
            self._can_do = found.can_do
            self._tell(found.lines)
            if self._is_wanted:
                self.action_carry()

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        """Say how far the reading is."""
        self._tell([f"Reading {message.done:,} of {message.total:,} trials…"])

    @on(Input.Submitted)
    @on(MarkList.OptionSelected)
    def _submit(self) -> None:
        self.action_carry()

    def action_carry(self) -> None:
        """Do it, if that can be done; what is not known yet is waited for."""
        if self._is_working:
            return
        self._is_wanted = self._shown < self._revision
        if self._is_wanted:
            return
        if not self._can_do:
            self.app.bell()
            return
        self._is_working = True
        self._tell(["Working…"])
        texts, marked = self._texts(), self._marked()
        self._carry(lambda: self._form.carry(texts, marked, self._tell_progress))

    @work(thread=True, exit_on_error=False, group="carry")
    def _carry(self, do: Callable[[], Outcome]) -> None:
        try:
            outcome: Outcome | HptuiError = do()
        except HptuiError as error:
            outcome = error
        self.post_message(self.Done(outcome))

    def after_defect(self) -> None:
        """Let it be tried again, or closed."""
        self._is_working = False
        self._tell([])

    @on(Done)
    def leave(self, message: Done) -> None:
        """Close with what was done, or say why it was not."""
        self._is_working = False
        if isinstance(message.outcome, HptuiError):
            error = message.outcome
            self._tell([error.message, *error.hint.split("\n")], is_trouble=True)
        else:
            self.dismiss(message.outcome)

    def action_cancel(self) -> None:
        """Close, unless it is being done: what was begun is not given up half-way."""
        if self._is_working:
            self._tell(["Working… it cannot be given up now."])
        else:
            super().action_cancel()

    def _texts(self) -> dict[str, str]:
        return {
            field.id: self.query_one(f"#{key}", Input).value for key, field in self._fields.items()
        }

    def _marked(self) -> frozenset[str]:
        return frozenset[str]() if self._marks is None else self._marks.marked

    def _tell(self, lines: list[str] | tuple[str, ...], *, is_trouble: bool = False) -> None:
        pane = self.query_one("#ahead", Static)
        pane.set_class(is_trouble, "-trouble")
        shown = [safe_line(line, max_chars=_MAX_LINE) for line in lines if line]
        if len(shown) > _MAX_LINES:
            left = len(shown) - _MAX_LINES + 1
            shown = [*shown[: _MAX_LINES - 1], f"… and {left} more lines"]
        pane.update(Text("\n".join(shown)))


def carry_by(
    screen: StackedScreen[Any], form: CarryForm, after: Callable[[Outcome], object]
) -> None:
    """Ask over a screen what a form asks, do it, say what was done, and go on with `after`."""

    def take(outcome: Outcome | None) -> None:
        if outcome is not None:
            screen.notify(outcome.text)
            after(outcome)

    screen.app.push_screen(CarryDialog(form), take)

"""The dialog of a form: its fields, what would come of them, and the work in a thread."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar, Final

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, Static
from textual.widgets.option_list import Option

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame, FormLines
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.scrolling import ChoiceList

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.app import ComposeResult
    from textual.binding import BindingType
    from textual.timer import Timer

    from hptui.errors import HptuiError
    from hptui.ui.application.stacked import StackedScreen
    from hptui.ui.studies.study_actions import Outcome
    from hptui.ui.studies.transfer_form import FormContent, FormMark, LookAhead, TransferForm


class MarkList(ChoiceList):
    """Things of which space marks the one under the cursor, or takes its mark away."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("space", "mark", show=False)]

    @dataclass
    class Changed(Message):
        """Something was marked, or its mark was taken away."""

    def __init__(self, marks: Sequence[FormMark]) -> None:
        super().__init__(id="marks")
        self._labels = {mark.id: mark.label for mark in marks}
        self.marked = frozenset(mark.id for mark in marks if mark.is_marked)
        self.add_options([Option(self._prompt(mark.id), mark.id) for mark in marks])

    def on_mount(self) -> None:
        self.action_first()

    def action_mark(self) -> None:
        """Mark what is under the cursor, or not, and go to the next one."""
        if self.highlighted is None:
            return
        key = str(self.get_option_at_index(self.highlighted).id)
        self.marked ^= {key}
        self.replace_option_prompt_at_index(self.highlighted, self._prompt(key))
        if self.highlighted + 1 < self.option_count:
            self.highlighted += 1
        self.post_message(self.Changed())

    def _prompt(self, key: str) -> Text:
        return Text(f"[{'x' if key in self.marked else ' '}] {self._labels[key]}")


_PAUSE_S: Final = 0.2
"""How long after the last key what would come of it is looked for."""
_SLOW_S: Final = 0.4
"""How long a look may take without a word."""
_PROGRESS_FROM: Final = 5_000
"""Trials that are read without a word."""
_MAX_LINE: Final = 300
_MAX_LINES: Final = 9
"""As many as `#ahead` is high."""
_MIN_FIELDS: Final = 4
_AROUND_FIELDS: Final = 7
"""The lines of a dialog that are neither fields nor what would come of them."""


class TransferDialog(Dialog["Outcome"]):
    """Asks what a form asks, shows what would come of it, does it, and answers with the outcome."""

    CSS_PATH = ["../styles/dialogs.tcss", "../styles/transfer.tcss"]  # noqa: RUF012 - Textual's name
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("down", "app.focus_next", show=False),
        Binding("up", "app.focus_previous", show=False),
        Binding("f5", "transfer", show=False),
    ]

    @dataclass
    class Progress(LatestMessage):
        """So many trials were read."""

        done: int
        total: int

    def __init__(self, form: TransferForm) -> None:
        super().__init__()
        self._form = form
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
        keys = f"enter {self._form.verb}   tab next field   esc cancel"
        with DialogFrame(self._form.title, keys=keys):
            yield FormLines(id="fields", can_focus=False)
            yield Static("Reading…", id="ahead", markup=False)

    def on_mount(self) -> None:
        self.in_thread(lambda: self._form.read(self._tell_progress), self._ask, self._refuse)

    def on_resize(self) -> None:
        """Leave room for what would come of the fields, and for the keys."""
        room = self.size.height - _AROUND_FIELDS - _MAX_LINES
        self.query_one("#fields").styles.max_height = max(_MIN_FIELDS, room)

    def _tell_progress(self, done: int, total: int) -> None:
        if total >= _PROGRESS_FROM:
            self.post_message(self.Progress(done, total))

    async def _ask(self, content: FormContent) -> None:
        """Ask what the form asks."""
        rows = self.query_one(FormLines)
        if content.marks:
            self._marks = MarkList(content.marks)
            await rows.mount(self._marks)
        await rows.ask(content.fields)
        first = self.query("#marks, Input").first()
        first.focus()
        self._look_soon()

    @on(Input.Changed)
    @on(MarkList.Changed)
    def _look_soon(self) -> None:
        """Look what would come of it, once nothing has been typed for a moment."""
        self._revision += 1
        self._can_do = self._is_wanted = False
        if self._timer is not None:
            self._timer.stop()
        self._timer = call_after(self, _PAUSE_S, self._look_now)

    def _look_now(self) -> None:
        self._timer = call_after(self, _SLOW_S, self._say_slow)
        self._look(self._revision, self._texts(), self._marked())

    def _say_slow(self) -> None:
        if self._shown < self._revision and not self._is_working:
            self._tell(["Reading…"])

    def _look(self, revision: int, texts: dict[str, str], marked: frozenset[str]) -> None:
        def look() -> LookAhead | None:
            with self._looking:
                # Files may be large: one look at a time, and none for what is not asked any more.
                return self._form.look(texts, marked) if revision == self._revision else None

        self.in_thread(
            look, partial(self._show_ahead, revision), partial(self._show_refusal, revision)
        )

    def _show_ahead(self, revision: int, found: LookAhead | None) -> None:
        """Say what would come of it."""
        if found is None or revision < self._revision or self._is_working:
            return
        self._shown, self._can_do = revision, found.can_do
        self._tell(found.lines)
        if self._is_wanted:
            self.action_transfer()

    def _show_refusal(self, revision: int, error: HptuiError) -> None:
        """Say what is wrong."""
        if revision == self._revision and not self._is_working:
            self._shown, self._can_do = revision, False
            self._tell([error.message, *error.hint.split("\n")], is_trouble=True)

    @on(Progress)
    def show_progress(self, message: Progress) -> None:
        """Say how far the reading is."""
        self._tell([f"Reading {message.done:,} of {plural(message.total, 'trial')}…"])

    @on(Input.Submitted)
    @on(MarkList.OptionSelected)
    def _submit(self) -> None:
        self.action_transfer()

    def action_transfer(self) -> None:
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
        self.in_thread(
            lambda: self._form.transfer(texts, marked, self._tell_progress),
            self._leave,
            self._refuse,
        )

    def after_defect(self) -> None:
        """Let it be tried again, or closed."""
        self._is_working = False
        self._tell([])

    def _leave(self, outcome: Outcome) -> None:
        """Close with what was done."""
        self._is_working = False
        self.dismiss(outcome)

    def _refuse(self, error: HptuiError) -> None:
        """Say why it could not be read or done."""
        self._is_working = False
        self._tell([error.message, *error.hint.split("\n")], is_trouble=True)

    def action_cancel(self) -> None:
        """Close, unless it is being done: what was begun is not given up half-way."""
        if self._is_working:
            self._tell(["Working… this cannot be cancelled now."])
        else:
            super().action_cancel()

    def _texts(self) -> dict[str, str]:
        return self.query_one(FormLines).texts

    def _marked(self) -> frozenset[str]:
        return frozenset[str]() if self._marks is None else self._marks.marked

    def _tell(self, lines: list[str] | tuple[str, ...], *, is_trouble: bool = False) -> None:
        pane = self.query_one("#ahead", Static)
        pane.set_class(is_trouble, "-trouble")
        shown = [safe_line(line, max_chars=_MAX_LINE) for line in lines if line]
        if len(shown) > _MAX_LINES:
            left = len(shown) - _MAX_LINES + 1
            shown = [*shown[: _MAX_LINES - 1], f"… and {plural(left, 'more line')}"]
        pane.update(Text("\n".join(shown)))


def transfer_by(
    screen: StackedScreen[Any], form: TransferForm, after: Callable[[Outcome], object]
) -> None:
    """Ask over a screen what a form asks, do it, say what was done, and go on with `after`."""

    def take(outcome: Outcome | None) -> None:
        if outcome is not None:
            screen.notify(outcome.text)
            after(outcome)

    screen.app.push_screen(TransferDialog(form), take)

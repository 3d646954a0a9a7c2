"""The failed trials of a study by their cause, and what can be done about them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.widgets import Static

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.ui.application.command_screen import CommandScreen, ShownRun
from hptui.ui.dialogs.questions import ChoiceDialog
from hptui.ui.studies.study_actions import enqueue_again
from hptui.ui.study.failure_page import (
    FailurePage,
    cause_filter,
    disabled_reason,
    headline,
    read_example,
    read_page,
)
from hptui.ui.study.steering import plainly
from hptui.ui.study.steering_actions import SteeringActions
from hptui.ui.widgets.command_footer import CommandFooter
from hptui.ui.widgets.grid import Grid
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.timer import Timer

    from hptui.domain.causes import FailureGroup
    from hptui.errors import HptuiError
    from hptui.ui.commands.command_table import Place
    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.trial.trial_lines import Line

_LOOK_S: Final = 1.0
_SETTLE_S: Final = 0.1
_REST: Final = 5
"""Times as long as a look has taken, nothing is read."""


class FailuresScreen(CommandScreen[str]):
    """Lists causes, the most frequent first; closes with the filter of one, to show its trials.

    Args:
        snapshot: Returns the study as it is now.
    """

    PLACE: ClassVar[Place] = "failures"
    CSS_PATH = "../styles/failures.tcss"

    def __init__(self, snapshot: Callable[[], StudySnapshot]) -> None:
        super().__init__()
        self.path, self.study_name = snapshot().path, snapshot().name
        self._steering = SteeringActions(self, self.path, self.study_name)
        self.parts = (self._steering,)
        self._snapshot = snapshot
        self._page: FailurePage | None = None
        self._seen: object = None
        self._is_reading = False
        self._read_at_s = 0.0
        self._example: tuple[int, int] | None = None
        self._settling: Timer | None = None

    def compose(self) -> ComposeResult:
        """Lay out what is said of all, the causes, and the newest trial of one."""
        yield Static(id="headline", markup=False)
        yield Grid(id="causes", classes="pane")
        yield LineView(id="example", classes="pane", wrap=True, hang=2)
        yield CommandFooter()

    async def on_mount(self) -> None:
        self.query_one("#causes", Grid).border_title = pane_title(f"failures of {self.study_name}")
        self.query_one("#example", LineView).border_title = pane_title("newest trial")
        self.query_one("#causes", Grid).focus()
        self._tell()
        self._look()
        self.set_interval(_LOOK_S, self._look)

    @property
    def _is_run_here(self) -> bool:
        return self._snapshot().engine is not None

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the study's run."""
        return (ShownRun(self.path, self.study_name),) if self._is_run_here else ()

    @property
    def group(self) -> FailureGroup | None:
        """The failed trials of the cause under the cursor."""
        page = self._page
        return None if page is None else page.group_of(self.query_one(Grid).cursor_key)

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        return disabled_reason(command_id, self._page, self.group, self._snapshot())

    def _look(self) -> None:
        """Read again where trials have come, but not all the time where there are many."""
        snapshot = self._snapshot()
        now = (snapshot.n_trials, snapshot.counts.get("FAIL"))
        rest_s = 0.0 if self._page is None else _REST * self._page.took_s
        if self._is_reading or now == self._seen or time.monotonic() - self._read_at_s < rest_s:
            self.refresh_commands()
            return
        self._seen = now
        self._is_reading = True
        path, name = self.path, self.study_name
        self.in_thread(lambda: read_page(path, name), self._show_page)

    def _show_page(self, page: FailurePage) -> None:
        """Show the causes."""
        self._is_reading = False
        self._read_at_s = time.monotonic()
        self._page = page
        self.query_one(Grid).show(page, empty=headline(page, 0))
        self._tell()
        self._show_example()
        self.refresh_commands()

    def after_defect(self) -> None:
        """Read again when more trials have failed."""
        super().after_defect()
        self._is_reading = False

    def _tell(self) -> None:
        text = headline(self._page, self._snapshot().n_trials)
        self.query_one("#headline", Static).update(Text(text))

    @on(Grid.CursorMoved)
    def follow_cursor(self, message: Grid.CursorMoved) -> None:
        """Show the newest trial of the cause under the cursor, once it stands still."""
        message.stop()
        if self._settling is not None:
            self._settling.stop()
        self._settling = call_after(self, _SETTLE_S, self._show_example)
        self.refresh_commands()

    def _show_example(self) -> None:
        group = self.group
        shown = None if group is None else (group.newest, group.count)
        if shown is None or group is None:
            self.query_one(LineView).show(())
        elif shown != self._example:
            path, name, number = self.path, self.study_name, group.newest

            self.in_thread(
                lambda: read_example(path, name, number),
                lambda lines: self._show_lines(number, lines),
            )
        self._example = shown

    def _show_lines(self, number: int, lines: list[Line]) -> None:
        """Show a failed trial, if it is still the one that is asked for."""
        if self._example is not None and self._example[0] == number:
            view = self.query_one(LineView)
            view.border_title = pane_title(f"newest trial, #{number}")
            view.show(lines)

    @on(Grid.RowOpened)
    async def open_row(self, message: Grid.RowOpened) -> None:
        """Show the trials of the cause."""
        message.stop()
        await self.run_command("filter-cause")

    def do_filter_cause(self) -> None:
        """Show the trials of the cause in the study's table."""
        if self.group is not None:
            self.dismiss(cause_filter(self.group.cause))

    def do_open_newest(self) -> None:
        """Show the newest trial of the cause in full."""
        group = self.group
        if group is None:
            return

        def neighbour(number: int, step: int) -> int | None:
            at = group.numbers.index(number) + step
            return group.numbers[at] if 0 <= at < group.count else None

        trial = self.app.services.screens.trial(
            self.path, self.study_name, group.newest, neighbour=neighbour
        )
        self.app.push_screen(trial)

    def do_retry_cause(self) -> None:
        """Ask whether the trials of the cause are to be tried again."""
        if self.group is not None:
            cause = self.group.cause
            self._ask_to_retry(self.group.retriable, cause.summary, cause_filter(cause))

    def do_retry_failed(self) -> None:
        """Ask whether all failed trials are to be tried again."""
        if self._page is not None:
            n_causes = sum(bool(group.retriable) for group in self._page.groups)
            what = f"They failed for {plural(n_causes, 'cause')}."
            self._ask_to_retry(self._page.retriable, what, "")

    def do_copy(self) -> None:
        if self.group is None:
            self.notify("There is no cause under the cursor.")
            return
        self.app.copy_to_clipboard(cause_filter(self.group.cause))
        self.notify("Copied the filter for these trials.")

    def _ask_to_retry(self, numbers: list[int], what: str, filter_text: str) -> None:
        count = plural(len(numbers), "failed trial")
        is_run = self._is_run_here
        when = "The run takes them next." if is_run else "They wait for the next run of the study."

        def retry(choice: str | None) -> None:
            if not choice:
                return
            # What is asked when the answer comes counts: the run may have ended meanwhile.
            if self._is_run_here:
                self._steering.send(plainly("retry", trials=numbers))
            else:
                self._enqueue(filter_text)

        self.app.push_screen(
            ChoiceDialog(
                f"Retry {count}?",
                f"{what}\n\n{when}",
                (("r", "retry", "retry them"),),
                no="leave them",
            ),
            retry,
        )

    def _enqueue(self, filter_text: str) -> None:
        """Let trials of a study at rest wait for its next run, and say what came of it."""

        def done(text: str) -> None:
            self.notify(safe_line(text, max_chars=1_000))
            self._look()

        def failed(error: HptuiError) -> None:
            self.notify(safe_line(error.message, max_chars=1_000), severity="error")
            self._look()

        path, name = self.path, self.study_name
        self.in_thread(lambda: enqueue_again(path, name, filter_text), done, failed)

"""One trial in full: what it was given, what came of it, its curve, log, error and files."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual import on
from textual.containers import Horizontal, Vertical
from textual.widgets import ContentSwitcher

from hptui.domain.texts.python_text import python_literal
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import escape_line, safe_line
from hptui.ui.application.command_screen import CommandScreen, ShownRun
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.commands.command_table import commands_of
from hptui.ui.commands.key_names import key_text
from hptui.ui.dialogs.annotating import Annotated
from hptui.ui.dialogs.note_actions import NoteActions
from hptui.ui.dialogs.questions import TextDialog
from hptui.ui.plots.curve_plot import CurvePlot
from hptui.ui.study.steering_actions import SteeringActions
from hptui.ui.trial.log_tail import read_to_copy
from hptui.ui.trial.log_view import LogView
from hptui.ui.trial.trial_header import TrialHeader
from hptui.ui.trial.trial_lines import detail_lines
from hptui.ui.trial.trial_page import TrialFeed, TrialPage
from hptui.ui.trial.trial_page_lines import (
    file_lines,
    report_lines,
    trial_tabs,
)
from hptui.ui.trial.trial_why_lines import trace_of, why_lines, why_text
from hptui.ui.widgets.command_footer import CommandFooter
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.pane_title import pane_title
from hptui.ui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.ui.application.services import Neighbour
    from hptui.ui.commands.command_table import Command, Place


_TABS: Final = (("curve", "curve"), ("log", "log"), ("why", "error"), ("files", "files"))


class TrialScreen(CommandScreen[None]):
    """A trial: on the left what is known of it, on the right curve, log, error and files as tabs.

    It follows a trial that runs. `[` and `]` go to the neighbours in the table it came from.
    """

    PLACE: ClassVar[Place] = "trial"
    CSS_PATH = "../styles/trial.tcss"

    @dataclass
    class PageRead(LatestMessage):
        """The trial has been read anew."""

        page: TrialPage

    def __init__(
        self, path: Path, study_name: str, number: int, *, neighbour: Neighbour | None = None
    ) -> None:
        super().__init__()
        self.path, self.study_name = path, study_name
        self.number = number
        self._neighbour: Neighbour = neighbour or _next_number
        self._feed = TrialFeed(
            path, study_name, lambda page: self.post_message(self.PageRead(page))
        )
        self._steering = SteeringActions(self, path, study_name, self._feed.nudge)
        self.parts = (
            self._steering,
            NoteActions(self, lambda: Annotated(path, study_name, self.number), self._feed.nudge),
        )
        self._page = TrialPage(number)
        self._is_tab_picked = False
        self._revision = 0
        self._is_log = False
        self._is_unfolded = False

    def compose(self) -> ComposeResult:
        yield TrialHeader(has_unicode=self.app.services.unicode)
        with Horizontal(id="panes"):
            yield LineView(wrap=True, hang=4, id="detail", classes="pane")
            with Vertical(id="tabs", classes="pane"):
                yield TabLine(_TABS)
                with ContentSwitcher(initial="curve"):
                    with Vertical(id="curve"):
                        yield CurvePlot(id="plot")
                        yield LineView(id="reports", classes="pane")
                    yield LogView(id="log")
                    yield LineView(wrap=True, hang=2, id="why")
                    yield LineView(id="files")
        yield CommandFooter()

    async def on_mount(self) -> None:
        self.query_one("#detail", LineView).border_title = pane_title("trial")
        self.query_one("#reports", LineView).border_title = pane_title("reports")
        self.query_one("#detail", LineView).focus()
        self._go_to(self.number)
        self.set_interval(1.0, self._tick)

    def on_unmount(self) -> None:
        self._feed.stop()

    @on(LineView.Resized, "#detail")
    def arrange_detail(self) -> None:
        """Arrange the fields for another width."""
        self._show_detail()

    def _go_to(self, number: int) -> None:
        self.number = number
        self._page = TrialPage(number)
        self._feed.show(number)

    @on(PageRead)
    def show_page(self, message: PageRead) -> None:
        """Show the trial as it is now."""
        page = message.page
        if page.number != self.number:
            return
        is_first = self._page.detail is None
        reports_before = self._page.detail.n_reports if self._page.detail is not None else -1
        self._page = page
        self.query_one(TrialHeader).show(self.study_name, page)
        self._show_detail()
        detail = page.detail
        self.query_one(LogView).show_log(page)
        self._show_why()
        self.query_one("#files", LineView).show(
            file_lines(page.files, () if page.detail is None else page.detail.artifacts)
        )
        tabs, full = trial_tabs(page)
        self.query_one(TabLine).show(tabs, full)
        if is_first and detail is not None and not self._is_tab_picked:
            self._choose("why" if detail.state == "FAIL" else "curve" if detail.reports else "log")
        if detail is not None and detail.n_reports != reports_before:
            self.query_one("#reports", LineView).show(report_lines(detail))
            self._revision += 1
            self._show_curve()
        self.refresh_commands()

    def _show_why(self) -> None:
        unfold = next(each for each in commands_of("trial") if each.id == "unfold")
        key = key_text(self.app.services.keys_of(unfold)[0])
        lines = why_lines(self._page.detail, is_unfolded=self._is_unfolded, key=key)
        self.query_one("#why", LineView).show(lines)

    def _show_curve(self) -> None:
        self.query_one(CurvePlot).show(
            self.path, self.study_name, self.number, self._revision, is_log=self._is_log
        )

    def _show_detail(self) -> None:
        detail, note = self._page.detail, self._page.note
        view = self.query_one("#detail", LineView)
        width = view.scrollable_content_region.width
        view.show([] if detail is None else detail_lines(detail, time.time(), width, note))

    def _tick(self) -> None:
        detail = self._page.detail
        if detail is not None and detail.state == "RUNNING":
            self._show_detail()

    def _choose(self, tab: str) -> None:
        self.query_one(TabLine).chosen = tab
        self.query_one(ContentSwitcher).current = tab

    @on(TabLine.Chosen)
    def pick_tab(self, message: TabLine.Chosen) -> None:
        """Show the tab that was clicked."""
        self._is_tab_picked = True
        self._choose(message.tab)

    def do_next_tab(self) -> None:
        """Show the next tab that has something to show."""
        self._is_tab_picked = True
        self._choose(self.query_one(TabLine).next())

    @on(LineView.ActionClicked, "#why")
    def do_unfold(self) -> None:
        """Show the traceback or last output, or fold it; from another tab, go to it."""
        is_there = self.query_one(ContentSwitcher).current == "why"
        self._is_unfolded = not (is_there and self._is_unfolded)
        self._is_tab_picked = True
        self._choose("why")
        self._show_why()
        self.query_one("#why", LineView).focus()
        self.refresh_commands()

    def do_next_trial(self) -> None:
        """Go to the trial after this one in the table."""
        self._step(1)

    def do_previous_trial(self) -> None:
        """Go to the trial before this one in the table."""
        self._step(-1)

    def _step(self, by: int) -> None:
        number = self._neighbour(self.number, by)
        if number is None:
            self.notify(f"This is the {'last' if by > 0 else 'first'} trial in the table.")
        else:
            self._go_to(number)

    def do_filter(self) -> None:
        self._is_tab_picked = True
        self._choose("log")
        self.app.push_screen(TextDialog("Search the log", ""), self._search)

    def _search(self, words: str | None) -> None:
        if words is None:
            return
        log = self.query_one(LogView)
        log.focus()
        log.search(words)

    @on(LogView.Searched)
    def tell_hits(self, message: LogView.Searched) -> None:
        """Say how many lines hold what was searched for."""
        count, words = message.n_hits, safe_line(message.words, max_chars=60)
        keys = "; n and N go through them" if count > 1 else ""
        self.notify(f"{plural(count, 'line')} with {words!r}{keys}.")

    def do_copy(self) -> None:
        """Copy the parameters as Python, or what the tab in focus shows."""
        detail = self._page.detail
        focused = self.focused
        if isinstance(focused, LineView) and focused.id in ("log", "why", "files", "reports"):
            if focused.id == "log" and self._page.log.exists and self._page.log_path is not None:
                self._copy_log(self._page.log_path)
                return
            text = "\n".join("".join(part for part, _ in line) for line in focused.lines)
            self.app.copy_to_clipboard(why_text(detail) if focused.id == "why" else text)
            self.notify("Copied the pane.")
        elif detail is not None:
            params = {each.name: each.value for each in detail.params}
            self.app.copy_to_clipboard(escape_line(python_literal(params)))
            self.notify("Copied the parameters as Python.")

    def _copy_log(self, path: Path) -> None:
        def take(read: tuple[str, bool] | str) -> None:
            if isinstance(read, str):
                self.notify(read)
                return
            text, is_whole = read
            self.app.copy_to_clipboard(text)
            self.notify("Copied the log." if is_whole else "Copied the end of the log, 1 MB.")

        def work() -> tuple[str, bool] | str:
            try:
                return read_to_copy(path)
            except OSError as error:
                return f"The log cannot be read: {error.strerror}."

        self.in_thread(work, take)

    def do_log_axis(self) -> None:
        """Use a log axis for the curve, or a linear one."""
        self._is_log = not self._is_log
        self._show_curve()

    def do_kill_trial(self) -> None:
        self._steering.confirm_kill(self.number)

    def do_copy_trial(self) -> None:
        detail = self._page.detail
        if detail is not None:
            self._steering.ask_for_trial(
                self.number, {each.name: each.value for each in detail.params}
            )

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the study's run."""
        return (ShownRun(self.path, self.study_name),) if self._page.is_study_run else ()

    def label_of(self, command: Command) -> str:
        """Say whether the trace is to be folded."""
        if command.id == "unfold":
            return "fold" if self._is_unfolded else "unfold"
        return command.label

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        detail = self._page.detail
        if command_id == "unfold" and not trace_of(detail):
            return f"Trial {self.number} has no traceback."
        if command_id == "kill-trial" and not self._page.is_study_run:
            return "No engine runs this study now."
        if command_id == "kill-trial" and (detail is None or detail.state != "RUNNING"):
            return f"Trial {self.number} is not running."
        if command_id == "copy-trial" and (detail is None or not detail.params):
            return f"Trial {self.number} has no parameters yet."
        return None


def _next_number(number: int, by: int) -> int | None:
    return number + by if number + by >= 0 else None

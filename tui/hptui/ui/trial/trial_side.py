"""The column beside a study's trials: the selected one, and the end of its log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import getters, on
from textual.containers import Vertical

from hptui.ui.application.services import ServingApp
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.trial.gauges import GaugeMaker
from hptui.ui.trial.side_lines import side_lines, side_title
from hptui.ui.trial.trial_page import TrialFeed, TrialPage
from hptui.ui.trial.trial_page_lines import log_lines
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.ui.study.snapshot import StudySnapshot


class TrialSide(Vertical):
    """Shows what a snapshot has of one trial at once, and reads the rest where that is asked."""

    app = getters.app(ServingApp)

    @dataclass
    class PageRead(LatestMessage):
        """The trial has been read anew."""

        page: TrialPage

    def __init__(self, path: Path, study_name: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._feed = TrialFeed(
            path, study_name, lambda page: self.post_message(self.PageRead(page)), files=False
        )
        self._maker = GaugeMaker()
        self._snapshot: StudySnapshot | None = None
        self._number: int | None = None
        self._read: int | None = None
        """The trial that the feed reads."""
        self._page: TrialPage | None = None
        self._has_gauges = True
        self._rows = 0
        """The height of the trial, with its rule."""

    def compose(self) -> ComposeResult:
        """Lay out the trial above its log."""
        with Vertical(id="side-top"):
            yield LineView(wrap=True, hang=4, id="side-trial", classes="pane")
        yield LineView(follow=True, id="side-log", classes="pane")

    def on_mount(self) -> None:
        self.query_one("#side-trial", LineView).border_title = pane_title("trial")
        self.query_one("#side-log", LineView).border_title = pane_title("log")

    def on_unmount(self) -> None:
        self._feed.stop()

    def nudge(self) -> None:
        """Read the trial again now."""
        self._feed.nudge()

    def read(self, number: int) -> None:
        """Read this trial and its log from now on, in a thread."""
        if number != self._read:
            self._read = number
            self._feed.show(number)

    def show(self, snapshot: StudySnapshot, number: int | None, *, has_gauges: bool) -> None:
        """Show a trial as a snapshot has it; with `has_gauges` its parameters, too."""
        is_other = number != self._number
        self._snapshot, self._number, self._has_gauges = snapshot, number, has_gauges
        self._show(is_other=is_other)

    def on_line_view_resized(self, message: LineView.Resized) -> None:
        """Lay the trial out at the new width."""
        message.stop()
        self._show()

    @on(PageRead)
    def show_page(self, message: PageRead) -> None:
        """Show the trial as it is now."""
        message.stop()
        self._page = message.page
        if message.page.number == self._number:
            self._show()
            self.query_one("#side-log", LineView).show(log_lines(message.page))

    def _show(self, *, is_other: bool = False) -> None:
        snapshot, number = self._snapshot, self._number
        trial = self.query_one("#side-trial", LineView)
        width = trial.scrollable_content_region.width
        if snapshot is None or not width:
            return
        if is_other:
            trial.scroll_home(animate=False, immediate=True)
            self.query_one("#side-log", LineView).show([])
        title = pane_title("trial" if number is None else side_title(snapshot, number))
        if trial.border_title != title:
            trial.border_title = title
        if number is None:
            trial.show([[("No trial is selected.", "note")]])
            return
        gauges = self._maker.make(snapshot, number) if self._has_gauges else ()
        lines = side_lines(
            snapshot,
            number,
            width,
            time.time(),
            gauges=gauges,
            page=self._page,
            has_unicode=self.app.services.unicode,
        )
        if lines != trial.lines:
            trial.show(lines)
        rows = trial.n_rows + 1
        if rows != self._rows:
            # The log begins where the trial ends; setting the same again would lay all out anew.
            self._rows = self.query_one("#side-top").styles.height = rows

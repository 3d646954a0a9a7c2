"""The column at the side of a wide screen: the selected trial and the end of its log."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical

from hptui.ui.application.stacked import LatestMessage
from hptui.ui.trial.trial_lines import detail_lines
from hptui.ui.trial.trial_page import TrialFeed, TrialPage
from hptui.ui.trial.trial_page_lines import headline, log_lines
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.naming import pane_title

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult


class TrialSide(Vertical):
    """Shows what is known of one trial; it reads nothing before a trial is shown."""

    @dataclass
    class PageRead(LatestMessage):
        """The trial has been read anew."""

        page: TrialPage

    def __init__(self, path: Path, study_name: str, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._feed = TrialFeed(
            path, study_name, lambda page: self.post_message(self.PageRead(page)), files=False
        )
        self._number: int | None = None

    def compose(self) -> ComposeResult:
        """Lay out the trial above its log."""
        yield LineView(wrap=True, hang=4, id="side-trial", classes="pane")
        yield LineView(follow=True, id="side-log", classes="pane")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one("#side-trial", LineView).border_title = pane_title("trial")
        self.query_one("#side-log", LineView).border_title = pane_title("log")

    def on_unmount(self) -> None:
        """End the reading."""
        self._feed.stop()

    def nudge(self) -> None:
        """Read the trial again now."""
        self._feed.nudge()

    def show(self, number: int) -> None:
        """Show this trial."""
        if number != self._number:
            self._number = number
            self._feed.show(number)

    @on(PageRead)
    def show_page(self, message: PageRead) -> None:
        """Show the trial as it is now."""
        message.stop()
        page = message.page
        if page.number != self._number:
            return
        word, sentence = headline(page)
        trial = self.query_one("#side-trial", LineView)
        trial.border_title = pane_title(f"#{page.number} {word}".rstrip())
        width = trial.scrollable_content_region.width
        lines = []
        if page.detail is not None:
            lines = detail_lines(page.detail, time.time(), width, page.note, is_brief=True)
        if sentence:
            lines = [[(sentence, "failed" if word == "failed" else "")], [], *lines]
        trial.show(lines)
        self.query_one("#side-log", LineView).show(log_lines(page))

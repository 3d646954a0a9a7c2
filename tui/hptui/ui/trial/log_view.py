"""The log of a trial: its end as it grows, or any other place of it, and a search of all of it."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual.message import Message

from hptui.domain.texts.readable import show_size
from hptui.domain.texts.text import safe_line
from hptui.ui.trial.log_search import LogSearch, read_window
from hptui.ui.trial.trial_page_lines import log_lines, log_title
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import Unpack

    from textual.binding import BindingType

    from hptui.ui.trial.log_search import LogWindow
    from hptui.ui.trial.trial_page import TrialPage
    from hptui.ui.widgets.pane_title import WidgetName

_TELL_EVERY_S: Final = 0.2
_PERCENT: Final = 100


class LogView(LineView):
    """Shows the end of a log, and what comes before it where a person goes there.

    A log of which all lines are in memory is searched there, any other in its file, in a thread.
    """

    BINDINGS: ClassVar[list[BindingType]] = []

    @dataclass
    class Searched(Message):
        """A search has ended, or its first lines were found."""

        words: str
        n_hits: int

    @dataclass
    class Progressed(Message):
        """A search goes on."""

        search: LogSearch
        share: float
        """Of the log, that has been searched."""
        is_last: bool = False
        problem: str = ""

    @dataclass
    class WindowRead(Message):
        """Another place of the log was read."""

        path: Path
        window: LogWindow | str
        """Or why it cannot be read."""
        row: int
        """Where the place stands in the view; -1: at its end."""

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(follow=True, **naming)
        self._page: TrialPage | None = None
        self._window: LogWindow | None = None
        self._is_reading = False
        self._wanted: tuple[int, int] | None = None
        """The place, and its row, that is to be read when the reading under way has ended."""
        self._search: LogSearch | None = None
        self._search_words = ""
        self._share = 1.0
        self._hit_at: int | None = None

    def show_log(self, page: TrialPage) -> None:
        """Show the end of a trial's log, if the person is not looking at another place of it."""
        before, self._page = self._page, page
        if before is None or before.number != page.number:
            self._stop_search()
            self._window, self._wanted, self._follow = None, None, True
        if self._window is None:
            self.show(log_lines(page))
        self._show_title()

    def search(self, words: str) -> None:
        """Mark the lines that hold some words and go to the last of them; none end the search."""
        self._stop_search()
        page = self._page
        if not words or page is None or page.log_path is None or not page.log.is_cut:
            if self._window is not None:
                self._show_end()
            n_hits = self.find(words)
            if words:
                self.post_message(self.Searched(words, n_hits))
            return
        self.mark(words)
        self._search_words = words
        search = self._search = LogSearch(page.log_path, words)
        self._hit_at, self._share = None, 0.0
        told_s = 0.0

        def tell(share: float) -> None:
            nonlocal told_s
            now_s = time.monotonic()
            if now_s >= told_s + _TELL_EVERY_S or (search.n_hits and not told_s):
                told_s = now_s
                self.post_message(self.Progressed(search, share))

        def run() -> None:
            problem = ""
            try:
                search.run(tell, lambda: search is self._search and self.is_attached)
            except OSError as error:
                problem = f"The log cannot be read: {error.strerror or error}."
            self.post_message(self.Progressed(search, 1.0, is_last=True, problem=problem))

        self._show_title()
        self.screen.run_worker(run, thread=True, exit_on_error=False)

    def on_log_view_progressed(self, message: Progressed) -> None:
        """Go to the last line that was found, and say how many there are in the end."""
        message.stop()
        if message.search is not self._search:
            return
        if message.problem:
            self.app.notify(message.problem, severity="error")
        self._share = message.share
        if self._hit_at is None and message.search.n_hits:
            self._go_to_hit(0)
        if message.is_last and message.search.is_done:
            self.post_message(self.Searched(self._search_words, message.search.n_hits))
        self._show_title()

    def _stop_search(self) -> None:
        self._search, self._hit_at, self._share = None, None, 1.0
        self.mark("")

    def action_next_hit(self, by: int) -> None:
        """Go to the next line that was searched for, or the one before, wherever it stands."""
        if self._search is None:
            super().action_next_hit(by)
        else:
            self._go_to_hit(by)

    def _go_to_hit(self, by: int) -> None:
        search, page = self._search, self._page
        if search is None or page is None or page.log_path is None:
            return
        if search.is_done and by:
            self.screen.run_worker(self._look_further, thread=True, exit_on_error=False)
        at = (
            search.step(self._hit_at, by or -1)
            if self._hit_at is not None
            else search.step(None, 1)
        )
        if at is not None:
            self._hit_at = at
            self._read(search.offset_of(at), self.size.height // 2)

    def _look_further(self) -> None:
        """Search what has come since the search ended."""
        search = self._search
        if search is not None:
            try:
                search.go_on()
            except OSError:
                return

    def _read(self, offset: int, row: int) -> None:
        """Read the lines around a place in a thread, and show them."""
        page = self._page
        if page is None or page.log_path is None:
            return
        if self._is_reading:
            self._wanted = offset, row
            return
        self._is_reading, path = True, page.log_path

        def read() -> None:
            try:
                window: LogWindow | str = read_window(path, offset)
            except OSError as error:
                window = f"The log cannot be read: {error.strerror or error}."
            self.post_message(self.WindowRead(path, window, row))

        self.screen.run_worker(read, thread=True, exit_on_error=False)

    def on_log_view_window_read(self, message: WindowRead) -> None:
        message.stop()
        self._is_reading = False
        wanted, self._wanted = self._wanted, None
        if self._page is None or message.path != self._page.log_path:
            return
        if wanted is not None:
            # A person who presses a key again means the last one.
            self._read(*wanted)
            return
        if isinstance(message.window, str):
            self.app.notify(message.window, severity="error")
            return
        self._window = window = message.window
        self._follow = False
        self.show(window.lines)
        row = self.size.height - 1 if message.row < 0 else message.row
        self.scroll_to(y=max(0, window.at - row), animate=False, force=True)
        self._show_title()

    def _show_end(self) -> None:
        self._window, self._follow = None, True
        if self._page is not None:
            self.show(log_lines(self._page))
        self._show_title()

    def _show_title(self) -> None:
        """Say how long the log is, where this is, and how far a search has come."""
        page = self._page
        if page is None:
            return
        title = log_title(page)
        if self._window is not None:
            title += f", at {self._window.share * _PERCENT:.0f}%"
        search = self._search
        if search is not None and not search.is_done:
            searched = show_size(round(self._share * page.log.n_bytes))
            title += f", {searched} searched for {safe_line(self._search_words, max_chars=30)!r}"
        self.border_title = pane_title(title)

    # Beyond the lines that are in memory.

    def _goes_beyond(self, by: int) -> bool:
        """Read what comes before or behind the lines that are shown, if they end here."""
        page, window = self._page, self._window
        if page is None or (window is None and not page.log.is_cut):
            return False
        if by < 0 and self.scroll_offset.y <= 0:
            if window is not None and window.is_start:
                return False
            first = page.log.first if window is None else window.first
            self._read(first, 0)
            return True
        if by > 0 and window is not None and self.scroll_offset.y >= self.max_scroll_y:
            if window.is_end:
                self._show_end()
                self.scroll_end(animate=False)
            else:
                self._read(window.last, -1)
            return True
        return False

    def _moved(self, by: int, move: Callable[[], object]) -> None:
        if not self._goes_beyond(by):
            move()

    def action_scroll_up(self) -> None:
        self._moved(-1, super().action_scroll_up)

    def action_scroll_down(self) -> None:
        self._moved(1, super().action_scroll_down)

    def action_page_up(self) -> None:
        self._moved(-1, super().action_page_up)

    def action_page_down(self) -> None:
        self._moved(1, super().action_page_down)

    def action_scroll_half(self, by: int) -> None:
        self._moved(by, lambda: super(LogView, self).action_scroll_half(by))

    def action_scroll_home(self) -> None:
        """Go to the begin of the log."""
        page = self._page
        is_start = self._window.is_start if self._window else page is None or not page.log.is_cut
        if is_start:
            super().action_scroll_home()
        else:
            self._read(0, 0)

    def action_scroll_end(self) -> None:
        """Go to the end of the log, and follow it."""
        if self._window is not None:
            self._show_end()
        super().action_scroll_end()

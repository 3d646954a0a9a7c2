"""Drawing on a terminal that may read slowly or not at all, or that has ASCII only."""

from __future__ import annotations

import contextlib
from functools import lru_cache
from queue import Empty, Queue
from typing import TYPE_CHECKING, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.drivers.linux_driver import LinuxDriver
from textual.filter import LineFilter

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.color import Color


_LOOK_S: Final = 0.1
_KEEP_TITLE: Final = "\x1b[22;2t"
_RESTORE_TITLE: Final = "\x1b[23;2t"
"""Of xterm's stack of titles."""


class TerminalDriver(LinuxDriver):
    """Textual's driver, which drops frames where that one would block the event loop.

    When the terminal has taken all that waits, the screen is drawn anew.
    """

    _has_dropped = False
    _has_title = False
    _progress = ""

    @property
    def _waiting(self) -> Queue[str | None]:
        thread = self._writer_thread
        assert thread is not None, "the driver is in application mode"
        return thread._queue  # pyright: ignore[reportPrivateUsage] - Textual has no other way

    def write(self, data: str) -> None:
        """Hand a text on to the thread that writes, or drop it when too many wait there."""
        if not self._has_dropped and not self._waiting.full():
            super().write(data)
        elif not self._has_dropped:
            self._has_dropped = True
            self._loop.call_soon_threadsafe(self._catch_up)

    def set_title(self, title: str) -> None:
        """Show a title, safe for a terminal; an empty one restores what was there."""
        if title:
            self.write(f"{'' if self._has_title else _KEEP_TITLE}\x1b]2;{title}\x1b\\")
        elif self._has_title:
            self.write(_RESTORE_TITLE)
        self._has_title = bool(title)

    def set_progress(self, progress: str) -> None:
        """Show a progress in the taskbar: state and percentage of OSC 9;4; none takes it away."""
        if progress != self._progress:
            self._progress = progress
            self.write(f"\x1b]9;4;{progress or '0;0'}\x1b\\")

    def _catch_up(self) -> None:
        if not self._has_dropped:
            return
        if self._waiting.empty():
            self._has_dropped = False
            self._app.refresh()
        else:
            self._loop.call_later(_LOOK_S, self._catch_up)

    def stop_application_mode(self) -> None:
        """Restore the terminal; frames that still wait are dropped, as they would come first."""
        self._has_dropped = False
        with contextlib.suppress(Empty):
            while True:
                self._waiting.get_nowait()
        self.set_title("")
        self.set_progress("")
        super().stop_application_mode()


_STAND_INS: Final = {
    "|": "\u2502\u2503\u2551\u254e\u254f\u2506\u2507"
    "\u250a\u250b\u258f\u258e\u258d\u258c\u2590\u2595",
    "-": "\u2500\u2501\u2550\u254c\u254d\u2504\u2505"
    "\u2574\u2576\u2578\u257a\u2594\u2013\u2014\u2212",
    "+": "\u250c\u2510\u2514\u2518\u251c\u2524\u252c"
    "\u2534\u253c\u256d\u256e\u256f\u2570\u2571\u2572",
    "_": "\u2581\u2582\u2583",
    "#": "\u2584\u2585\u2586\u2587\u2588\u2589\u258a\u2580\u25a0",
    "o": "\u2022\u00b7\u25c9\u2219",
    "R": "\u25cf",
    "C": "\u2713",
    "P": "\u25d0",
    "F": "\u2717",
    "W": "\u25cb",
    "*": "\u2605",
    "X": "\u2298",
    "x": "\u00d7",
    "=": "\u2016",
    ">": "\u25b6\u25b8\u203a\u00bb\u2192\u276f",
    "<": "\u25c0\u25c2\u2039\u00ab\u2190\u276e",
    "^": "\u2191\u25b2\u25b4",
    "v": "\u2193\u25bc\u25be",
    '"': "\u201c\u201d\u201e",
    "'": "\u2018\u2019\u201a",
    ".": "\u2026",
    " ": "\u00a0",
}
_TABLE: Final = str.maketrans({each: key for key, group in _STAND_INS.items() for each in group})


class AsciiFilter(LineFilter):
    """Replaces each character that is not ASCII by one that is, keeping the width in cells."""

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:  # noqa: ARG002
        """Return the segments with ASCII text."""
        return [
            segment if segment.text.isascii() else Segment(_ascii(segment.text), segment.style)
            for segment in segments
        ]


@lru_cache(4096)
def _ascii(text: str) -> str:
    return "".join(
        character if character.isascii() else "?" * cell_len(character)
        for character in text.translate(_TABLE)
    )


_WITH_TASKBAR: Final = ("ghostty", "wezterm")
"""Of `TERM_PROGRAM`; others take the sequence for a notification, or for nothing."""


def shows_progress(environment: Mapping[str, str]) -> bool:
    """Say whether a terminal is known to show a progress in the taskbar."""
    if environment.get("TMUX") or environment.get("STY"):
        return False
    is_named = environment.get("TERM_PROGRAM", "").lower() in _WITH_TASKBAR
    return is_named or bool(environment.get("WT_SESSION") or environment.get("ConEmuANSI") == "ON")

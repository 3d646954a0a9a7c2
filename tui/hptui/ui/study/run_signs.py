"""What is told of a run beside its screen: title and taskbar while it runs, a sign at its end."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.application.settings import AtEnd
    from hptui.ui.study.run_summary import RunSummary

_GOING_ON: Final = ("running", "paused", "stopping", "waiting")
_BELL: Final = "\a"


class RunSigns:
    """Tells of the run of one screen.

    Args:
        set_title: Shows a title for the terminal's window; an empty one restores what was there.
        set_progress: Shows a progress in the taskbar, in OSC 9;4's numbers; none takes it away.
        write: Sends control characters to the terminal.
        at_end: What is done when a run ends that was seen to go on.
    """

    def __init__(
        self,
        set_title: Callable[[str], None],
        set_progress: Callable[[str], None],
        write: Callable[[str], None],
        at_end: AtEnd,
    ) -> None:
        self._set_title, self._set_progress = set_title, set_progress
        self._write, self._at_end = write, at_end
        self._title = ""

    def show(self, summary: RunSummary) -> bool:
        """Tell of a moment, and say whether a run has just ended; texts must be safe already."""
        if summary.state in _GOING_ON:
            share = "" if summary.fraction is None else f"{summary.fraction:.0%} "
            best = f", best {summary.best}" if summary.best else ""
            self._show_title(f"{share}{summary.name}: {summary.word}{best}")
            self._set_progress(_progress(summary))
        elif self._title and summary.state not in ("loading", "trouble"):
            self.clear()
            if self._at_end == "bell":
                self._write(_BELL)
            elif self._at_end == "notification":
                best = f", best {summary.best}" if summary.best else ""
                # Of iTerm2, and many that came after it; a terminal without ignores it.
                self._write(f"\x1b]9;{summary.name}: the run has ended{best}\x1b\\")
            elif self._at_end == "notification-777":
                best = f"best {summary.best}" if summary.best else ""
                # A semicolon ends the title there.
                name = summary.name.replace(";", ",")
                self._write(f"\x1b]777;notify;{name}: the run has ended;{best}\x1b\\")
            return True
        return False

    def clear(self) -> None:
        """Restore the title, and take the progress away."""
        self._show_title("")
        self._set_progress("")

    def _show_title(self, title: str) -> None:
        if title != self._title:
            self._title = title
            self._set_title(title)


def _progress(summary: RunSummary) -> str:
    """Return state and percentage as OSC 9;4 takes them."""
    if summary.fraction is None:
        return "3;0"
    return f"{4 if summary.state == 'paused' else 1};{int(100 * summary.fraction)}"

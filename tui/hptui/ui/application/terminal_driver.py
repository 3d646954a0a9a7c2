"""Drawing on a terminal that may read slowly, or nothing at all."""

from __future__ import annotations

import contextlib
from queue import Empty, Queue
from typing import Final

from textual.drivers.linux_driver import LinuxDriver

_LOOK_S: Final = 0.1


class TerminalDriver(LinuxDriver):
    """Textual's driver, which drops frames where that one would block the event loop.

    When the terminal has taken all that waits, the screen is drawn anew.
    """

    _has_dropped = False

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
        super().stop_application_mode()

"""A thread that does the same thing again and again until it is stopped."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class Ticker:
    """Calls `tick` once a period in a thread of its own, and `end` when that is over.

    A tick that takes long is followed by a pause as long, so that the thread never takes more
    than half of a processor.
    """

    def __init__(
        self,
        tick: Callable[[], None],
        end: Callable[[], None] = lambda: None,
        *,
        period_s: float,
        name: str,
    ) -> None:
        self._tick = tick
        self._end = end
        self._period_s = period_s
        self._wake = threading.Event()
        self._is_stopping = False
        # Nothing that is read is worth keeping a process alive for.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)

    @property
    def is_stopping(self) -> bool:
        """Whether the tick under way is the last one, and should end soon."""
        return self._is_stopping

    def start(self) -> None:
        """Start; the first tick comes at once."""
        self._thread.start()

    def stop(self) -> None:
        """Make the thread end, without waiting for that."""
        self._is_stopping = True
        self._wake.set()

    def set_period(self, period_s: float) -> None:
        """Tick as often from the next pause on."""
        self._period_s = period_s

    def nudge(self) -> None:
        """Tick now."""
        self._wake.set()

    def join(self, timeout_s: float) -> bool:
        """Wait for the end of the thread and say whether it came."""
        if self._thread.ident is not None:
            self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            while not self._is_stopping:
                began_s = time.monotonic()
                self._wake.clear()
                self._tick()
                took_s = time.monotonic() - began_s
                if not self._is_stopping:
                    self._wake.wait(max(self._period_s, took_s))
        finally:
            self._end()

"""Python's search for unreachable cycles: while nobody presses keys, not in the middle of drawing.

With some 50,000 objects of a screen a full search takes 20 to 50 ms, during which all threads
stand still. Left to itself it begins wherever an object is made: while the screen is drawn, and
some twenty times while a large study is read.
"""

from __future__ import annotations

import gc
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

_NEVER: Final = 1_000_000
"""How many searches of the middle generation come before a full one."""


class QuietCollector:
    """Does the full searches when it is asked to look and nothing has been touched for a moment.

    Args:
        quiet_s: How long there must have been no input.
        at_most_s: After this long a search is due, quiet or not.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        *,
        quiet_s: float = 1.0,
        at_most_s: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._quiet_s = quiet_s
        self._at_most_s = at_most_s
        self._clock = clock
        self._touched_s = self._collected_s = clock()
        self._thresholds: tuple[int, int, int] | None = None

    def start(self) -> None:
        """Let what exists now stay for good, and take the full searches over from Python."""
        self._thresholds = gc.get_threshold()
        gc.freeze()
        gc.set_threshold(self._thresholds[0], self._thresholds[1], _NEVER)
        gc.enable()
        self._collected_s = self._clock()

    def stop(self) -> None:
        """Give the full searches back."""
        if self._thresholds is not None:
            gc.set_threshold(*self._thresholds)
            self._thresholds = None

    def touch(self) -> None:
        """Take note of a key or the mouse."""
        self._touched_s = self._clock()

    @property
    def untouched_s(self) -> float:
        """How long no key and no mouse has been used."""
        return self._clock() - self._touched_s

    def look(self) -> bool:
        """Search if this is a good moment, or high time; return whether it did."""
        if self._thresholds is None:
            return False
        is_quiet = self.untouched_s >= self._quiet_s
        if not is_quiet and self._clock() - self._collected_s < self._at_most_s:
            return False
        gc.collect()
        self._collected_s = self._clock()
        return True

"""Which part of the history is shown: all of it, or the latest trials."""

from __future__ import annotations

from typing import Final

_FEWEST: Final = 10


class Zoom:
    """A span of trials that ends at the latest one and goes with it."""

    def __init__(self) -> None:
        self._span: int | None = None

    def zoom_in(self, last: int) -> None:
        """Show the later half of what is shown; `last` is the latest trial's number."""
        shown = last + 1 if self._span is None else self._span
        self._span = max(_FEWEST, shown // 2)

    def zoom_out(self, last: int) -> None:
        """Show twice as much, up to everything."""
        if self._span is not None:
            self._span *= 2
            if self._span > last:
                self._span = None

    def window(self, last: int) -> tuple[int, int] | None:
        """Return the first and the last number that are shown; None for all."""
        if self._span is None or self._span > last:
            return None
        return last + 1 - self._span, last

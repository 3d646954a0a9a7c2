"""The most memory that a worker's own process has taken during one trial, as Linux counts it."""

from __future__ import annotations

import contextlib
import os
import resource
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hptui.engine.ipc.protocol import Message

_RESET: Final = b"5"
"""Written to `clear_refs`: the greatest resident size is counted from now on."""
_UNIT: Final = 1024
_MOST: Final = 1 << 60


class PeakMemory:
    """Counts the greatest resident size from the begin of a trial to its end; 10 us a trial.

    What the trial's own child processes take is not in it: the engine looks at these now and then.
    """

    def __init__(self) -> None:
        self._is_counting = False

    def begin(self) -> None:
        """Count from now on."""
        self._is_counting = False
        with contextlib.suppress(OSError):
            fd = os.open("/proc/self/clear_refs", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(fd, _RESET)
                self._is_counting = True
            finally:
                os.close(fd)

    def end(self) -> Message:
        """Return the field of a worker's last message on a trial; none where it is not known."""
        if not self._is_counting:
            return {}
        return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * _UNIT}


class _Unknown(PeakMemory):
    def begin(self) -> None:
        """Count nothing: trials share the process."""


NO_PEAK: Final = _Unknown()


def peak_of(ended: Message) -> int:
    """Return the bytes that the end of a trial tells; 0 where it tells none, or nonsense."""
    peak = ended.get("peak")
    if isinstance(peak, int) and not isinstance(peak, bool) and 0 < peak < _MOST:
        return peak
    return 0

"""A limit for what must not hang, met by a loaded machine."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Generator
    from types import FrameType


class TooLong(BaseException):
    """What was to be done is still being done; no `except Exception` takes it for another error."""


@contextmanager
def time_limit(seconds: float) -> Generator[None]:
    """Raise TooLong inside when so much time has passed, also out of a system call that waits."""

    def ring(signum: int, frame: FrameType | None) -> None:
        raise TooLong(f"{signal.Signals(signum).name} at {frame}")

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)

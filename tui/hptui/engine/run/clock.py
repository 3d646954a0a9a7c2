"""The one clock of the engine."""

from __future__ import annotations

import time


def now() -> float:
    """Return monotonic seconds: no change of the system's time moves a deadline."""
    return time.monotonic()

"""How tests wait: for a condition, with the one deadline, which a loaded machine meets.

No test sleeps, reads the clock, or says a time of its own; `tests/test_waiting.py` sees to it.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

DEADLINE_S: Final = 120.0
"""What a test waits for comes within this time, however busy the machine is."""
MOMENT_S: Final = 0.05
"""How long a test looks whether what must not happen does; too short makes it weaker, not wrong."""
POLL_S: Final = 0.01


def looks(what: str, seen: Callable[[], object] = lambda: "") -> Generator[None]:
    """Yield for each look at what is to come; fails, saying what is `seen`, at the deadline."""
    deadline_s = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline_s:
        yield
    raise AssertionError(f"{what}: did not happen {seen()}")


def wait_until(
    condition: Callable[[], object], what: str = "", seen: Callable[[], object] = lambda: ""
) -> None:
    """Wait for a condition; fails, saying what is `seen`, when it does not come true in time."""
    for _ in looks(what, seen):
        if condition():
            return
        threading.Event().wait(POLL_S)

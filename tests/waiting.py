"""How tests wait: for a condition, with the one deadline, which a loaded machine meets.

No test sleeps, reads the clock, or says a time of its own; `tests/test_waiting.py` sees to it.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from contextlib import closing
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

DEADLINE_S: Final = 120.0
"""What a test waits for comes within this time, however busy the machine is."""
MOMENT_S: Final = 0.05
"""How long a test looks whether what must not happen does; too short makes it weaker, not wrong."""
POLL_S: Final = 0.01
_REST: Final = 3.0
"""Between two looks is at least so many times what a look takes: others have the processor then."""
_LONGEST_REST_S: Final = 0.3


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
        began_s = time.monotonic()
        if condition():
            return
        rest_s = min(_REST * (time.monotonic() - began_s), _LONGEST_REST_S)
        threading.Event().wait(max(POLL_S, rest_s))


async def until_next_look() -> None:
    """Let the event loop go on until it is time for another look."""
    await asyncio.sleep(POLL_S)


def wait_for_stored(file: Path, n_trials: int, what: str) -> None:
    """Wait until a study file holds so many trials that have ended.

    What an objective has done is told by its own files a moment before the engine has stored it,
    and the next trial may begin in between.
    """
    ended = "SELECT COUNT(*) FROM trials WHERE state NOT IN ('RUNNING', 'WAITING')"

    def are_stored() -> bool:
        try:
            with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True)) as connection:
                return int(connection.execute(ended).fetchone()[0]) >= n_trials
        except sqlite3.OperationalError:
            # The file is not there, its tables are not, or somebody has it alone.
            return False

    wait_until(are_stored, what)

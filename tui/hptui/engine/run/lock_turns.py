"""When the write lock of a study file is left to other programs, and for how long.

They cannot tell that they wait: SQLite looks for the lock now and then, after a while ten times a
second, and a lock that is free for a moment is never seen to be so. Alone, an engine leaves none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.storage.files.open_files import may_be_written_by_others

if TYPE_CHECKING:
    from hptui.storage.sqlite.storage import SqliteStorage

_SHARED_S: Final = 2.0
"""So long after others were met the file is taken for one that they write."""
_TURN_S: Final = 0.12
"""Others have the lock at least so long after each commit then."""
_TURN_SHARE: Final = 4.0
"""And as many times what the engine had it for."""
_MAX_TURN_S: Final = 1.0
_WINDOW_S: Final = 0.15
"""Who waits for the lock looks for it once in this time at least."""
_WINDOW_EVERY_S: Final = 1.0
_LOOK_EVERY_S: Final = 0.5


class LockTurns:
    """Tells after each commit how long to keep away from the lock."""

    def __init__(self, storage: SqliteStorage) -> None:
        self._storage = storage
        self._n_met = storage.times_met_others
        self._shared_until_s = 0.0
        self._free_since_s = 0.0
        self._window_at_s = 0.0
        self._looked_at_s = 0.0
        self._has_company = False

    def is_shared(self, now_s: float) -> bool:
        """Say whether other programs wrote to the file, or held its lock, of late."""
        n_met = self._storage.times_met_others
        if n_met != self._n_met:
            self._n_met = n_met
            self._shared_until_s = now_s + _SHARED_S
        return now_s < self._shared_until_s

    def rest_s(self, now_s: float) -> float:
        """Return how long to keep away from the lock after a commit at `now_s`."""
        taken_at_s, free_since_s = self._storage.lock_taken_at_s, self._free_since_s
        self._free_since_s = now_s
        if taken_at_s - free_since_s >= _WINDOW_S:
            self._window_at_s = taken_at_s
        if self.is_shared(now_s):
            turn_s = max(_TURN_S, _TURN_SHARE * (now_s - taken_at_s))
            return min(turn_s, _MAX_TURN_S)
        if now_s < self._window_at_s + _WINDOW_EVERY_S or not self._look_around(now_s):
            return 0.0
        self._window_at_s = now_s
        return _WINDOW_S

    def _look_around(self, now_s: float) -> bool:
        """Say whether a program has the file open that may be waiting to write."""
        if now_s >= self._looked_at_s + _LOOK_EVERY_S:
            self._looked_at_s = now_s
            self._has_company = may_be_written_by_others(self._storage.path)
        return self._has_company

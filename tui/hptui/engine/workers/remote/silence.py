"""Whether the other end of a connection is still there: both ends ping, and look for news.

A pulled cable closes no connection. Silence is counted in looks, not in seconds, so that a process
that was suspended or too busy to look does not blame the other end for that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PING: Final = b'{"op":"ping"'
LOOKS: Final = 4
"""So many in the time after which a machine is lost; all but one of them found nothing new."""
AGENT_PATIENCE: Final = 4
"""Agents wait so many times longer for the engine, which a person may stop for a moment."""


@dataclass(slots=True)
class Silence:
    """What one connection had received at the last look."""

    n_heard: int = -1
    n_silent: int = 0
    """Consecutive looks that found nothing new."""

    def look(self, n_heard: int, patience: int = 1) -> bool:
        """Return whether the other end is lost.

        Args:
            n_heard: Grows with what has been received.
            patience: How many times longer than usual to wait.
        """
        self.n_silent = self.n_silent + 1 if n_heard == self.n_heard else 0
        self.n_heard = n_heard
        return self.n_silent >= LOOKS * patience - 1


@dataclass(slots=True)
class Looks:
    """When the next look is due."""

    lost_after_s: float
    due_s: float = 0.0

    def are_due(self, now_s: float) -> bool:
        """Return whether a look is due, and if so plan the next one."""
        if now_s < self.due_s:
            return False
        self.due_s = now_s + self.lost_after_s / LOOKS
        return True

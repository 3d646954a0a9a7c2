"""Whether the other end of a connection is still there: both ends ping, and count silent looks.

A cable that is pulled closes nothing. What is counted are looks, not seconds, so that who was
suspended, or too busy to look, does not blame the other end for that time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

PING: Final = b'{"op":"ping"'
LOOKS: Final = 4
"""In the time after which a machine is lost; it is at all but one of them that nothing has come."""
AGENT_PATIENCE: Final = 4
"""An engine may be stopped for a moment by who runs it: agents wait so many times longer for it."""


@dataclass(slots=True)
class Silence:
    """What was heard of one connection at the last look."""

    n_heard: int = -1
    n_silent: int = 0
    """Looks one after the other at which nothing had come."""

    def look(self, n_heard: int, patience: int = 1) -> bool:
        """Say whether the other end is lost.

        Args:
            n_heard: Grows with what has come.
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
        """Say whether a look is due, and put the next one off from now on."""
        if now_s < self.due_s:
            return False
        self.due_s = now_s + self.lost_after_s / LOOKS
        return True

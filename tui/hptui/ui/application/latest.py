"""Messages of which only the latest counts: a slow screen shows the newest moment, not each."""

from __future__ import annotations

from textual.message import Message


class LatestMessage(Message):
    """Replaces those of its class that still wait for the same receiver."""

    def can_replace(self, message: Message) -> bool:
        """Say whether a message that came later makes this one needless."""
        return isinstance(message, type(self))

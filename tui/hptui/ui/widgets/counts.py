"""A count that is typed before a movement, as in `5j`, where digits are no keys of a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from textual.binding import Binding

if TYPE_CHECKING:
    from textual.dom import DOMNode
    from textual.widget import Widget

DIGITS: Final = tuple("1234567890")
COUNT_BINDINGS: Final = tuple(Binding(each, f"count('{each}')", show=False) for each in DIGITS)
"""For a widget with an `action_count` that adds the digit."""
_MAX_DIGITS: Final = 9


class TypedCount:
    """The digits that were typed since the last movement."""

    def __init__(self) -> None:
        self._typed = ""

    def add(self, digit: str) -> None:
        """Take one more digit."""
        self._typed = (self._typed + digit)[:_MAX_DIGITS]

    def look_at(self, key: str) -> None:
        """Forget the digits where a key is pressed that takes no count."""
        if key not in DIGITS and key not in _MOVING:
            self._typed = ""

    def take(self) -> int | None:
        """Return the count and forget it; None where none was typed."""
        typed, self._typed = self._typed, ""
        return int(typed) or 1 if typed else None


_MOVING: Final = frozenset(
    ("j", "k", "up", "down", "G", "end", "ctrl+d", "ctrl+u", "pageup", "pagedown", "n", "N")
)


def is_count_free(widget: Widget, digit: str) -> bool:
    """Say whether a digit is no key of the widget's screen or of the application."""
    above = cast("tuple[DOMNode, DOMNode]", (widget.screen, widget.app))  # pyright: ignore[reportUnknownMemberType]
    return not any(
        digit in each._bindings.key_to_bindings  # pyright: ignore[reportPrivateUsage]
        for each in above
    )

"""The frame of a dialog: a title, what is asked, what is wrong with it, and the keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from rich.text import Text
from textual.containers import Vertical
from textual.widgets import Static

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    from textual.app import ComposeResult

_MAX_PROBLEM_CHARS: Final = 600


class DialogFrame(Vertical):
    """Holds what is composed within it, below the title and above problem and keys.

    Args:
        title: A few words.
        keys: A line about the keys; None for a frame without one.
        problem: What is said at first; None for a dialog in which nothing can be wrong.
    """

    def __init__(self, title: str, *, keys: str | None = None, problem: str | None = None) -> None:
        super().__init__(Static(Text(safe_line(title)), id="title"), id="frame")
        self._keys, self._problem = keys, problem

    def compose(self) -> ComposeResult:
        """Lay out what stands below."""
        if self._problem is not None:
            yield Static(Text(self._problem), id="problem")
        if self._keys is not None:
            yield Static(Text(self._keys), id="keys")

    def tell(self, text: str, *, is_note: bool = False) -> None:
        """Say what is wrong, or what is to be known; no text takes it away."""
        line = self.query_one("#problem", Static)
        line.set_class(is_note, "-note")
        line.update(Text(safe_line(text, max_chars=_MAX_PROBLEM_CHARS)))

    def show_keys(self, text: str) -> None:
        """Say which keys work now."""
        self.query_one("#keys", Static).update(Text(text))

"""One line of tabs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from textual.message import Message
from textual.reactive import reactive

from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled, draw_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rich.text import Text
    from textual import events

    from hptui.ui.widgets.wrapped_lines import Span


_GAP: Final = 3
_SMALL_GAP: Final = 2
"""Cells between two tabs, and where all of them would not fit else."""


class TabLine(RoleStyled):
    """Names of which one is chosen; a click chooses another, a tab without content is quiet."""

    DEFAULT_CSS = """
    TabLine {
        height: 1;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "chosen": RoleStyle("foreground", text_style="bold underline"),
        "other": RoleStyle("foreground"),
        "empty": RoleStyle("dimmed"),
    }
    chosen: reactive[str] = reactive("")
    """The id of the tab."""

    @dataclass
    class Chosen(Message):
        """A tab was clicked."""

        tab: str

    def __init__(self, tabs: Sequence[tuple[str, str]], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._tabs = tuple(tabs)
        self._full: frozenset[str] = frozenset(key for key, _ in tabs)
        self._places: list[tuple[range, str]] = []
        self.set_reactive(TabLine.chosen, self._tabs[0][0])

    def show(self, tabs: Sequence[tuple[str, str]], full: frozenset[str]) -> None:
        """Show these ids and labels; `full` are the ids of those that have something to show."""
        if (tuple(tabs), full) != (self._tabs, self._full):
            self._tabs, self._full = tuple(tabs), full
            self.refresh()

    def next(self) -> str:
        """Return the id of the tab after the chosen one that has something to show."""
        ids = [key for key, _ in self._tabs if key in self._full or key == self.chosen]
        return ids[(ids.index(self.chosen) + 1) % len(ids)]

    def render(self) -> Text:
        """Draw the tabs and remember where they stand."""
        self._places = []
        spans: list[Span] = []
        at = 0
        words = sum(len(label) for _, label in self._tabs)
        has_room = words + _GAP * (len(self._tabs) - 1) <= self.size.width
        gap = _GAP if has_room else _SMALL_GAP
        for key, label in self._tabs:
            role = "other" if key in self._full else "empty"
            spans += [(label, "chosen" if key == self.chosen else role), (" " * gap, "")]
            self._places.append((range(at, at + len(label)), key))
            at += len(label) + gap
        return draw_lines(self, [spans])

    def on_click(self, event: events.Click) -> None:
        for place, key in self._places:
            if event.x in place:
                self.post_message(self.Chosen(key))

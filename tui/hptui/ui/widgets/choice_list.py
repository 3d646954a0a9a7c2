"""A list to choose from, which moves with arrows and with vi's keys."""

from __future__ import annotations

from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import OptionList


class ChoiceList(OptionList):
    """Textual's list with the keys that move in every list here, at any size."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,ctrl+n", "cursor_down", show=False),
        Binding("k,ctrl+p", "cursor_up", show=False),
        Binding("g", "first", show=False),
        Binding("G", "last", show=False),
        Binding("ctrl+d", "page_down", show=False),
        Binding("ctrl+u", "page_up", show=False),
    ]

    def action_page_up(self) -> None:
        """Move the cursor a page up; to the first where there is no room for a page."""
        if self.scrollable_content_region:
            super().action_page_up()
        else:
            self.action_first()

    def action_page_down(self) -> None:
        """Move the cursor a page down; to the last where there is no room for a page."""
        if self.scrollable_content_region:
            super().action_page_down()
        else:
            self.action_last()

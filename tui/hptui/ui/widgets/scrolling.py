"""What scrolls: lists and long texts, with arrows and vi's keys, and their thin scroll bars."""

from __future__ import annotations

from typing import ClassVar, Final

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.scrollbar import ScrollBarRender
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


class ReadingScroll(VerticalScroll):
    """Textual's scrolling container with the keys that move in every list here."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j", "scroll_down", show=False),
        Binding("k", "scroll_up", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("ctrl+d", "page_down", show=False),
        Binding("ctrl+u", "page_up", show=False),
    ]


_THUMB: Final = {True: "\u2590", False: "\u2584"}
_BLACK, _WHITE = Color.parse("black"), Color.parse("white")


class ThinScrollBar(ScrollBarRender):
    """Draws the thumb in half a cell."""

    @classmethod
    def render_bar(
        cls,
        size: int = 25,
        virtual_size: float = 50,
        window_size: float = 20,
        position: float = 0,
        thickness: int = 1,
        vertical: bool = True,
        back_color: Color = _BLACK,
        bar_color: Color = _WHITE,
    ) -> Segments:
        """Draw Textual's bar, with thin glyphs where the thumb is."""
        bar = super().render_bar(
            size, virtual_size, window_size, position, thickness, vertical, back_color, bar_color
        )
        colours = Style(color=bar_color, bgcolor=back_color)
        thin = [
            Segment(_THUMB[vertical] * len(segment.text), colours + Style(meta=segment.style.meta))
            if segment.style is not None and segment.style.meta.get("@mouse.down") == "grab"
            else segment
            for segment in bar.segments
        ]
        return Segments(thin, new_lines=bar.new_lines)

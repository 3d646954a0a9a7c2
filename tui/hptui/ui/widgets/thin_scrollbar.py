"""Scroll bars of half a cell, so that they do not look like a selected row."""

from __future__ import annotations

from typing import Final

from rich.color import Color
from rich.segment import Segment, Segments
from rich.style import Style
from textual.scrollbar import ScrollBarRender

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

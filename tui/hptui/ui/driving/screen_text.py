"""What is on the screen, as text and as a picture."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any, Final, cast

from rich.cells import cell_len
from textual._context import visible_screen_stack

if TYPE_CHECKING:
    from textual.app import App
    from textual.screen import Screen

_TEXT: Final = re.compile(
    r'(?P<head><text [^>]*?)x="(?P<x>[\d.]+)"(?P<middle>[^>]*?)textLength="[\d.]+"'
    r"(?P<tail>[^>]*>)(?P<text>[^<]*)</text>"
)
_WORDS: Final = re.compile(r"[^\xa0\n]+(?:\xa0[^\xa0\n]+)*")
"""What stands between two blanks or more."""
_CELL: Final = 12.2
"""The width of a cell in Rich's pictures, 0.61 of their 20 pixels of font."""


def screen_text(app: App[Any]) -> str:
    """Return the visible screen, a line a row, without blanks at the ends of lines."""
    # Textual exports pictures and no text; this is the one place that looks inside for it.
    compositor = app.screen._compositor  # pyright: ignore[reportPrivateUsage]
    # What a dialog lies over; without, a dialog that is drawn here first would stay without it.
    below = cast("list[Screen[object]]", app._background_screens)  # pyright: ignore
    visible_screen_stack.set(below)
    return "\n".join(strip.text.rstrip() for strip in compositor.render_strips())


def screen_picture(app: App[Any]) -> str:
    """Return the visible screen as SVG, in which each word in a column has its own place.

    Rich places a whole line and says how long it is. Programs without its font that do not know
    that length, librsvg among them, move what comes later, and leave blanks out that come first.
    """
    return _TEXT.sub(_placed, app.export_screenshot(title="hptui"))


def _placed(line: re.Match[str]) -> str:
    text = html.unescape(line["text"])
    words = list(_WORDS.finditer(text))
    if len(words) == 1:
        # What is underlined is so in all programs where it is a text of its own.
        return f"{line['head']}{_place(line, words[0])}</text>"
    spans = "".join(f"<tspan {_place(line, each, is_span=True)}</tspan>" for each in words)
    return f"{line['head']}{line['middle'].strip()}{line['tail']}{spans}</text>" if words else ""


def _place(line: re.Match[str], words: re.Match[str], *, is_span: bool = False) -> str:
    """Return the attributes and the content of words of a line."""
    x = float(line["x"]) + _CELL * cell_len(words.string[: words.start()])
    shown = html.escape(words[0], quote=False).replace("\xa0", "&#160;")
    rest = ">" if is_span else f" {line['middle'].strip()}{line['tail']}"
    return f'x="{x:.6g}" textLength="{_CELL * cell_len(words[0]):.6g}"{rest}{shown}'

"""What is on the screen, as text and as a picture."""

from __future__ import annotations

import html
import re
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, cast

from rich.cells import cell_len
from textual._context import visible_screen_stack

from hptui.figures.canvas.svg import CELL_WIDTH, drawn_shape

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import App
    from textual.screen import Screen

_TEXT: Final = re.compile(
    r'(?P<head><text [^>]*?)x="(?P<x>[\d.]+)"(?P<middle>[^>]*?)textLength="[\d.]+"'
    r"(?P<tail>[^>]*>)(?P<text>[^<]*)</text>"
)
_WORDS: Final = re.compile(r"[^\xa0\n]+(?:\xa0[^\xa0\n]+)*")
"""What stands between two blanks or more."""
_CELL: Final = 12.2
"""The width of a cell in Rich's pictures, 0.61 of their 20 pixels of font; it is twice as high."""
_CLASS: Final = re.compile(r'class="[^"]*"')
_BASELINE: Final = re.compile(r' y="([\d.]+)"')
_ASCENT: Final = 18.5
"""From the top of a cell to the line that its letters stand on."""


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
    Blocks, dots and lines become shapes: as letters they leave gaps, or are not in the font at all.
    """
    return _TEXT.sub(_placed, app.export_screenshot(title="hptui"))


def _placed(line: re.Match[str]) -> str:
    text = html.unescape(line["text"])
    shapes = "".join(_shapes(line, text))
    letters = "".join("\xa0" * cell_len(char) if drawn_shape(char) else char for char in text)
    words = list(_WORDS.finditer(letters if shapes else text))
    if len(words) == 1:
        # What is underlined is so in all programs where it is a text of its own.
        return f"{shapes}{line['head']}{_place(line, words[0])}</text>"
    spans = "".join(f"<tspan {_place(line, each, is_span=True)}</tspan>" for each in words)
    head = f"{line['head']}{line['middle'].strip()}{line['tail']}"
    return f"{shapes}{head}{spans}</text>" if words else shapes


def _shapes(line: re.Match[str], text: str) -> Iterator[str]:
    """Yield the characters of a line that are drawn, those alike beside each other as one."""
    kind = _CLASS.search(line[0])
    baseline = _BASELINE.search(line[0])
    if kind is None or baseline is None:
        return
    top = float(baseline[1]) - _ASCENT
    x = float(line["x"])
    for char, group in groupby(text):
        count = len(list(group))
        shape = drawn_shape(char, count)
        if shape is not None:
            path, opacity, is_sharp = shape
            sharp = ' shape-rendering="crispEdges"' if is_sharp else ""
            faint = f' opacity="{opacity}"' if opacity < 1 else ""
            place = f"translate({x:.6g} {top:.6g}) scale({_CELL / CELL_WIDTH:.6g})"
            yield f'<path {kind[0]}{sharp}{faint} transform="{place}" d="{path}"/>'
        x += _CELL * cell_len(char) * count


def _place(line: re.Match[str], words: re.Match[str], *, is_span: bool = False) -> str:
    """Return the attributes and the content of words of a line."""
    x = float(line["x"]) + _CELL * cell_len(words.string[: words.start()])
    shown = html.escape(words[0], quote=False).replace("\xa0", "&#160;")
    rest = ">" if is_span else f" {line['middle'].strip()}{line['tail']}"
    return f'x="{x:.6g}" textLength="{_CELL * cell_len(words[0]):.6g}"{rest}{shown}'

"""A picture of cells as SVG: blocks, dots and lines as shapes, so that no font matters to them."""

from __future__ import annotations

import html
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import cell_width, safe_line
from hptui.figures.canvas.picture import cell_texts, text_width
from hptui.figures.canvas.roles import RAMP, ROLES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hptui.figures.canvas.picture import Picture, Span
    from hptui.figures.canvas.roles import Role

CELL_WIDTH: Final = 8
CELL_HEIGHT: Final = 16
"""In pixels; a cell is made of two by two quarters, or of two by four dots."""
_BASELINE: Final = 12
_FONT: Final = "ui-monospace,SFMono-Regular,Menlo,Consolas,'DejaVu Sans Mono',monospace"

_QUARTERS: Final = dict(zip("▖▗▄▘▌▚▙▝▞▐▟▀▛▜█", range(1, 16), strict=True))
"""By the sum of lower left 1, lower right 2, upper left 4 and upper right 8."""
_SHADES: Final = {"░": 0.3, "▒": 0.5, "▓": 0.75}
_BANDS: Final = {
    "█": (0, CELL_HEIGHT),
    "▀": (0, CELL_HEIGHT // 2),
    "▄": (CELL_HEIGHT // 2, CELL_HEIGHT // 2),
}
"""Top and height of blocks as wide as a cell."""
_MIDDLE_Y: Final = CELL_HEIGHT // 2
_EIGHTHS: Final = dict(zip("▁▂▃▅▆▇", (1, 2, 3, 5, 6, 7), strict=True))
"""Bars from the bottom; those of four and of eight are quarters too, as in the next."""
_LEFT_EIGHTHS: Final = dict(zip("▏▎▍▋▊▉", (1, 2, 3, 5, 6, 7), strict=True))
_SHARP: Final = 'shape-rendering="crispEdges"'
"""At the edges of blocks that meet no ground shows through."""
_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8
_STROKES: Final = {
    "│": _UP | _DOWN,
    "─": _LEFT | _RIGHT,
    "└": _UP | _RIGHT,
    "┘": _UP | _LEFT,
    "┌": _DOWN | _RIGHT,
    "┐": _DOWN | _LEFT,
    "├": _UP | _DOWN | _RIGHT,
    "┤": _UP | _DOWN | _LEFT,
    "┬": _LEFT | _RIGHT | _DOWN,
    "┴": _LEFT | _RIGHT | _UP,
    "┼": _UP | _DOWN | _LEFT | _RIGHT,
}
_BRAILLE: Final = 0x2800
_BRAILLE_END: Final = 0x28FF
_BRAILLE_DOTS: Final = ((0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2), (0, 3), (1, 3))
"""Column and row of the dot of each bit."""


def picture_svg(
    picture: Picture, title: str, *, colours: Mapping[Role, str] | None = None, ground: str = ""
) -> str:
    """Return a picture as an SVG element.

    Args:
        picture: What is drawn.
        title: What it shows, for those who cannot see it; any text.
        colours: A colour of CSS for each role. Without, each part has a class by its role, and a
            page that holds the element says what the classes look like, see `svg_style`.
        ground: A colour of CSS behind it; without, it is transparent.
    """
    n_columns = max((text_width(line) for line in picture.lines), default=1)
    width, height = n_columns * CELL_WIDTH, max(1, len(picture.lines)) * CELL_HEIGHT
    shown = html.escape(safe_line(title))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
        f'height="{height}" role="img" class="picture"><title>{shown}</title>'
    ]
    if colours is not None:
        parts.append(f"<style>{svg_style(colours)}</style>")
    if ground:
        parts.append(f'<rect width="{width}" height="{height}" fill="{html.escape(ground)}"/>')
    for role in RAMP:
        boxes = "".join(_boxes_behind(picture, role))
        if boxes:
            parts.append(f'<g class="{role}"><path {_SHARP} d="{boxes}"/></g>')
    for role in ROLES:
        parts.extend(_role_parts(picture, role))
    parts.append("</svg>")
    return "".join(parts)


def svg_style(colours: Mapping[Role, str]) -> str:
    """Return CSS for the classes of pictures."""
    rules = [
        f".picture text{{font:13px {_FONT};white-space:pre}}",
        ".picture .lines{fill:none;stroke-width:1}",
    ]
    for role, colour in colours.items():
        rules.append(f".picture .{role}{{fill:{colour}}}")
        rules.append(f".picture .{role} .lines{{stroke:{colour}}}")
    return "".join(rules)


def _role_parts(picture: Picture, role: Role) -> Iterator[str]:
    placed = list(_spans_in(picture, role))
    cells = [
        (char, at * CELL_WIDTH, row * CELL_HEIGHT)
        for span, column, row in placed
        for at, char in enumerate(cell_texts(span.text), start=column)
        if char
    ]
    inside = [text for span, column, row in placed for text in _texts(span, column, row)]
    for is_block, how in ((True, f" {_SHARP}"), (False, "")):
        solid = "".join(_shape(*cell) for cell in cells if (cell[0] in _QUARTERS) == is_block)
        if solid:
            inside.append(f'<path{how} d="{solid}"/>')
    for shade, opacity in _SHADES.items():
        boxes = "".join(
            _box(x, y, CELL_WIDTH, CELL_HEIGHT) for char, x, y in cells if char == shade
        )
        if boxes:
            inside.append(f'<path {_SHARP} opacity="{opacity}" d="{boxes}"/>')
    lines = "".join(_strokes(_STROKES[char], x, y) for char, x, y in cells if char in _STROKES)
    if lines:
        inside.append(f'<path class="lines" d="{lines}"/>')
    if inside:
        yield f'<g class="{role}">{"".join(inside)}</g>'


def _spans_in(picture: Picture, role: Role) -> Iterator[tuple[Span, int, int]]:
    """Yield the spans in a role, each with its column and row."""
    for row, line in enumerate(picture.lines):
        column = 0
        for span in line:
            if span.role == role:
                yield span, column, row
            column += cell_width(span.text)


def _boxes_behind(picture: Picture, role: Role) -> Iterator[str]:
    for row, line in enumerate(picture.lines):
        column = 0
        for span in line:
            wide = cell_width(span.text)
            if span.ground == role:
                yield _box(column * CELL_WIDTH, row * CELL_HEIGHT, wide * CELL_WIDTH, CELL_HEIGHT)
            column += wide


def _box(x: float, y: float, width: float, height: float) -> str:
    return f"M{x} {y}h{width}v{height}h-{width}z"


def _shape(char: str, x: int, y: int) -> str:
    """Return the path of a character that is made of blocks or dots; nothing for others."""
    half_x, half_y = CELL_WIDTH // 2, CELL_HEIGHT // 2
    if char in _QUARTERS:
        bits = _QUARTERS[char]
        places = ((0, half_y), (half_x, half_y), (0, 0), (half_x, 0))
        return "".join(
            _box(x + dx, y + dy, half_x, half_y)
            for bit, (dx, dy) in enumerate(places)
            if bits & 1 << bit
        )
    if char in _EIGHTHS:
        tall = CELL_HEIGHT * _EIGHTHS[char] // 8
        return _box(x, y + CELL_HEIGHT - tall, CELL_WIDTH, tall)
    if char == "·":
        return _box(x + half_x - 1.5, y + half_y - 1.5, 3, 3)
    if char in _LEFT_EIGHTHS:
        return _box(x, y, CELL_WIDTH * _LEFT_EIGHTHS[char] // 8, CELL_HEIGHT)
    code = ord(char[0])
    if _BRAILLE <= code <= _BRAILLE_END:
        step_x, step_y = CELL_WIDTH // 2, CELL_HEIGHT // 4
        return "".join(
            _box(x + column * step_x + 1, y + line * step_y + 1, 2, 2)
            for bit, (column, line) in enumerate(_BRAILLE_DOTS)
            if (code - _BRAILLE) & 1 << bit
        )
    return ""


def drawn_shape(char: str, count: int = 1) -> tuple[str, float, bool] | None:
    """Return how a character is drawn without a font, or None where it is a letter.

    It is the path of `count` of them side by side, from 0, 0 on in cells of CELL_WIDTH by
    CELL_HEIGHT; its opacity; and whether it has to meet its neighbours without a seam.
    """
    width = count * CELL_WIDTH
    if char in _SHADES:
        return _box(0, 0, width, CELL_HEIGHT), _SHADES[char], True
    if char in _STROKES:
        paths = (_stroke_boxes(_STROKES[char], at * CELL_WIDTH) for at in range(count))
        return _box(0, _MIDDLE_Y, width, 1) if char == "─" else "".join(paths), 1.0, True
    if char in _BANDS:
        top, tall = _BANDS[char]
        return _box(0, top, width, tall), 1.0, True
    if char == "·":
        return None
    path = "".join(_shape(char, at * CELL_WIDTH, 0) for at in range(count)) if char else ""
    return (path, 1.0, char in _QUARTERS) if path else None


def _stroke_boxes(bits: int, x: int) -> str:
    """Return a stroke as boxes that are one pixel thick."""
    middle_x = x + CELL_WIDTH // 2
    path = ""
    if bits & (_UP | _DOWN):
        top = 0 if bits & _UP else _MIDDLE_Y
        bottom = CELL_HEIGHT if bits & _DOWN else _MIDDLE_Y + 1
        path += _box(middle_x, top, 1, bottom - top)
    if bits & (_LEFT | _RIGHT):
        left = x if bits & _LEFT else middle_x
        right = x + CELL_WIDTH if bits & _RIGHT else middle_x
        path += _box(left, _MIDDLE_Y, right - left, 1)
    return path


def _strokes(bits: int, x: int, y: int) -> str:
    middle_x, middle_y = x + CELL_WIDTH / 2, y + CELL_HEIGHT / 2
    path = ""
    if bits & (_UP | _DOWN):
        top = y if bits & _UP else middle_y
        bottom = y + CELL_HEIGHT if bits & _DOWN else middle_y
        path += f"M{middle_x:g} {top:g}V{bottom:g}"
    if bits & (_LEFT | _RIGHT):
        left = x if bits & _LEFT else middle_x
        right = x + CELL_WIDTH if bits & _RIGHT else middle_x
        path += f"M{left:g} {middle_y:g}H{right:g}"
    return path


def _texts(span: Span, column: int, row: int) -> Iterator[str]:
    """Yield the runs of a span that are letters, each as wide as its cells."""
    run: list[str] = []
    texts = cell_texts(span.text)
    for at, char in enumerate([*texts, " "], start=column):
        is_text = char not in _SHADES and char not in _STROKES and not (char and _shape(char, 0, 0))
        is_last = at == column + len(texts)
        # A single blank may stand between words; two end a run.
        if is_text and not is_last and not (char == " " and (not run or run[-1] == " ")):
            run.append(char)
            continue
        text = "".join(run).rstrip()
        if text:
            x = (at - len(run)) * CELL_WIDTH
            y = row * CELL_HEIGHT + _BASELINE
            wide = cell_width(text) * CELL_WIDTH
            yield (
                f'<text x="{x}" y="{y}" textLength="{wide}" lengthAdjust="spacingAndGlyphs">'
                f"{html.escape(text)}</text>"
            )
        run = []

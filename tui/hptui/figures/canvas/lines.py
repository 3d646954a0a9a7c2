"""The one door to plotext: lines over a field of cells.

plotext keeps one figure for the whole process, so lines are drawn one chart at a time, from one
thread. It fails on ranges such as -1e308 to 1e308, and takes some 20 us for a point; here it only
sees lines that were thinned to what the field can show, in units of cells. Its frame is not used:
charts need to know which cell stands for what.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hptui.figures.canvas.field import braille_of, dots_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.points import FloatArray, Points
    from hptui.figures.canvas.roles import Role

_COLOUR_AND_TEXT: Final = re.compile(r"\x1b\[([0-9;]*)m([^\x1b]*)")
_PALETTE: Final = "38;5;"
_MANUAL: Final = "plotext._doc.doc"
_NO_LINE: Final = -1
_Drawn = tuple[int, int, str, int]
"""Row and column of a cell in the field, its character, and the number of its line."""


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line through points, which are ordered by x."""

    points: Points
    role: Role
    is_fine: bool = False
    """Thinner than others."""
    is_steps: bool = False
    """The points are corners: every other piece is level, the others are upright."""
    is_behind: bool = False
    """Whether dots lie on it, instead of it on dots."""


def draw_lines(
    lines: Sequence[Line], field: Field, *, look: Look
) -> Iterator[tuple[int, int, str, Role]]:
    """Yield the cells that lines take: row and column in the field, character, role.

    Later lines lie on top.
    """
    shown = [line for line in lines if len(line.points.x)]
    if not shown:
        return
    drawn = _parsed(_draw(shown, field, look=look), field.height)
    if look.glyphs == "braille":
        drawn = _thickened(drawn, shown, field)
    for row, column, character, number in drawn:
        yield row, column, character, shown[number].role


def _parsed(text: str, height: int) -> Iterator[_Drawn]:
    for row, line_text in enumerate(text.split("\n")[:height]):
        column = 0
        for code, part in _COLOUR_AND_TEXT.findall(line_text):
            if code.startswith(_PALETTE):
                number = int(code.removeprefix(_PALETTE)) - 1
                for offset, character in enumerate(part):
                    yield row, column + offset, character, number
            column += len(part)


def _thickened(drawn: Iterator[_Drawn], lines: Sequence[Line], field: Field) -> Iterator[_Drawn]:
    """Make lines that are not fine two dots thick; a cell belongs to the top line in it."""
    dots = np.full((field.height * 4, field.width * 2), _NO_LINE)
    for row, column, character, number in drawn:
        area = dots[4 * row : 4 * row + 4, 2 * column : 2 * column + 2]
        area[dots_of(character)] = number
    for number, line in enumerate(lines):
        if not line.is_fine:
            own = dots == number
            thick = own.copy()
            thick[:-1] |= own[1:]
            thick[:, 1:] |= own[:, :-1]
            thick[:-1, 1:] |= own[1:, :-1]
            dots[thick & (dots < number)] = number
    characters = braille_of(dots != _NO_LINE)
    by_cell = dots.reshape(field.height, 4, field.width, 2)
    top = by_cell.max(axis=(1, 3))
    rows, columns = np.nonzero(top != _NO_LINE)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        yield row, column, str(characters[row, column]), int(top[row, column])


def _draw(lines: Sequence[Line], field: Field, *, look: Look) -> str:
    api = _load_plotext()
    # What is asked for counts, not the size of the terminal that this process may have.
    api.terminal.limit(False, False)
    figure = api.figure
    figure.clear()
    try:
        figure.plot_size(field.width, field.height)
        figure.theme("colorless")
        figure.canvas("default")
        figure.axes(False)
        for axis, cells in (("x", field.width), ("y", field.height)):
            ruler = figure.ruler(axis)
            # From the middle of the first cell to that of the last one, in cells.
            ruler.lim(0.5, cells - 0.5)
            ruler.ticks([], [])
        for number, line in enumerate(lines, start=1):
            # Colours 1, 2, 3 ... of the palette say which line a cell belongs to.
            for signal in _signals(api, line, api.pixel(number), field, look=look):
                figure.draw(signal)
        return str(figure.build().string())
    finally:
        figure.clear()


def _load_plotext() -> Any:  # noqa: ANN401 - untyped plotext
    # Its interactive manual takes four times as long to load as all the rest (0.3 s), and delays
    # the first chart and everything beside it. Where the manual is elsewhere, this changes nothing.
    if "plotext" not in sys.modules:
        manual = ModuleType(_MANUAL)
        vars(manual)["docs"] = None
        sys.modules.setdefault(_MANUAL, manual)
    import plotext  # pyright: ignore[reportMissingTypeStubs]

    return plotext


def _signals(
    api: Any,  # noqa: ANN401 - untyped plotext
    line: Line,
    pixel: Any,  # noqa: ANN401
    field: Field,
    *,
    look: Look,
) -> Iterator[Any]:
    if look.unicode:
        x, y = _in_cells(line.points, field, *look.fineness)
        marker = api.marker("braille" if look.glyphs == "braille" else "hd", pixel)
        yield api.figure.signal(x, y, marker=marker).lines(True)
        return
    x, y = _in_cells(line.points, field, 1, 1)
    level = "-" if line.is_fine else "="
    if not line.is_steps:
        yield api.figure.signal(x, y, marker=api.marker(level, pixel)).lines(True)
        return
    for first_piece, character in ((2, "|"), (1, level)):
        signal = api.figure.signal(x, y, marker=api.marker(character, pixel))
        for index in range(first_piece, len(x), 2):
            signal.line(index)
        yield signal


def _in_cells(
    points: Points, field: Field, across: int, up: int
) -> tuple[list[float], list[float]]:
    """Return points in cells from the lower left corner, in the middles of the dots they fill."""
    columns: FloatArray = (field.columns(points.x, across) + 0.5) / across
    rows: FloatArray = field.height - (field.rows(points.y, up) + 0.5) / up
    return columns.tolist(), rows.tolist()

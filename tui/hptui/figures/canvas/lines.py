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

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Role
    from hptui.figures.canvas.points import FloatArray, Points

_COLOUR_AND_TEXT: Final = re.compile(r"\x1b\[([0-9;]*)m([^\x1b]*)")
_PALETTE: Final = "38;5;"
_MANUAL: Final = "plotext._doc.doc"


@dataclass(frozen=True, slots=True, eq=False)
class Line:
    """A line through points, which are ordered by x."""

    points: Points
    role: Role
    is_fine: bool = False
    """Dots instead of blocks."""
    is_steps: bool = False
    """The points are corners: every other piece is level, the others are upright."""


def draw_lines(
    lines: Sequence[Line], field: Field, *, unicode: bool
) -> Iterator[tuple[int, int, str, Role]]:
    """Yield the cells that lines take: row and column in the field, character, role.

    Later lines lie on top.
    """
    shown = [line for line in lines if len(line.points.x)]
    if not shown:
        return
    text = _draw(shown, field, unicode=unicode)
    for row, line_text in enumerate(text.split("\n")[: field.height]):
        column = 0
        for code, part in _COLOUR_AND_TEXT.findall(line_text):
            if code.startswith(_PALETTE):
                role = shown[int(code.removeprefix(_PALETTE)) - 1].role
                for offset, character in enumerate(part):
                    yield row, column + offset, character, role
            column += len(part)


def _draw(lines: Sequence[Line], field: Field, *, unicode: bool) -> str:
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
            for signal in _signals(api, line, api.pixel(number), field, unicode=unicode):
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
    unicode: bool,
) -> Iterator[Any]:
    if unicode:
        across, up = (2, 4) if line.is_fine else (2, 2)
        x, y = _in_cells(line.points, field, across, up)
        marker = api.marker("braille" if line.is_fine else "hd", pixel)
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

"""The field of a chart: which cell, or part of one, a place or a line of places falls into."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.figures.canvas.points import Points

if TYPE_CHECKING:
    from hptui.figures.canvas.points import BoolArray, FloatArray, IntArray


CharArray = npt.NDArray[np.str_]

_QUARTERS: Final = np.array(list(" ▖▗▄▘▌▚▙▝▞▐▟▀▛▜█"))
"""By the sum of lower left 1, lower right 2, upper left 4 and upper right 8."""
_BRAILLE: Final = np.array([" ", *map(chr, range(0x2801, 0x2900))])
_BLANK_BRAILLE: Final = 0x2800
_BRAILLE_BITS: Final = ((1, 8), (2, 16), (4, 32), (64, 128))
"""By row and column of a dot in its cell."""


@dataclass(frozen=True, slots=True)
class Field:
    """The cells of a chart that hold its data, inside the axes.

    Places go from 0 to 1: from the middle of the first cell to that of the last one, and upwards.
    """

    left: int
    top: int
    width: int
    height: int

    def columns(self, x: FloatArray, fineness: int = 1) -> IntArray:
        """Return the columns of places, from 0; `fineness` of them to a cell."""
        return _dots(x, self.width, fineness)

    def rows(self, y: FloatArray, fineness: int = 1) -> IntArray:
        """Return the rows of places, from 0 and downwards; `fineness` of them to a cell."""
        return self.height * fineness - 1 - _dots(y, self.height, fineness)

    def column(self, x: float) -> int:
        """Return the column of one place."""
        return int(self.columns(np.array([x]))[0])

    def row(self, y: float) -> int:
        """Return the row of one place."""
        return int(self.rows(np.array([y]))[0])

    def has(self, column: int, row: int) -> bool:
        """Say whether a cell of the picture is inside."""
        is_across = self.left <= column < self.left + self.width
        return is_across and self.top <= row < self.top + self.height


def quarter_blocks(field: Field, points: Points) -> CharArray:
    """Return a character for each cell of the field: blocks of its quarters that hold a point."""
    dots = np.zeros((field.height * 2, field.width * 2), np.int8)
    dots[field.rows(points.y, 2), field.columns(points.x, 2)] = 1
    upper, lower = dots[0::2], dots[1::2]
    sums = lower[:, 0::2] + 2 * lower[:, 1::2] + 4 * upper[:, 0::2] + 8 * upper[:, 1::2]
    return _QUARTERS[sums]


def braille_dots(field: Field, points: Points, *, is_large: bool = False) -> BoolArray:
    """Return which dots of the field hold a point, two by four to a cell.

    Large points take four dots each, side by side in one cell.
    """
    dots = np.zeros((field.height * 4, field.width * 2), np.bool_)
    rows, columns = field.rows(points.y, 4), field.columns(points.x, 2)
    if is_large:
        # Of the four rows of a cell the last two are the lowest pair.
        rows, columns = rows - (rows % 4 == 3), columns - columns % 2  # noqa: PLR2004
        for down, across in ((0, 0), (0, 1), (1, 0), (1, 1)):
            dots[rows + down, columns + across] = True
    else:
        dots[rows, columns] = True
    return dots


def braille_of(dots: BoolArray) -> CharArray:
    """Return the characters of dots, two by four to a cell."""
    sums = np.zeros((dots.shape[0] // 4, dots.shape[1] // 2), np.int64)
    for row, bits in enumerate(_BRAILLE_BITS):
        for column, bit in enumerate(bits):
            sums += bit * dots[row::4, column::2]
    return _BRAILLE[sums]


def dots_of(character: str) -> BoolArray:
    """Return the dots of a braille character, four rows of two."""
    code = ord(character) - _BLANK_BRAILLE
    return np.array([[bool(code & bit) for bit in bits] for bits in _BRAILLE_BITS])


def highest_in_cells(field: Field, points: Points, levels: IntArray) -> IntArray:
    """Return for each cell of the field the highest level of the points in it, 0 for none."""
    highest = np.zeros((field.height, field.width), np.int64)
    np.maximum.at(highest, (field.rows(points.y), field.columns(points.x)), levels)
    return highest


def count_in_cells(field: Field, points: Points) -> IntArray:
    """Return how many points stand in each cell of the field."""
    cells = field.rows(points.y) * field.width + field.columns(points.x)
    counts = np.bincount(cells, minlength=field.width * field.height)
    return counts.reshape(field.height, field.width)


def whole_cells(field: Field, points: Points, character: str) -> CharArray:
    """Return `character` for each cell of the field that holds a point, a space for the others."""
    characters = np.full((field.height, field.width), " ", "<U1")
    characters[field.rows(points.y), field.columns(points.x)] = character
    return characters


def _dots(places: FloatArray, n_cells: int, fineness: int) -> IntArray:
    at = (0.5 + places * (n_cells - 1)) * fineness
    return np.clip(at.astype(np.int64), 0, n_cells * fineness - 1)


_BITS: Final = 15
"""Of a place in dots; no field is as wide."""
_MAX_DOTS: Final = 2_000_000


def strokes(starts: Points, ends: Points, field: Field, fineness: tuple[int, int]) -> Points:
    """Return points in each of the dots that lines from `starts` to `ends` go through.

    Lines that look alike are drawn once. `fineness` is how many dots a cell has across and up.
    """
    across, up = fineness
    dots = [
        field.columns(starts.x, across),
        field.rows(starts.y, up),
        field.columns(ends.x, across),
        field.rows(ends.y, up),
    ]
    keys = np.zeros(len(starts.x), np.int64)
    for each in dots:
        keys = (keys << _BITS) | each
    keys = np.unique(keys)
    mask = (1 << _BITS) - 1
    x0, y0, x1, y1 = ((keys >> (_BITS * shift)) & mask for shift in (3, 2, 1, 0))
    counts = np.maximum(np.abs(x1 - x0), np.abs(y1 - y0)) + 1
    kept = int(np.searchsorted(np.cumsum(counts), _MAX_DOTS, side="right"))
    counts = counts[:kept]
    line = np.repeat(np.arange(len(counts)), counts)
    step = np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    part = step / np.maximum(1, counts - 1)[line]
    columns = np.rint(x0[line] + (x1 - x0)[line] * part)
    rows = np.rint(y0[line] + (y1 - y0)[line] * part)
    # Back to places, into the middle of each dot.
    x = ((columns + 0.5) / across - 0.5) / max(1, field.width - 1)
    n_rows = field.height * up
    y = ((n_rows - rows - 0.5) / up - 0.5) / max(1, field.height - 1)
    return Points(x, y)

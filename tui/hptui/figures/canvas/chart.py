"""Charts before they are drawn, and how they become pictures: axes, points, lines, marks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.texts.text import cell_width
from hptui.figures.canvas.field import (
    Field,
    braille_dots,
    braille_of,
    count_in_cells,
    highest_in_cells,
    quarter_blocks,
    whole_cells,
)
from hptui.figures.canvas.lines import Line, draw_lines
from hptui.figures.canvas.picture import Cells, Look, Picture, Span, text_width
from hptui.figures.canvas.roles import RAMP, ROLES, Role

if TYPE_CHECKING:
    from hptui.figures.canvas.points import IntArray, Points

Ticks = Sequence[tuple[float, str]]
"""Places from 0 to 1 and their labels."""

MIN_WIDTH: Final = 16
MIN_HEIGHT: Final = 4

N_DENSE: Final = 3_000
"""Of more fine points than these, shades tell how many stand in a cell."""
_CELLS_A_LARGE_POINT: Final = 2
_BLOCKS: Final = "█▀▄"
_SHADES: Final = np.array(list("░▒▓█"))
_HEIGHT_FOR_LABELS: Final = 12
_HEIGHT_FOR_LEGEND: Final = 7
_LEGEND_GAP: Final = 3
_MIN_ROWS_BETWEEN_LABELS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Dots:
    """Points of one kind."""

    points: Points
    role: Role
    character: str = ""
    """Empty for dots or blocks finer than cells, and in ASCII for `ascii`."""
    ascii: str = "o"
    is_line: bool = False
    """Whether the points are the dots of lines, as fine as the look has them."""
    levels: IntArray | None = None
    """Of each point in `RAMP`, where that can be shown: of several in a cell, the highest counts.

    Otherwise, many fine points are shaded by how many stand in a cell.
    """


@dataclass(frozen=True, slots=True, eq=False)
class Shading:
    """Colours of the whole field, behind all else; only for looks with a ramp."""

    levels: IntArray
    """In `RAMP`, from the top down, two rows to a cell; -1 for none."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One point that must be seen: it lies on top of all."""

    x: float
    y: float
    role: Role
    character: str
    ascii: str


@dataclass(frozen=True, slots=True)
class AxisMark:
    """A place on the x axis where something happened."""

    place: float
    role: Role
    character: str
    ascii: str


@dataclass(frozen=True, slots=True)
class LegendEntry:
    """A part of the legend; the more important ones stay where there is no room for all."""

    spans: tuple[Span, ...]
    importance: int


@dataclass(frozen=True, slots=True, eq=False)
class Canvas:
    """A chart before it is drawn: later dots lie on earlier ones, lines on dots, marks on all."""

    x_label: str
    x_ticks: Ticks
    y_ticks: Ticks
    shading: Shading | None = None
    dots: Sequence[Dots] = ()
    lines: Sequence[Line] = ()
    marks: Sequence[Mark] = ()
    axis_marks: Sequence[AxisMark] = ()
    """Later ones lie on earlier ones; a label in the axis lies on all."""
    x_mark: float | None = None
    """A place on the x axis that is pointed at."""
    legend: Sequence[LegendEntry] = ()


def has_row_for_labels(height: int) -> bool:
    """Say whether labels of the x axis have a row below it; in lower charts they stand in it."""
    return height >= _HEIGHT_FOR_LABELS


def field_of(y_ticks: Ticks, width: int, height: int, *, has_legend: bool) -> Field:
    """Return where the data of a chart of this size stand."""
    left = max((cell_width(label) for _, label in y_ticks), default=0) + 1
    below = 2 if has_row_for_labels(height) else 1
    below += has_legend and height >= _HEIGHT_FOR_LEGEND
    return Field(left, 0, max(2, width - left), max(2, height - below))


def draw(canvas: Canvas, width: int, height: int, *, look: Look) -> tuple[Picture, Field]:
    """Return the chart in `width` by `height` cells, and its field.

    It has at least MIN_WIDTH by MIN_HEIGHT cells.
    Texts of the canvas must be safe for a terminal already.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    field = field_of(canvas.y_ticks, width, height, has_legend=bool(canvas.legend))
    cells = Cells(width, height)
    _draw_y_axis(cells, field, canvas.y_ticks, look=look)
    _draw_x_axis(cells, field, canvas, look=look)
    if canvas.shading is not None:
        _lay_shading(cells, field, canvas.shading)
    _draw_lines(cells, field, [each for each in canvas.lines if each.is_behind], look)
    for dots in canvas.dots:
        _lay_dots(cells, field, dots, look)
    _draw_lines(cells, field, [each for each in canvas.lines if not each.is_behind], look)
    for mark in canvas.marks:
        character = mark.character if look.unicode else mark.ascii
        row, column = field.top + field.row(mark.y), field.left + field.column(mark.x)
        cells.put(row, column, character, mark.role)
    if canvas.shading is not None:
        _set_off(cells, field, canvas.shading)
    if canvas.legend and height >= _HEIGHT_FOR_LEGEND:
        cells.put_spans(height - 1, field.left, fit_legend(canvas.legend, width - field.left))
    return cells.picture(), field


def _draw_lines(cells: Cells, field: Field, lines: Sequence[Line], look: Look) -> None:
    for row, column, character, role in draw_lines(lines, field, look=look):
        cells.put(field.top + row, field.left + column, character, role)


def _lay_shading(cells: Cells, field: Field, shading: Shading) -> None:
    upper, lower = shading.levels[0::2], shading.levels[1::2]
    characters = np.select(
        [(upper >= 0) & (upper == lower), upper >= 0, lower >= 0], list(_BLOCKS), " "
    )
    grounds = np.where((upper >= 0) & (upper != lower), lower, -1)
    cells.lay_ramp(field.top, field.left, characters, np.where(upper >= 0, upper, lower), grounds)


def _set_off(cells: Cells, field: Field, shading: Shading) -> None:
    """Give what stands on a shading the end of the ramp that is farther from its ground."""
    area = slice(field.top, field.top + field.height), slice(field.left, field.left + field.width)
    behind = np.where(shading.levels[1::2] >= 0, shading.levels[1::2], shading.levels[0::2])
    is_over = (behind >= 0) & ~np.isin(cells.characters[area], (" ", *_BLOCKS))
    ends = np.where(behind >= len(RAMP) // 2, ROLES.index(RAMP[0]), ROLES.index(RAMP[-1]))
    cells.roles[area][is_over] = ends[is_over]
    cells.grounds[area][is_over] = (ROLES.index(RAMP[0]) + behind)[is_over]


def _lay_dots(cells: Cells, field: Field, dots: Dots, look: Look) -> None:
    points, n_points = dots.points, len(dots.points.x)
    is_fine = look.unicode and not dots.character
    if not is_fine:
        characters = whole_cells(field, points, dots.character if look.unicode else dots.ascii)
    elif look.glyphs == "braille":
        is_few = n_points * _CELLS_A_LARGE_POINT <= field.width * field.height
        is_large = is_few and not dots.is_line
        characters = braille_of(braille_dots(field, points, is_large=is_large))
    else:
        characters = quarter_blocks(field, points)
    if dots.levels is not None and look.has_ramp:
        levels = highest_in_cells(field, points, dots.levels)
        cells.lay_ramp(field.top, field.left, characters, levels)
    elif is_fine and not dots.is_line and n_points > N_DENSE:
        counts = count_in_cells(field, points)
        shares = np.log(np.maximum(counts, 1)) / math.log(max(2, int(counts.max())))
        if look.has_ramp:
            levels = np.rint(shares * (len(RAMP) - 1)).astype(np.int64)
            cells.lay_ramp(field.top, field.left, characters, levels)
        else:
            shades = _SHADES[np.rint(shares * (len(_SHADES) - 1)).astype(np.int64)]
            cells.lay(field.top, field.left, np.where(counts > 0, shades, " "), dots.role)
    else:
        cells.lay(field.top, field.left, characters, dots.role)


def fit_legend(entries: Sequence[LegendEntry], width: int) -> list[Span]:
    """Return the most important entries that fit into `width` cells, in their given order."""
    by_importance = sorted(range(len(entries)), key=lambda index: -entries[index].importance)
    kept: list[int] = []
    room = width
    for index in by_importance:
        needed = text_width(entries[index].spans) + (_LEGEND_GAP if kept else 0)
        if needed <= room:
            kept.append(index)
            room -= needed
    spans: list[Span] = []
    for index in sorted(kept):
        if spans:
            spans.append(Span(" " * _LEGEND_GAP, "note"))
        spans.extend(entries[index].spans)
    return spans


def _draw_y_axis(cells: Cells, field: Field, ticks: Ticks, *, look: Look) -> None:
    line = field.left - 1
    for row in range(field.height):
        cells.put(field.top + row, line, "│" if look.unicode else "|", "axis")
    last_row: int | None = None
    for place, label in ticks:
        row = field.row(place)
        if last_row is not None and abs(row - last_row) < _MIN_ROWS_BETWEEN_LABELS:
            continue
        cells.put(field.top + row, line - cell_width(label), label, "label")
        cells.put(field.top + row, line, "┤" if look.unicode else "+", "axis")
        last_row = row


def _draw_x_axis(cells: Cells, field: Field, canvas: Canvas, *, look: Look) -> None:
    row = field.top + field.height
    corner, level, tick = ("└", "─", "┬") if look.unicode else ("+", "-", "+")
    cells.put(row, field.left - 1, corner + level * field.width, "axis")
    marked = {field.column(mark.place): mark for mark in canvas.axis_marks}
    for column, mark in marked.items():
        character = mark.character if look.unicode else mark.ascii
        cells.put(row, field.left + column, character, mark.role)
    has_own_row = has_row_for_labels(cells.height)
    pointed_at = None if canvas.x_mark is None else field.column(canvas.x_mark)
    stop = field.width - cell_width(canvas.x_label) - 1
    is_pointed_at = not has_own_row and pointed_at is not None and pointed_at >= stop
    if canvas.x_label and field.width - stop < field.width // 4 and not is_pointed_at:
        cells.put(row + has_own_row, field.left + stop, f" {canvas.x_label}", "label")
    else:
        stop = field.width
    free_from = -field.left if has_own_row else 0
    for place, label in canvas.x_ticks:
        at, width = field.column(place), cell_width(label)
        # Under its tick in the middle, or else in the axis: right of its tick, at the end left.
        start = (
            min(at - cell_width(label) // 2, stop - cell_width(label)) if has_own_row else at + 1
        )
        if not has_own_row and at < stop < start + width:
            start = at - width
        hides = not has_own_row and pointed_at in range(min(at, start), start + width + 1)
        if hides or start < free_from or start + width > stop:
            continue
        if at not in marked:
            cells.put(row, field.left + at, tick, "axis")
        cells.put(row + has_own_row, field.left + start, label, "label")
        free_from = max(at, start + width) + 1
    if pointed_at is not None:
        cells.put(row, field.left + pointed_at, "▲" if look.unicode else "^", "selected")

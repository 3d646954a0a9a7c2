"""Charts before they are drawn, and how they become pictures: axes, points, lines, marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.figures.canvas.field import Field, braille, quarter_blocks, whole_cells
from hptui.figures.canvas.lines import Line, draw_lines
from hptui.figures.canvas.picture import Cells, Picture, Role, Span, text_width

if TYPE_CHECKING:
    from hptui.figures.canvas.points import Points

Ticks = Sequence[tuple[float, str]]
"""Places from 0 to 1 and their labels."""

MIN_WIDTH: Final = 16
MIN_HEIGHT: Final = 4

_HEIGHT_FOR_LABELS: Final = 12
_HEIGHT_FOR_LEGEND: Final = 7
_LEGEND_GAP: Final = 3
_MIN_ROWS_BETWEEN_LABELS: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class Dots:
    """Points in one look."""

    points: Points
    role: Role
    character: str = ""
    """Empty for blocks finer than cells, and in ASCII for `ascii`."""
    ascii: str = "o"
    is_fine: bool = False
    """Dots instead of blocks, eight to a cell, where `character` is empty."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One point that must be seen: it lies on top of all."""

    x: float
    y: float
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
    dots: Sequence[Dots] = ()
    lines: Sequence[Line] = ()
    marks: Sequence[Mark] = ()
    x_mark: float | None = None
    """A place on the x axis that is pointed at."""
    legend: Sequence[LegendEntry] = ()


def has_row_for_labels(height: int) -> bool:
    """Say whether labels of the x axis have a row below it; in lower charts they stand in it."""
    return height >= _HEIGHT_FOR_LABELS


def field_of(y_ticks: Ticks, width: int, height: int, *, has_legend: bool) -> Field:
    """Return where the data of a chart of this size stand."""
    left = max((len(label) for _, label in y_ticks), default=0) + 1
    below = 2 if has_row_for_labels(height) else 1
    below += has_legend and height >= _HEIGHT_FOR_LEGEND
    return Field(left, 0, max(2, width - left), max(2, height - below))


def draw(canvas: Canvas, width: int, height: int, *, unicode: bool) -> tuple[Picture, Field]:
    """Return the chart in `width` by `height` cells, and its field.

    It has at least MIN_WIDTH by MIN_HEIGHT cells.
    Texts of the canvas must be safe for a terminal already, one cell for a character.
    """
    width, height = max(width, MIN_WIDTH), max(height, MIN_HEIGHT)
    field = field_of(canvas.y_ticks, width, height, has_legend=bool(canvas.legend))
    cells = Cells(width, height)
    _draw_y_axis(cells, field, canvas.y_ticks, unicode=unicode)
    _draw_x_axis(cells, field, canvas, unicode=unicode)
    for dots in canvas.dots:
        if unicode and not dots.character:
            characters = (braille if dots.is_fine else quarter_blocks)(field, dots.points)
        else:
            characters = whole_cells(field, dots.points, dots.character if unicode else dots.ascii)
        cells.lay(field.top, field.left, characters, dots.role)
    for row, column, character, role in draw_lines(canvas.lines, field, unicode=unicode):
        cells.put(field.top + row, field.left + column, character, role)
    for mark in canvas.marks:
        character = mark.character if unicode else mark.ascii
        row, column = field.top + field.row(mark.y), field.left + field.column(mark.x)
        cells.put(row, column, character, mark.role)
    if canvas.legend and height >= _HEIGHT_FOR_LEGEND:
        cells.put_spans(height - 1, field.left, fit_legend(canvas.legend, width - field.left))
    return cells.picture(), field


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


def _draw_y_axis(cells: Cells, field: Field, ticks: Ticks, *, unicode: bool) -> None:
    line = field.left - 1
    for row in range(field.height):
        cells.put(field.top + row, line, "│" if unicode else "|", "axis")
    last_row: int | None = None
    for place, label in ticks:
        row = field.row(place)
        if last_row is not None and abs(row - last_row) < _MIN_ROWS_BETWEEN_LABELS:
            continue
        cells.put(field.top + row, line - len(label), label, "label")
        cells.put(field.top + row, line, "┤" if unicode else "+", "axis")
        last_row = row


def _draw_x_axis(cells: Cells, field: Field, canvas: Canvas, *, unicode: bool) -> None:
    row = field.top + field.height
    corner, level, tick = ("└", "─", "┬") if unicode else ("+", "-", "+")
    cells.put(row, field.left - 1, corner + level * field.width, "axis")
    has_own_row = has_row_for_labels(cells.height)
    pointed_at = None if canvas.x_mark is None else field.column(canvas.x_mark)
    stop = field.width - len(canvas.x_label) - 1
    is_pointed_at = not has_own_row and pointed_at is not None and pointed_at >= stop
    if canvas.x_label and field.width - stop < field.width // 4 and not is_pointed_at:
        cells.put(row + has_own_row, field.left + stop, f" {canvas.x_label}", "label")
    else:
        stop = field.width
    free_from = -field.left if has_own_row else 0
    for place, label in canvas.x_ticks:
        at = field.column(place)
        # Under its tick in the middle, or else in the axis: right of its tick, at the end left.
        start = min(at - len(label) // 2, stop - len(label)) if has_own_row else at + 1
        if not has_own_row and at < stop < start + len(label):
            start = at - len(label)
        hides = not has_own_row and pointed_at in range(min(at, start), start + len(label) + 1)
        if hides or start < free_from or start + len(label) > stop:
            continue
        cells.put(row, field.left + at, tick, "axis")
        cells.put(row + has_own_row, field.left + start, label, "label")
        free_from = max(at, start + len(label)) + 1
    if pointed_at is not None:
        cells.put(row, field.left + pointed_at, "▲" if unicode else "^", "selected")

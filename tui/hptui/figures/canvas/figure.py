"""A figure of a study: the picture, and where in it the trials are."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, Literal, Self

import numpy as np

from hptui.figures.canvas.chart import (
    MIN_HEIGHT,
    MIN_WIDTH,
    Canvas,
    LegendEntry,
    Mark,
    Ticks,
    draw,
    fit_legend,
)
from hptui.figures.canvas.picture import Picture, Span, line_picture, sentence_picture
from hptui.figures.canvas.plane import Plane
from hptui.figures.canvas.roles import RAMP, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.axis import Axis
    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.plane import Side
    from hptui.figures.canvas.points import Points
    from hptui.trials import FloatArray, IntArray

_CELLS_A_Y_TICK: Final = 4
_CELLS_AN_X_TICK: Final = 14
_CELL_ASPECT: Final = 2.0
"""How much taller than wide a cell is, about."""
_MIN_STEP_CELLS: Final = 0.5
Way = Literal["left", "right", "up", "down"]


@dataclass(frozen=True, eq=False)
class Spots:
    """Where trials are seen, in cells of a picture from its upper left corner.

    The middle of the first cell is at 0.5, 0.5. A trial may be seen at several places.
    """

    numbers: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    columns: FloatArray = field(default_factory=lambda: np.zeros(0))
    rows: FloatArray = field(default_factory=lambda: np.zeros(0))
    reaches: FloatArray | None = None
    """How far each trial goes to the left and to the right; without, all are points."""

    @cached_property
    def distinct(self) -> IntArray:
        """One spot for each place, the last there, as rows; bars are all distinct."""
        if self.reaches is not None:
            return np.arange(len(self.numbers))
        columns, rows = ((2 * each).astype(np.int64) for each in (self.columns, self.rows))
        n_columns = int(columns.max(initial=0)) + 1
        last = np.full(n_columns * (int(rows.max(initial=0)) + 1), -1)
        last[rows * n_columns + columns] = np.arange(len(rows))
        return last[last >= 0]

    @classmethod
    def in_field(cls, numbers: IntArray, points: Points, area: Field) -> Self:
        """Return where points of trials are seen in the field of a chart."""
        return cls(
            numbers,
            area.left + area.columns(points.x, 2) / 2 + 0.25,
            area.top + area.rows(points.y, 2) / 2 + 0.25,
        )

    @classmethod
    def joined(cls, parts: Sequence[Spots]) -> Self:
        """Return the spots of several charts of points in one picture."""
        if not parts:
            return cls()
        return cls(
            np.concatenate([part.numbers for part in parts]),
            np.concatenate([part.columns for part in parts]),
            np.concatenate([part.rows for part in parts]),
        )

    def moved(self, columns: int, rows: int) -> Spots:
        """Return the spots of a chart whose upper left corner stands at a cell."""
        return Spots(self.numbers, self.columns + columns, self.rows + rows, self.reaches)

    def place_of(self, number: int | None, near: tuple[float, float] | None = None) -> int | None:
        """Return the row of a trial's spot, of several the one nearest to a place; None for none.

        The place is a column and a row; without, the first spot counts.
        """
        rows = np.flatnonzero(self.numbers == (-1 if number is None else number))
        if not len(rows):
            return None
        if near is None:
            return int(rows[0])
        across, down = self.columns[rows] - near[0], self.rows[rows] - near[1]
        return int(rows[np.argmin(across**2 + (_CELL_ASPECT * down) ** 2)])

    def beside(self, at: int, way: Way) -> int | None:
        """Return the row of the nearest spot of another trial that way; None where none is."""
        among = self.distinct
        across = self.columns[among] - self.columns[at]
        down = _CELL_ASPECT * (self.rows[among] - self.rows[at])
        is_level = way in ("left", "right")
        ahead = across if is_level else down
        ahead = -ahead if way in ("left", "up") else ahead
        aside = np.abs(down if is_level else across)
        if self.reaches is not None and not is_level:
            aside = np.maximum(0.0, aside - self.reaches[among])
        is_ahead = (ahead >= _MIN_STEP_CELLS) & (self.numbers[among] != self.numbers[at])
        rows = np.flatnonzero(is_ahead)
        if not len(rows):
            return None
        # What lies straight ahead is nearer than what lies aside.
        return int(among[rows[np.argmin(ahead[rows] ** 2 + (2 * aside[rows]) ** 2)]])

    def nearest(self, x: int, y: int) -> int | None:
        """Return the number of the trial that is nearest to a cell; None where there is none."""
        if not len(self.numbers):
            return None
        among = self.distinct
        across, down = np.abs(self.columns[among] - (x + 0.5)), self.rows[among] - (y + 0.5)
        if self.reaches is not None:
            across = np.maximum(0.0, across - self.reaches[among])
        return int(self.numbers[among[np.argmin(across**2 + (_CELL_ASPECT * down) ** 2)]])


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """A figure that was drawn."""

    picture: Picture
    sentence: str = ""
    """Why there is nothing to see; empty for a chart."""
    spots: Spots = field(default_factory=Spots)
    area: Field | None = None
    """Where a trial can be picked; None for everywhere."""
    planes: tuple[Plane, ...] = ()
    """Where a region can be marked."""

    @classmethod
    def saying(cls, sentence: str, width: int, height: int) -> Self:
        """Return a figure that is a sentence, which must be safe for a terminal."""
        return cls(sentence_picture(sentence, width, height), sentence)

    def number_at(self, x: int, y: int) -> int | None:
        """Return the number of the trial that is seen nearest to a cell; None where none is."""
        if self.area is not None and not self.area.has(x, y):
            return None
        return self.spots.nearest(x, y)


def draw_figure(
    canvas: Canvas,
    width: int,
    height: int,
    *,
    look: Look,
    numbers: IntArray | None = None,
    points: Points | None = None,
    sides: tuple[Side, Side] | None = None,
) -> Figure:
    """Return a figure of one chart; of its legend alone where there is no room for axes.

    `points` are where the trials with these `numbers` are, `sides` what x and y measure.
    """
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return Figure(line_picture(fit_legend(canvas.legend, width), width, height))
    picture, area = draw(canvas, width, height, look=look)
    planes = () if sides is None else (Plane(area, *sides),)
    if numbers is None or points is None:
        return Figure(picture, planes=planes)
    return Figure(picture, spots=Spots.in_field(numbers, points, area), planes=planes)


def y_ticks(axis: Axis, width: int, height: int) -> Ticks:
    """Return the ticks of a numeric y axis in a chart of this size."""
    return axis.ticks(max(2, height // _CELLS_A_Y_TICK), max_chars=max(1, width // 3))


def x_ticks(axis: Axis, width: int, *, whole: bool = False) -> Ticks:
    """Return the ticks of a numeric x axis in a chart of this width."""
    return axis.ticks(max(2, width // _CELLS_AN_X_TICK), whole=whole)


def entry(importance: int, text: str, mark: str = "", role: Role = "note") -> LegendEntry:
    """Return an entry of a legend: a mark in its role and what it means."""
    spans = (Span(f"{mark} ", role),) if mark else ()
    return LegendEntry((*spans, Span(text, "note")), importance)


def ramp_entry(importance: int, low: str, high: str) -> LegendEntry:
    """Return an entry that shows `RAMP` from one end to the other."""
    ramp = (Span("■", role) for role in RAMP[1::2])
    return LegendEntry((Span(f"{low} ", "note"), *ramp, Span(f" {high}", "note")), importance)


def selected_mark(numbers: IntArray, points: Points, selected: int | None) -> tuple[Mark, ...]:
    """Return the mark of the selected trial wherever it is seen."""
    rows = np.flatnonzero(numbers == selected) if selected is not None else ()
    return tuple(
        Mark(float(points.x[row]), float(points.y[row]), "selected", "◆", "@") for row in rows
    )

"""The part of a picture in which cells stand for numbers: from cells to ranges and back."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from hptui.analysis.region import Measure, Region, Span, roundest

if TYPE_CHECKING:
    from hptui.analysis.axis import Axis
    from hptui.analysis.param_axis import ParamAxis
    from hptui.figures.canvas.field import Field

_QUARTER = 0.25
"""Of a cell: how far a round number may lie from the edge for which it stands."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """What stands along one side, and on which axis."""

    measure: Measure
    axis: Axis
    has_more_below: bool = False
    """Whether the figure leaves out what lies below the axis, as the next above."""
    has_more_above: bool = False

    @classmethod
    def of_param(cls, param: ParamAxis) -> Self:
        """Return the side along which a parameter stands."""
        measure = Measure("param", param.name, is_whole=param.is_whole, choices=param.choices)
        return cls(measure, param.axis)

    @classmethod
    def of_value(cls, axis: Axis, objective: int) -> Self:
        """Return the side along which the values of an objective stand."""
        return cls(Measure("value", objective=objective), axis, has_more_below=axis.is_log)

    def cell_of(self, number: float, n_cells: int) -> int:
        """Return the cell of a number, from 0; infinite ones stand at the ends."""
        if math.isinf(number):
            return 0 if number < 0 else n_cells - 1
        place = float(self.axis.place(np.array([number]))[0])
        return int(place * (n_cells - 1) + 0.5)

    def number_in(self, cell: int, n_cells: int) -> float:
        """Return the number in the middle of a cell; those of the first and last are infinite.

        So what reaches an end of the axis still does when that has moved on.
        """
        if cell <= 0:
            return -math.inf
        return math.inf if cell >= n_cells - 1 else self.axis.number(cell / (n_cells - 1))

    def span(self, first: int, last: int, n_cells: int, *, is_part: bool) -> Span:
        """Return the range of some cells, in round numbers.

        What reaches an end of the axis is open there, unless the figure leaves more out:
        because of the axis, or because it `is_part` of the trials.
        """
        measure, axis = self.measure, self.axis
        if measure.choices is not None:
            inside = range(first, last + 1)
            places = [self.cell_of(float(at), n_cells) for at in range(len(measure.choices))]
            chosen = (
                each for each, at in zip(measure.choices, places, strict=True) if at in inside
            )
            return Span(measure, chosen=tuple(chosen))
        low = high = None
        if first > 0:
            low = self._edge(first - 0.5, n_cells)
        elif is_part or self.has_more_below:
            low = axis.low if measure.is_whole else self._end(-0.5, axis.low, n_cells)
        if last < n_cells - 1:
            high = self._edge(last + 0.5, n_cells)
        elif is_part or self.has_more_above:
            high = axis.high if measure.is_whole else self._end(n_cells - 0.5, axis.high, n_cells)
        if measure.is_whole:
            low = None if low is None else float(math.ceil(low))
            high = None if high is None else float(math.floor(high))
        return Span(measure, low, high, axis.is_log)

    def _edge(self, at: float, n_cells: int) -> float:
        if self.measure.is_whole:
            return self.axis.number(at / (n_cells - 1))
        return roundest(
            self.axis.number((at - _QUARTER) / (n_cells - 1)),
            self.axis.number((at + _QUARTER) / (n_cells - 1)),
        )

    def _end(self, at: float, number: float, n_cells: int) -> float:
        """Return a round number beyond an end of the axis, or that end."""
        beyond = self.axis.number(at / (n_cells - 1))
        return roundest(min(beyond, number), max(beyond, number))


@dataclass(frozen=True, slots=True, eq=False)
class Plane:
    """Cells of a picture over which two things are measured, the second upwards."""

    field: Field
    x: Side
    y: Side

    @property
    def key(self) -> tuple[object, object]:
        """What tells it apart from others in the same picture."""
        return self.x.measure.key, self.y.measure.key

    def moved(self, columns: int, rows: int) -> Plane:
        """Return the plane of a chart whose upper left corner stands at a cell."""
        field = self.field
        return replace(self, field=replace(field, left=field.left + columns, top=field.top + rows))

    def cell_of(self, x: float, y: float) -> tuple[int, int]:
        """Return column and row of two numbers, in the picture."""
        field = self.field
        row = field.height - 1 - self.y.cell_of(y, field.height)
        return field.left + self.x.cell_of(x, field.width), field.top + row

    def numbers_in(self, column: int, row: int) -> tuple[float, float]:
        """Return the numbers in a cell of the picture; outside, those of the nearest inside."""
        field = self.field
        y = self.y.number_in(field.height - 1 - (row - field.top), field.height)
        return self.x.number_in(column - field.left, field.width), y

    def clipped(self, column: int, row: int) -> tuple[int, int]:
        """Return the cell of the plane that is nearest to a cell."""
        field = self.field
        return (
            min(max(column, field.left), field.left + field.width - 1),
            min(max(row, field.top), field.top + field.height - 1),
        )

    def region(
        self, one: tuple[int, int], other: tuple[int, int], *, is_part: bool = False
    ) -> Region:
        """Return what lies between two cells of the picture, both included."""
        field = self.field
        columns = sorted(each[0] - field.left for each in (one, other))
        heights = sorted(field.height - 1 - (each[1] - field.top) for each in (one, other))
        return Region(
            (
                self.x.span(columns[0], columns[1], field.width, is_part=is_part),
                self.y.span(heights[0], heights[1], field.height, is_part=is_part),
            )
        )

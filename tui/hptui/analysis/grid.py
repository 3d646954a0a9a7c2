"""Two parameters against each other: trials in the cells of a grid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.arrays import complete_rows, finite_rows
from hptui.analysis.param_axis import ParamAxis, build_param
from hptui.analysis.slice import best_row

if TYPE_CHECKING:
    from hptui.analysis.arrays import BoolArray, FloatArray, IntArray, TrialArrays
    from hptui.domain.objective import Direction

_MAX_SOURCES: Final = 24
"""In each direction, of an estimate between cells."""


@dataclass(frozen=True, slots=True, eq=False)
class ParamPair:
    """The complete trials that have both parameters, ordered by number."""

    x: ParamAxis
    y: ParamAxis
    numbers: IntArray
    values: FloatArray
    ranks: FloatArray
    """The share of all complete trials that are better, from 0 to 1; equal ones share theirs."""
    is_feasible: BoolArray
    direction: Direction
    best: int | None
    """The number of the best feasible trial, also where it lacks a parameter."""
    n_infinite: int
    """Complete trials that are left out, as the next one."""
    n_without: int
    """Trials that lack one of the parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The best of what stands in each cell: rows upwards, columns to the right."""

    values: FloatArray
    """NaN where nothing stands."""

    def filled(self) -> FloatArray:
        """Return the grid with empty cells between the others by their distance.

        There must be a cell with a value. Where cells are many, the mean of each block of them
        stands for it.
        """
        sources = _thinned(self.values)
        rows, columns = np.nonzero(~np.isnan(sources.values))
        known = sources.values[rows, columns]
        n_rows, n_columns = self.values.shape
        across = (columns + 0.5) / sources.values.shape[1]
        up = (rows + 0.5) / sources.values.shape[0]
        filled = self.values.copy()
        x: FloatArray = (np.arange(n_columns, dtype=np.float64) + 0.5) / n_columns
        for row in range(n_rows):
            distance: FloatArray = (x[:, None] - across) ** 2 + ((row + 0.5) / n_rows - up) ** 2
            weights: FloatArray = 1.0 / (distance + 1e-12) ** 2
            # Quarters, so that the middle of the greatest floats is still one.
            estimate = (weights / weights.sum(axis=1, keepdims=True)) @ (known / 4) * 4
            # Rounding must not take a mean beyond what it is the mean of.
            estimate = np.clip(estimate, known.min(), known.max())
            is_empty = np.isnan(self.values[row])
            filled[row, is_empty] = estimate[is_empty]
        return filled


def _thinned(values: FloatArray) -> Grid:
    n_rows, n_columns = (min(_MAX_SOURCES, size) for size in values.shape)
    rows, columns = np.nonzero(~np.isnan(values))
    thin = np.full((n_rows, n_columns), np.nan)
    cells = rows * n_rows // values.shape[0], columns * n_columns // values.shape[1]
    sums, counts = np.zeros(thin.shape), np.zeros(thin.shape)
    np.add.at(sums, cells, values[rows, columns] / 4)
    np.add.at(counts, cells, 1)
    is_set = counts > 0
    thin[is_set] = sums[is_set] / counts[is_set] * 4
    return Grid(thin)


def build_pair(trials: TrialArrays, x_name: str, y_name: str, objective: int) -> ParamPair:
    """Return one objective by two of the study's parameters."""
    rows = finite_rows(trials, (objective,))
    values, is_feasible = trials.values[rows, objective], trials.is_feasible[rows]
    x, y = build_param(trials.params[x_name], rows), build_param(trials.params[y_name], rows)
    has = x.has & y.has
    direction = trials.directions[objective]
    best = best_row(values, is_feasible, direction)
    numbers = trials.numbers[rows]
    return ParamPair(
        x.where(has),
        y.where(has),
        numbers[has],
        values[has],
        rank_shares(values if direction == "minimize" else -values)[has],
        is_feasible[has],
        direction,
        None if best is None else int(numbers[best]),
        n_infinite=len(complete_rows(trials)) - len(rows),
        n_without=int((~has).sum()),
    )


def rank_shares(losses: FloatArray) -> FloatArray:
    """Return how far each stands in the order of all, from 0 to 1; equal ones in their middle."""
    if len(losses) < 2:  # noqa: PLR2004 - one alone is in the middle
        return np.full(len(losses), 0.5)
    _, which, counts = np.unique(losses, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    return ((last - (counts - 1) / 2) / (len(losses) - 1))[which.ravel()]


def best_in_cells(
    columns: IntArray, rows: IntArray, losses: FloatArray, shape: tuple[int, int]
) -> Grid:
    """Return the least of `losses` in each cell of a grid of `shape` (rows, columns)."""
    least = np.full(shape, np.inf)
    np.minimum.at(least, (rows, columns), losses)
    return Grid(np.where(np.isinf(least), np.nan, least))

"""How far the repetitions of trials lie apart, as lines through their points of a history."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from hptui.errors import HptuiError
from hptui.figures.canvas.points import Points
from hptui.storage.read.repeat_spreads import read_spreads

if TYPE_CHECKING:
    from hptui.analysis.axis import Axis
    from hptui.figures.request import PlottedStudy
    from hptui.trials import FloatArray, IntArray


class Spreads(NamedTuple):
    """The repeated trials of a study."""

    numbers: IntArray
    """Ascending."""
    deviations: FloatArray
    """The sample standard deviation of each."""


class Whiskers(NamedTuple):
    """An upright line each, from `low` to `high`; places go from 0 to 1."""

    x: FloatArray
    low: FloatArray
    middle: FloatArray
    """Where the trials stand."""
    high: FloatArray

    def points(self, n_columns: int, n_rows: int) -> Points:
        """Return a point for each cell that a line goes through, those of a column as one.

        Cells in which a trial stands are left to that.
        """
        columns = np.minimum((self.x * n_columns).astype(np.int64), n_columns - 1)
        low, high = np.full(n_columns, np.inf), np.full(n_columns, -np.inf)
        np.minimum.at(low, columns, self.low)
        np.maximum.at(high, columns, self.high)
        levels, half = (np.arange(n_rows) + 0.5) / n_rows, 0.5 / n_rows
        is_between = (levels[:, None] >= low - half) & (levels[:, None] <= high + half)
        is_between[np.minimum((self.middle * n_rows).astype(np.int64), n_rows - 1), columns] = False
        rows, found = np.nonzero(is_between)
        return Points((found + 0.5) / n_columns, levels[rows])


def spreads_of(study: PlottedStudy, objective: int) -> Spreads | None:
    """Return how far the repetitions of a study's trials lie apart; None where none is repeated.

    It reads the file where a run has repeated trials.
    """
    if not study.is_repeated:
        return None
    try:
        spreads = Spreads(*read_spreads(study.path, study.name, objective))
    except HptuiError:
        # The file is locked or gone just now; the trials are shown without.
        return None
    return spreads if len(spreads.numbers) else None


def noise_of(study: PlottedStudy, objective: int) -> float:
    """Return how far the mean of a trial's repetitions may be off, about; 0 where none is repeated.

    It is the standard error of the mean of as many repetitions as the runs had at most.
    """
    spreads = spreads_of(study, objective)
    if spreads is None:
        return 0.0
    pooled = float(np.sqrt(np.mean(np.square(spreads.deviations / 2)))) * 2
    n_repeats = max(run.repeat for run in study.runs)
    return pooled / math.sqrt(n_repeats) if math.isfinite(pooled) else 0.0


def whiskers_of(
    spreads: Spreads | None, numbers: IntArray, values: FloatArray, x_axis: Axis, y_axis: Axis
) -> Whiskers | None:
    """Return a standard deviation to both sides of each repeated trial, as far as the axes go.

    Args:
        spreads: Of repeated trials.
        numbers: Of the trials that are seen.
        values: Their values.
        x_axis: Of the numbers.
        y_axis: Of the values.
    """
    if spreads is None:
        return None
    shared, rows, spread_rows = np.intersect1d(numbers, spreads.numbers, return_indices=True)
    if not len(shared):
        return None
    means, by = values[rows], spreads.deviations[spread_rows]

    def place(ends: FloatArray) -> FloatArray:
        return y_axis.place(np.clip(ends, y_axis.low, y_axis.high))

    x = x_axis.place(shared.astype(np.float64))
    return Whiskers(x, place(means - by), place(means), place(means + by))

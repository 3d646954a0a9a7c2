"""How a study's value went over its trials, and what was the best so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hptui.analysis.arrays import complete_rows

if TYPE_CHECKING:
    from hptui.analysis.arrays import TrialArrays
    from hptui.domain.objective import Direction

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One objective of a study over its trials, ordered by number."""

    numbers: IntArray
    values: FloatArray
    """NaN where a trial is not complete."""
    is_feasible: BoolArray
    best: FloatArray
    """The best value of a feasible trial up to here; NaN before the first one."""
    direction: Direction

    @property
    def best_row(self) -> int | None:
        """The row of the best trial, the first one of equals; None where it is not here."""
        if not len(self.best):
            return None
        rows = np.flatnonzero(self.is_feasible & (self.values == self.best[-1]))
        return int(rows[0]) if len(rows) else None

    def within(self, first: int, last: int) -> History:
        """Return the part with trial numbers from `first` to `last`; its best is that so far."""
        rows = slice(
            int(np.searchsorted(self.numbers, first)),
            int(np.searchsorted(self.numbers, last, side="right")),
        )
        return History(
            self.numbers[rows],
            self.values[rows],
            self.is_feasible[rows],
            self.best[rows],
            self.direction,
        )


def build_history(
    numbers: IntArray,
    values: FloatArray,
    is_complete: BoolArray,
    is_feasible: BoolArray,
    direction: Direction,
) -> History:
    """Return the history of one objective; trials without a number (below 0) are left out.

    `values` are those of one objective, a row a trial in any order; infinite ones count.
    """
    order = np.argsort(numbers, kind="stable")
    order = order[numbers[order] >= 0]
    shown = np.where(is_complete, values, np.nan)[order]
    feasible = is_feasible[order]
    counting = np.where(feasible, shown, np.nan)
    # fmin and fmax pass over NaN until the first number.
    best = (np.fmin if direction == "minimize" else np.fmax).accumulate(counting)
    return History(numbers[order], shown, feasible, best, direction)


def history_of(trials: TrialArrays, objective: int) -> History:
    """Return the history of one objective of a study."""
    is_complete = np.zeros(len(trials.numbers), np.bool_)
    is_complete[complete_rows(trials)] = True
    return build_history(
        trials.numbers,
        trials.values[:, objective],
        is_complete,
        trials.is_feasible,
        trials.directions[objective],
    )


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Places in a chart, both from 0 to 1."""

    x: FloatArray
    y: FloatArray


def row_after(is_seen: BoolArray) -> int | None:
    """Return the row behind the last one that is seen; None where that is the last of all.

    There a line of bests ends: what comes is infinite, or not above 0 on a log axis.
    """
    rows = np.flatnonzero(is_seen)
    return int(rows[-1]) + 1 if len(rows) and rows[-1] + 1 < len(is_seen) else None


def thin_steps(points: Points, columns: int, *, end: float = 1.0) -> Points:
    """Return the corners of a line of steps, at most a few for each column.

    `points` are ordered by x and y only ever rises or only ever falls. The line holds each value
    until the next point, up to x = `end`.
    """
    if not len(points.x):
        return points
    is_corner = np.ones(len(points.y), np.bool_)
    is_corner[1:] = points.y[1:] != points.y[:-1]
    x, y = points.x[is_corner], points.y[is_corner]
    column = np.minimum((x * max(1, columns)).astype(np.int64), max(1, columns) - 1)
    # The first and last step of a column are what it can show: between them the line only falls.
    is_end = np.ones(len(x), np.bool_)
    is_end[1:-1] = (column[1:-1] != column[:-2]) | (column[1:-1] != column[2:])
    x, y = x[is_end], y[is_end]
    corners_x = np.append(np.repeat(x, 2)[1:], end)
    return Points(corners_x, np.repeat(y, 2))

"""Places in charts, and lines through so few of them as can be told apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


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


def thin_line(points: Points, columns: int) -> Points:
    """Return the points of a line that can be seen: in each column first, last, least, greatest.

    `points` are ordered by x.
    """
    n_columns = max(1, columns)
    if len(points.x) <= 4 * n_columns:
        return points
    column = np.minimum((points.x * n_columns).astype(np.int64), n_columns - 1)
    starts = np.flatnonzero(np.diff(column, prepend=-1))
    stops = np.append(starts[1:], len(column))
    by_height = np.lexsort((points.y, column))
    kept = np.unique(np.concatenate([starts, stops - 1, by_height[starts], by_height[stops - 1]]))
    return Points(points.x[kept], points.y[kept])

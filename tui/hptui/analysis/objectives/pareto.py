"""The trials that no other trial beats in every objective."""

from __future__ import annotations

from bisect import bisect_right
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray

_BLOCK: Final = 500
_SWEPT: Final = (2, 3)
"""For how many objectives one sweep over the sorted rows is enough."""


def losses_of(values: FloatArray, directions: Sequence[Direction]) -> FloatArray:
    """Return values with the sign by which less is better in every column."""
    return values * np.array([1.0 if each == "minimize" else -1.0 for each in directions])


def pareto_front(values: FloatArray, directions: Sequence[Direction]) -> BoolArray:
    """Say of each row whether it is on the front; equal rows are on it together.

    A row is beaten by one that is nowhere worse and somewhere better. Rows with NaN are not on it.
    """
    losses = losses_of(values, directions)
    rows = np.flatnonzero(~np.isnan(losses).any(axis=1))
    on_front = np.zeros(len(losses), np.bool_)
    if not len(rows):
        return on_front
    rows = rows[np.lexsort(losses[rows].T[::-1])]
    ordered = losses[rows]
    is_new = np.ones(len(rows), np.bool_)
    is_new[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    on_front[rows] = _is_unbeaten(ordered[is_new])[np.cumsum(is_new) - 1]
    return on_front


def beaten_by(front: FloatArray, losses: FloatArray) -> BoolArray:
    """Say which rows of `losses` some row of `front` beats or equals."""
    is_beaten = np.zeros(len(losses), np.bool_)
    for first in range(0, len(front), _BLOCK):
        part = front[first : first + _BLOCK]
        is_behind = part[:, 0, None] <= losses[:, 0]
        for column in range(1, losses.shape[1]):
            # An objective at a time: NumPy is slow to reduce a short last axis.
            is_behind &= part[:, column, None] <= losses[:, column]
        is_beaten |= is_behind.any(axis=0)
    return is_beaten


def _is_unbeaten(losses: FloatArray) -> BoolArray:
    """Say which rows are unbeaten; they differ, and are sorted from the first objective on."""
    if losses.shape[1] <= _SWEPT[0]:
        is_kept = np.ones(len(losses), np.bool_)
        least_so_far = np.minimum.accumulate(losses[:, -1])
        is_kept[1:] = losses[1:, -1] < least_so_far[:-1]
        return is_kept
    return _swept(losses) if losses.shape[1] == _SWEPT[1] else _in_blocks(losses)


def _swept(losses: FloatArray) -> BoolArray:
    """Keep stairs of the second and third objective of all rows so far: what they beat is out."""
    is_kept = np.zeros(len(losses), np.bool_)
    ys: list[float] = []
    zs: list[float] = []
    for row, (y, z) in enumerate(losses[:, 1:].tolist()):
        at = bisect_right(ys, y)
        if at and zs[at - 1] <= z:
            continue
        is_kept[row] = True
        start = at - 1 if at and ys[at - 1] == y else at
        stop = start
        while stop < len(ys) and zs[stop] >= z:
            stop += 1
        ys[start:stop], zs[start:stop] = [y], [z]
    return is_kept


def _in_blocks(losses: FloatArray) -> BoolArray:
    # Only a row that stands before another can beat it.
    kept: list[int] = []
    for start in range(0, len(losses), _BLOCK):
        block = losses[start : start + _BLOCK]
        rows = np.flatnonzero(~beaten_by(losses[kept], block))
        inside = np.all(block[rows][:, None] <= block[rows], axis=2)
        np.fill_diagonal(inside, val=False)
        kept.extend((start + rows[~inside.any(axis=0)]).tolist())
    is_kept = np.zeros(len(losses), np.bool_)
    is_kept[kept] = True
    return is_kept

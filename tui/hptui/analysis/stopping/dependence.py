"""Whether values follow the parameters at all, or are luck."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from hptui.trials import BoolArray, FloatArray, IntArray

_MOST_LOOKED_AT: Final = 1_000
_GROUPS: Final = 5
_SURELY_GROUPS: Final = 20.0
"""Chance alone makes the statistic of five groups so great about once in 2,000 times."""
_SURELY_NEIGHBOURS: Final = 4.0
"""In standard deviations of what chance makes of neighbours' likeness; about once in 30,000."""
_MUTUAL: Final = 1.6
"""Many are each other's nearest, which makes chance wider."""


def follows(
    points: FloatArray, is_choice: BoolArray, losses: FloatArray, rng: np.random.Generator
) -> bool:
    """Say whether trials near each other are alike, or one parameter alone tells good from bad.

    Both by ranks, whatever the scale: the likeness of nearest neighbours, and for each parameter
    Kruskal and Wallis' test of five groups.

    Args:
        points: A row a trial, a column a parameter: from 0 to 1, or the index of a choice.
        is_choice: Of the columns.
        losses: Of the trials; finite.
        rng: Chooses among very many trials.
    """
    if len(losses) > _MOST_LOOKED_AT:
        chosen = np.sort(rng.choice(len(losses), _MOST_LOOKED_AT, replace=False))
        points, losses = points[chosen], losses[chosen]
    ranks = _ranks(losses)
    spread = float(ranks.std())
    if not spread:
        return False
    scores = (ranks - ranks.mean()) / spread
    surely = _SURELY_GROUPS + 2 * math.log(points.shape[1])
    if any(
        _between(scores, column if chosen else _fifths(column)) > surely
        for column, chosen in zip(points.T, is_choice.tolist(), strict=True)
    ):
        return True
    likeness = float((scores * scores[_nearest(points, is_choice)]).mean())
    return likeness * math.sqrt(len(scores) / _MUTUAL) > _SURELY_NEIGHBOURS


def _ranks(values: FloatArray) -> FloatArray:
    """Return the place of each value in their order; equal ones share the mean of theirs."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[group]


def _fifths(column: FloatArray) -> IntArray:
    return np.minimum((_ranks(column) - 1) * _GROUPS // len(column), _GROUPS - 1).astype(np.int64)


def _between(scores: FloatArray, groups: FloatArray | IntArray) -> float:
    """Return how far the means of groups are from each other, as a chi-square of few groups.

    With more than five groups, what more of them make by chance is taken off.
    """
    _, group, counts = np.unique(groups, return_inverse=True, return_counts=True)
    sums = np.bincount(group, scores)
    excess = max(0, len(counts) - _GROUPS)
    return float((sums**2 / counts).sum()) - excess - 3 * math.sqrt(2 * excess)


def _nearest(points: FloatArray, is_choice: BoolArray) -> IntArray:
    squares = np.zeros((len(points), len(points)))
    for column, chosen in zip(points.T, is_choice.tolist(), strict=True):
        difference = column[:, None] - column[None, :]
        squares += difference != 0 if chosen else difference**2
    np.fill_diagonal(squares, np.inf)
    return squares.argmin(axis=1)

"""The Pareto front of a study whose trials come one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hptui.analysis.objectives.pareto import pareto_front

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import Direction

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]
    BoolArray = npt.NDArray[np.bool_]


class GrowingFront:
    """Keeps a front, so that a few new trials are compared with it alone, not with all others."""

    def __init__(self, directions: Sequence[Direction]) -> None:
        self._directions = tuple(directions)
        self._values: FloatArray = np.zeros((0, len(self._directions)))
        self._is_seen: BoolArray = np.zeros(0, np.bool_)
        self._front: IntArray = np.zeros(0, np.int64)

    def update(self, values: FloatArray, is_candidate: BoolArray) -> IntArray:
        """Return the rows on the front, ascending.

        Args:
            values: A row a trial, a column an objective; rows are only ever added. Where rows that
                were candidates have changed, it is another study and all is compared again.
            is_candidate: Which trials count: the feasible complete ones.
        """
        n_known = len(self._is_seen)
        if n_known > len(values) or not np.array_equal(
            values[:n_known][self._is_seen], self._values[self._is_seen], equal_nan=True
        ):
            self._front, n_known = np.zeros(0, np.int64), 0
            self._is_seen = np.zeros(0, np.bool_)
        is_seen = np.zeros(len(values), np.bool_)
        is_seen[:n_known] = self._is_seen
        rows = np.union1d(self._front, np.flatnonzero(is_candidate & ~is_seen))
        self._front = rows[pareto_front(values[rows], self._directions)]
        self._values, self._is_seen = values, is_seen | is_candidate
        return self._front

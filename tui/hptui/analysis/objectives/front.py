"""Which trials of a study with several objectives are on the Pareto front, whole and one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.objectives.pareto import pareto_front
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The complete trials, ordered by number, in the objectives that are looked at."""

    numbers: IntArray
    values: FloatArray
    """A column for each objective that is looked at."""
    on_front: BoolArray
    """In all objectives of the study."""
    is_feasible: BoolArray
    directions: tuple[Direction, ...]
    """Of the columns."""

    def where(self, chosen: BoolArray) -> Front:
        """Return some of the trials."""
        return Front(
            self.numbers[chosen],
            self.values[chosen],
            self.on_front[chosen],
            self.is_feasible[chosen],
            self.directions,
        )


def build_front(trials: Trials, objectives: Sequence[int]) -> Front:
    """Return the front, seen in `objectives`; infinite values count."""
    rows = complete_rows(trials)
    is_feasible = trials.is_feasible[rows]
    on_front = np.zeros(len(rows), np.bool_)
    feasible = np.flatnonzero(is_feasible)
    on_front[feasible] = pareto_front(trials.values[rows[feasible]], trials.directions)
    return Front(
        trials.numbers[rows],
        trials.values[rows][:, list(objectives)],
        on_front,
        is_feasible,
        tuple(trials.directions[objective] for objective in objectives),
    )


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

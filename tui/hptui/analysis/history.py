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

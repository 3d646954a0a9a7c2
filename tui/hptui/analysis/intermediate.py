"""The intermediate values of many trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.arrays import complete_rows
from hptui.analysis.pruning.curves import Curve, median_curve
from hptui.analysis.slice import best_row
from hptui.domain.trial_states import COMPLETE

if TYPE_CHECKING:
    import numpy.typing as npt

    from hptui.analysis.arrays import BoolArray, FloatArray, IntArray, TrialArrays


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The reports of trials: a row a report, in the order of trials and of steps."""

    numbers: IntArray
    """Of the trials, as the next two."""
    states: npt.NDArray[np.int8]
    is_feasible: BoolArray
    steps: IntArray
    values: FloatArray
    best: int | None = None
    """The number of the best trial, by its final value, where it is among these."""
    has_more: bool = False
    """Whether there are older trials."""

    @property
    def n_trials(self) -> int:
        """How many trials there are."""
        return len(np.unique(self.numbers))

    def of(self, number: int) -> Curve:
        """Return the curve of one trial."""
        rows = self.numbers == number
        return Curve(self.steps[rows], self.values[rows])

    def median(self) -> Curve:
        """Return the median of complete trials at each step."""
        rows = self.states == COMPLETE
        return median_curve([Curve(self.steps[rows], self.values[rows])] if rows.any() else [])

    def where(self, chosen: BoolArray) -> Curves:
        """Return some of the reports."""
        return Curves(
            self.numbers[chosen],
            self.states[chosen],
            self.is_feasible[chosen],
            self.steps[chosen],
            self.values[chosen],
            self.best,
            self.has_more,
        )


def build_curves(
    trials: TrialArrays,
    rows: IntArray,
    steps: IntArray,
    values: FloatArray,
    *,
    has_more: bool = False,
) -> Curves:
    """Return the curves of reports, of which `rows` are the trials."""
    complete = complete_rows(trials)
    best = None
    if len(trials.directions) == 1:
        at = best_row(
            trials.values[complete, 0], trials.is_feasible[complete], trials.directions[0]
        )
        best = None if at is None else int(trials.numbers[complete[at]])
    is_shown = trials.numbers[rows] >= 0
    return Curves(
        trials.numbers[rows],
        trials.states[rows],
        trials.is_feasible[rows],
        steps,
        values,
        best,
        has_more,
    ).where(is_shown)

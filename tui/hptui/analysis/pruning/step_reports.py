"""What complete trials reported, sorted once so that percentiles at every step are quick."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.pruning.curves import Curve

if TYPE_CHECKING:
    from hptui.trials import FloatArray, IntArray


class CompleteReports:
    """What all complete trials of a study reported.

    Args:
        trial_ids: A row a report, in any order, as `steps` and `values`.
        steps: Of the reports.
        values: NaN for what is not a number.
        n_trials: Complete trials, those without reports included.
    """

    def __init__(
        self, trial_ids: IntArray, steps: IntArray, values: FloatArray, n_trials: int
    ) -> None:
        self.trial_ids = trial_ids
        self.steps = steps
        self.values = values
        self.n_trials = n_trials

    @cached_property
    def counts(self) -> tuple[IntArray, IntArray]:
        """The steps, ascending, and how many trials reported at each."""
        return np.unique(self.steps, return_counts=True)

    @cached_property
    def last_steps(self) -> tuple[int, int] | None:
        """The last step of the trial that ended first, and of the one that went on longest."""
        if not len(self.steps):
            return None
        _, trial = np.unique(self.trial_ids, return_inverse=True)
        last = np.full(int(trial.max()) + 1, -1)
        np.maximum.at(last, trial, self.steps)
        return int(last.min()), int(last.max())

    @cached_property
    def _sorted(self) -> tuple[FloatArray, IntArray, IntArray, IntArray]:
        """Numbers by step and size; the steps that have any; where each begins; how many."""
        is_number = ~np.isnan(self.values)
        steps, values = self.steps[is_number], self.values[is_number]
        values = values[np.lexsort((values, steps))]
        found, counts = np.unique(steps, return_counts=True)
        return values, found, np.cumsum(counts) - counts, counts

    def percentile(self, percentile: float, without: Curve | None = None) -> Curve:
        """Return `np.nanpercentile` at each step, for all steps at once.

        Args:
            percentile: From 0 to 100.
            without: The curve of a trial that is among them, to be left out.
        """
        values, found, first, counts = self._sorted
        gaps = np.full(len(found), np.iinfo(np.int64).max)
        if without is not None:
            gaps = _places(without, values, found, first, counts)
            counts = counts - (gaps < len(values))
        has_any = counts > 0
        found, first, counts, gaps = found[has_any], first[has_any], counts[has_any], gaps[has_any]
        place = percentile / 100 * (counts - 1)
        below = np.floor(place).astype(np.int64)

        def at(places: IntArray) -> FloatArray:
            rows = first + places
            return values[rows + (rows >= gaps)]

        low, high = at(below), at(np.minimum(below + 1, counts - 1))
        part = place - below
        # Background an infinite value there is none, as in NumPy; the pruner does not prune then.
        with np.errstate(invalid="ignore", over="ignore"):
            gap = high - low
            between = np.where(part >= 0.5, high - gap * (1 - part), low + gap * part)  # noqa: PLR2004
        return Curve(found, between)

    def counts_without(self, curve: Curve | None) -> tuple[IntArray, IntArray]:
        """Return `counts`, where a trial that is among them is left out."""
        steps, counts = self.counts
        return (steps, counts) if curve is None else (steps, counts - np.isin(steps, curve.steps))


def _places(
    curve: Curve, values: FloatArray, found: IntArray, first: IntArray, counts: IntArray
) -> IntArray:
    """Return for each step the row of `values` that holds a curve's; beyond the end for none."""
    places = np.full(len(found), np.iinfo(np.int64).max)
    is_number = ~np.isnan(curve.values)
    steps, own = curve.steps[is_number], curve.values[is_number]
    groups: list[int] = np.searchsorted(found, steps).tolist()
    for group, step, value in zip(groups, steps.tolist(), own.tolist(), strict=True):
        if group < len(found) and found[group] == step:
            begin = int(first[group])
            end = begin + int(counts[group])
            row = begin + int(np.searchsorted(values[begin:end], [value])[0])
            if row < end and values[row] == value:
                places[group] = row
    return places

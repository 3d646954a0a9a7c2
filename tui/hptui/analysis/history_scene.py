"""What of a study's history is seen: which trials, on which axes, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.history import Points

if TYPE_CHECKING:
    from hptui.analysis.history import BoolArray, FloatArray, History, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """Trials without a final value: what they reported last."""

    numbers: IntArray
    values: FloatArray
    """NaN where a trial reported nothing."""

    def within(self, first: int, last: int) -> Reported:
        """Return those with numbers from `first` to `last`."""
        is_within = (self.numbers >= first) & (self.numbers <= last)
        return Reported(self.numbers[is_within], self.values[is_within])


@dataclass(frozen=True, slots=True, eq=False)
class HistorySource:
    """All that the history of a study shows."""

    history: History
    """Of all trials; those that are not complete have no value."""
    pruned: Reported
    running: Reported
    n_failed: int = 0
    n_waiting: int = 0

    def within(self, first: int, last: int) -> HistorySource:
        """Return the part with trial numbers from `first` to `last`."""
        return HistorySource(
            self.history.within(first, last),
            self.pruned.within(first, last),
            self.running.within(first, last),
            self.n_failed,
            self.n_waiting,
        )


@dataclass(frozen=True, slots=True, eq=False)
class HistoryScene:
    """A history on its axes; places go from 0 to 1."""

    x_axis: Axis
    y_axis: Axis
    feasible: Points
    infeasible: Points
    pruned: Points
    running: Points
    best: Points
    """A point for each trial from the first feasible one on, ordered by x."""
    best_trial: tuple[float, float] | None
    target: float | None
    """The place of the target on the y axis, where it is in sight."""
    numbers: IntArray
    """Of all trials that are seen, in the order of `places`."""
    places: Points
    n_infinite: int
    """Values that are not drawn, as the next two."""
    n_not_positive: int
    n_out_of_sight: int
    """Reports far away from the values of the complete trials."""

    def place_of(self, number: int) -> tuple[float, float] | None:
        """Return where a trial is seen, or None."""
        rows = np.flatnonzero(self.numbers == number)
        if not len(rows):
            return None
        return float(self.places.x[rows[0]]), float(self.places.y[rows[0]])


def compose_scene(
    source: HistorySource, *, is_log: bool = False, target: float | None = None
) -> HistoryScene | None:
    """Return what there is to see of `source`; None when that is nothing.

    The values of complete trials all are in sight. Reports of other trials, and a target, are
    where they are not farther outside than the range of the complete ones is wide.
    """
    history = source.history
    is_shown = _is_drawable(history.values, is_log=is_log)
    pruned = _is_drawable(source.pruned.values, is_log=is_log)
    running = _is_drawable(source.running.values, is_log=is_log)
    reports = np.concatenate([source.pruned.values[pruned], source.running.values[running]])
    values = history.values[is_shown]
    if not (len(values) or len(reports)):
        return None
    low, high = _sight(values, reports, is_log=is_log)
    seen_pruned = pruned & (source.pruned.values >= low) & (source.pruned.values <= high)
    seen_running = running & (source.running.values >= low) & (source.running.values <= high)
    seen = [values, source.pruned.values[seen_pruned], source.running.values[seen_running]]
    targets = np.array([] if target is None else [target], np.float64)
    targets = targets[_is_drawable(targets, is_log=is_log) & (targets >= low) & (targets <= high)]
    y_axis = Axis.around(np.concatenate([*seen, targets]), is_log=is_log)
    x_axis = Axis.around(_numbers(source).astype(np.float64))

    def points(numbers: IntArray, shown: FloatArray) -> Points:
        return Points(x_axis.place(numbers.astype(np.float64)), y_axis.place(shown))

    def trials(chosen: BoolArray) -> Points:
        return points(history.numbers[chosen], history.values[chosen])

    has_best = _is_drawable(history.best, is_log=is_log)
    pruned_points = points(source.pruned.numbers[seen_pruned], seen[1])
    running_points = points(source.running.numbers[seen_running], seen[2])
    every = [trials(is_shown), pruned_points, running_points]
    best_row = history.best_row
    best_trial = None
    if best_row is not None and is_shown[best_row]:
        place = points(history.numbers[[best_row]], history.values[[best_row]])
        best_trial = float(place.x[0]), float(place.y[0])
    everything = np.concatenate([history.values, source.pruned.values, source.running.values])
    return HistoryScene(
        x_axis,
        y_axis,
        feasible=trials(is_shown & history.is_feasible),
        infeasible=trials(is_shown & ~history.is_feasible),
        pruned=pruned_points,
        running=running_points,
        best=points(history.numbers[has_best], history.best[has_best]),
        best_trial=best_trial,
        target=float(y_axis.place(targets)[0]) if len(targets) else None,
        numbers=np.concatenate(
            [
                history.numbers[is_shown],
                source.pruned.numbers[seen_pruned],
                source.running.numbers[seen_running],
            ]
        ),
        places=Points(
            np.concatenate([group.x for group in every]),
            np.concatenate([group.y for group in every]),
        ),
        n_infinite=int(np.isinf(everything).sum()),
        n_not_positive=int(np.isfinite(everything).sum()) - len(values) - len(reports),
        n_out_of_sight=len(reports) - len(seen[1]) - len(seen[2]),
    )


def _is_drawable(values: FloatArray, *, is_log: bool) -> BoolArray:
    is_drawable = np.isfinite(values)
    return is_drawable & (values > 0) if is_log else is_drawable


def _numbers(source: HistorySource) -> IntArray:
    return np.concatenate([source.history.numbers, source.pruned.numbers, source.running.numbers])


def _sight(values: FloatArray, reports: FloatArray, *, is_log: bool) -> tuple[float, float]:
    """Return the range outside of which nothing is shown, in order to see the rest."""
    if not len(values):
        return float(reports.min()), float(reports.max())
    low, high = float(values.min()), float(values.max())
    if low == high:
        return -np.inf, np.inf
    if is_log:
        return low * (low / high), high * (high / low)
    return low - (high - low), high + (high - low)

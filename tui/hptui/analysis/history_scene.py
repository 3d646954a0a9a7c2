"""What of a study's history is seen: which trials, on which axes, and what had to be left out."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.history import Points, row_after

if TYPE_CHECKING:
    from hptui.analysis.history import BoolArray, FloatArray, History, IntArray

_MIN_VALUES_FOR_FAR: Final = 8
_FAR_IN_SPREADS: Final = 3.0
"""How far a value is beyond the worse quarter, in ranges of the middle half, to be far."""
_MIN_GAIN: Final = 2.0
"""How many times more room the others must get for values to be left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """Trials without a final value: what they reported last."""

    numbers: IntArray
    values: FloatArray
    """NaN where a trial reported nothing."""

    def within(self, first: int, last: int) -> Reported:
        """Return those with numbers from `first` to `last`."""
        return self.where((self.numbers >= first) & (self.numbers <= last))

    def where(self, chosen: BoolArray) -> Reported:
        """Return some of them."""
        return Reported(self.numbers[chosen], self.values[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class HistorySource:
    """All that the history of a study shows."""

    history: History
    """Of all trials; those that are not complete have no value."""
    pruned: Reported
    running: Reported
    stale: Reported
    n_failed: int = 0
    n_waiting: int = 0

    @property
    def without_value(self) -> tuple[Reported, Reported, Reported]:
        """Pruned, running and stale trials."""
        return self.pruned, self.running, self.stale

    def within(self, first: int, last: int) -> HistorySource:
        """Return the part with trial numbers from `first` to `last`."""
        return HistorySource(
            self.history.within(first, last),
            self.pruned.within(first, last),
            self.running.within(first, last),
            self.stale.within(first, last),
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
    stale: Points
    far: Points
    """Complete trials that are far worse than most; they stand at the edge of the y axis."""
    far_pruned: Points
    """Pruned trials beyond the same edge, as the next two."""
    far_running: Points
    far_stale: Points
    far_is_above: bool
    best: Points
    """A point for each trial for which the best so far is in sight, ordered by x."""
    best_end: float
    """Where its line ends."""
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
    """Reports far better than any complete trial."""

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

    The y axis leaves out the few complete trials that are so much worse than the others that those
    could not be told apart; they are `far`. Reports of other trials, and a target, are in sight
    where they are not farther outside than the range of the complete ones is wide.
    """
    history = source.history
    is_shown = _is_drawable(history.values, is_log=is_log)
    complete = Reported(history.numbers[is_shown], history.values[is_shown])
    is_feasible = history.is_feasible[is_shown]
    others = [_drawable(group, is_log) for group in source.without_value]
    reports = np.concatenate([group.values for group in others])
    if not (len(complete.values) or len(reports)):
        return None
    far_is_above = history.direction == "minimize"
    is_far = _is_far(complete.values, is_log=is_log, is_above=far_is_above)
    sight = _sight(
        complete.values[~is_far],
        reports,
        is_log=is_log,
        has_far=bool(is_far.any()),
        worse_is_above=far_is_above,
    )
    near = [group.where(sight.has(group.values)) for group in others]
    targets = np.array([] if target is None else [target], np.float64)
    targets = targets[_is_drawable(targets, is_log=is_log) & sight.has(targets)]
    seen = (complete.values[~is_far], *(group.values for group in near), targets)
    y_axis = Axis.around(np.concatenate(seen), is_log=is_log)
    x_axis = Axis.around(_numbers(source).astype(np.float64))

    def place(group: Reported) -> Points:
        return Points(x_axis.place(group.numbers.astype(np.float64)), y_axis.place(group.values))

    far = [group.where(sight.is_worse(group.values)) for group in others]
    near_pruned, near_running, near_stale = near
    far_pruned, far_running, far_stale = far
    drawn = (complete, *near, *far)
    is_seen = (history.best >= y_axis.low) & (history.best <= y_axis.high)
    best = Reported(history.numbers[is_seen], history.best[is_seen])
    behind = row_after(is_seen)
    numbers = np.concatenate([group.numbers for group in drawn])
    n_finite, n_infinite = _count(source)
    return HistoryScene(
        x_axis,
        y_axis,
        feasible=place(complete.where(is_feasible & ~is_far)),
        infeasible=place(complete.where(~is_feasible & ~is_far)),
        pruned=place(near_pruned),
        running=place(near_running),
        stale=place(near_stale),
        far=place(complete.where(is_far)),
        far_pruned=place(far_pruned),
        far_running=place(far_running),
        far_stale=place(far_stale),
        far_is_above=far_is_above,
        best=place(best),
        best_end=1.0 if behind is None else float(x_axis.place(history.numbers[[behind]] / 1)[0]),
        best_trial=_place_of_best(history, x_axis, y_axis),
        target=float(y_axis.place(targets)[0]) if len(targets) else None,
        numbers=numbers,
        places=place(Reported(numbers, np.concatenate([group.values for group in drawn]))),
        n_infinite=n_infinite,
        n_not_positive=n_finite - len(complete.values) - len(reports),
        n_out_of_sight=len(complete.values) + len(reports) - len(numbers),
    )


@dataclass(frozen=True, slots=True)
class _Sight:
    """The values outside of which nothing but marks at the edge is shown, to see the rest."""

    low: float
    high: float
    worse_is_above: bool

    def has(self, values: FloatArray) -> BoolArray:
        return (values >= self.low) & (values <= self.high)

    def is_worse(self, values: FloatArray) -> BoolArray:
        return values > self.high if self.worse_is_above else values < self.low


def _sight(
    near: FloatArray, reports: FloatArray, *, is_log: bool, has_far: bool, worse_is_above: bool
) -> _Sight:
    if not len(near):
        return _Sight(float(reports.min()), float(reports.max()), worse_is_above)
    low, high = float(near.min()), float(near.max())
    if low == high:
        return _Sight(-math.inf, math.inf, worse_is_above)
    if is_log:
        return _Sight(low * (low / high), high * (high / low), worse_is_above)
    # Where complete trials are beyond the edge, reports are too.
    below = low if has_far and not worse_is_above else low - (high - low)
    above = high if has_far and worse_is_above else high + (high - low)
    return _Sight(below, above, worse_is_above)


def _place_of_best(history: History, x_axis: Axis, y_axis: Axis) -> tuple[float, float] | None:
    row = history.best_row
    if row is None or not y_axis.low <= history.values[row] <= y_axis.high:
        return None
    x = x_axis.place(np.array([history.numbers[row]], np.float64))
    return float(x[0]), float(y_axis.place(history.values[[row]])[0])


def _count(source: HistorySource) -> tuple[int, int]:
    """Return how many values are finite, and how many are infinite."""
    groups = (source.history, *source.without_value)
    values = np.concatenate([group.values for group in groups])
    return int(np.isfinite(values).sum()), int(np.isinf(values).sum())


def _drawable(group: Reported, is_log: bool) -> Reported:
    return group.where(_is_drawable(group.values, is_log=is_log))


def _is_drawable(values: FloatArray, *, is_log: bool) -> BoolArray:
    is_drawable = np.isfinite(values)
    return is_drawable & (values > 0) if is_log else is_drawable


def _is_far(values: FloatArray, *, is_log: bool, is_above: bool) -> BoolArray:
    """Say which values are far worse than most, where that would squash the others."""
    nothing = np.zeros(len(values), np.bool_)
    if is_log or len(values) < _MIN_VALUES_FOR_FAR:
        return nothing
    # Quarters, so that the difference of the greatest floats is still one.
    losses = values / (4 if is_above else -4)
    lower, upper = np.quantile(losses, (0.25, 0.75))
    fence = upper + _FAR_IN_SPREADS * (upper - lower)
    near = losses[losses <= fence]
    if lower == upper or np.ptp(losses) < _MIN_GAIN * np.ptp(near):
        return nothing
    return losses > fence


def _numbers(source: HistorySource) -> IntArray:
    groups = (source.history, *source.without_value)
    return np.concatenate([group.numbers for group in groups])

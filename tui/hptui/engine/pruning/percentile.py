"""Optuna's percentile and median pruners, over the reports of each step in order."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from array import array
from bisect import insort
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from optuna.pruners import MedianPruner, PercentilePruner
from optuna.pruners._percentile import (
    _get_best_intermediate_result_over_steps,
    _is_first_in_interval_step,
)
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hptui.engine.sampling.reader import Follower

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna
    from optuna.trial import FrozenTrial


@dataclass(slots=True)
class Reports:
    """What complete trials have reported at one step."""

    values: array[float] = field(default_factory=lambda: array("d"))
    """In rising order, without those that are no numbers.

    No list: the search for garbage would go through its numbers again and again.
    """
    n_nan: int = 0

    @property
    def count(self) -> int:
        """How many have reported something."""
        return len(self.values) + self.n_nan


class ReportsByStep:
    """What the complete trials of a study have reported."""

    def __init__(self) -> None:
        self.n_complete = 0
        self._follower = Follower()
        self._by_step: dict[int, Reports] = {}

    def update(self, study: optuna.Study) -> None:
        """Take in what has ended since."""
        ended, _, is_other = self._follower.look(study)
        if is_other:
            self.n_complete, self._by_step = 0, {}
        complete = [trial for trial in ended if trial.state is TrialState.COMPLETE]
        # A long history is sorted once instead of being put in one by one.
        are_many = len(complete) > self.n_complete
        touched: set[int] = set()
        for trial in complete:
            for step, value in trial.intermediate_values.items():
                reports = self._by_step.setdefault(step, Reports())
                touched.add(step)
                if math.isnan(value):
                    reports.n_nan += 1
                elif are_many:
                    reports.values.append(value)
                else:
                    insort(reports.values, value)
        for step in touched if are_many else ():
            reports = self._by_step[step]
            reports.values = array("d", sorted(reports.values))
        self.n_complete += len(complete)

    def at(self, step: int) -> Reports:
        """Return what was reported at a step; not to be changed."""
        return self._by_step.get(step) or Reports()


class QuickPercentilePruner(PercentilePruner):
    """Decides what `PercentilePruner` decides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(*args, **kwargs)
        self._reports = ReportsByStep()

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Say whether a trial's best report is worse than the percentile of the others."""
        self._reports.update(study)
        n_complete = self._reports.n_complete
        step = trial.last_step
        if n_complete == 0 or n_complete < self._n_startup_trials or step is None:
            return False
        if step < self._n_warmup_steps or not _is_first_in_interval_step(
            step, trial.intermediate_values.keys(), self._n_warmup_steps, self._interval_steps
        ):
            return False
        direction = study.direction
        best = _get_best_intermediate_result_over_steps(trial, direction)
        if math.isnan(best):
            return True
        threshold = self._threshold_at(step, direction)
        if math.isnan(threshold):
            return False
        is_worse = best < threshold if direction is StudyDirection.MAXIMIZE else best > threshold
        return bool(is_worse)

    def compared_with(self, study: optuna.Study, step: int) -> tuple[float, int]:
        """Return what reports at a step are compared with, NaN for nothing, and of how many."""
        self._reports.update(study)
        return self._threshold_at(step, study.direction), self._reports.at(step).count

    def _threshold_at(self, step: int, direction: StudyDirection) -> float:
        reports = self._reports.at(step)
        if reports.count < self._n_min_trials or not reports.values:
            return math.nan
        is_up = direction is StudyDirection.MAXIMIZE
        return percentile_of(reports.values, 100 - self._percentile if is_up else self._percentile)


class QuickMedianPruner(QuickPercentilePruner, MedianPruner):
    """Decides what `MedianPruner` decides."""


def percentile_of(values: Sequence[float], percent: float) -> float:
    """Return `numpy.nanpercentile` of sorted numbers, to the last bit; NaN between infinities.

    NumPy counts places from both ends of the gap that the percentile falls into.
    """
    place = (len(values) - 1) * (percent / 100)
    if place >= len(values) - 1:
        return values[-1] if math.isfinite(values[-1]) else math.nan
    below = math.floor(place)
    share = place - below
    low, high = values[below], values[below + 1]
    gap = high - low
    return high - gap * (1 - share) if share >= 0.5 else low + gap * share  # noqa: PLR2004

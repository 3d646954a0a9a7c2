"""Whether more trials are worth it for several objectives together: does the front still grow?

By records, as for one objective: a trial that enters the front when it comes enlarges the
hypervolume. Were trials drawn alike, the volume would grow about as the logarithm of their number,
or slower, so that doubling them adds at most about what the last doubling did. What lies where no
trial came near is not known here; the advice on each objective has a model of that.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.objectives.front import build_front
from hptui.analysis.objectives.hypervolume import build_hypervolume
from hptui.analysis.stopping.advice import FEWEST_TRIALS, Verdict
from hptui.domain.trial_states import COMPLETE, PRUNED
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.objectives.hypervolume import HypervolumeHistory
    from hptui.trials import Trials

_RECENT_PART: Final = 5
"""The last fifth of the trials is recent."""
_TINY: Final = 1e-3
"""Of the volume; less is no growth."""
_LITTLE: Final = 0.02
"""Of the volume; less from as many trials again is not worth them."""
_MUCH: Final = 0.05
_ENOUGH_TO_GIVE_UP: Final = 100
"""With fewer trials, a time of little growth says nothing."""
_PLATEAU: Final = 0.99
"""Of the volume."""


@dataclass(frozen=True, slots=True, eq=False)
class FrontAdvice:
    """What can be said of the trials that are still to come, in all objectives together."""

    verdict: Verdict
    n_trials: int
    """Complete and pruned ones: those that were tried."""
    n_front: int
    """Trials on the front now."""
    history: HypervolumeHistory
    volume: float
    n_since: int
    """Trials after the last one that enlarged the volume."""
    n_recent: int
    """How many trials are looked at as the recent ones."""
    n_entered: int
    """How many of them entered the front when they came."""
    grown_recently: float
    """Which part of the volume they added."""
    grown_later: float
    """Which part of the volume the later half of the trials added."""
    n_to_plateau: int
    """After so many trials 99 % of the volume was there."""


def build_front_advice(trials: Trials, reference: Sequence[float]) -> FrontAdvice:
    """Return advice on the front; infeasible trials were tried, and gained nothing.

    Args:
        trials: Of a study with several objectives.
        reference: The point from which volumes are measured.
    """
    history = build_hypervolume(trials, reference)
    was_tried = (trials.states == COMPLETE) | (trials.states == PRUNED)
    numbers = np.sort(trials.numbers[was_tried & (trials.numbers >= 0)])
    n_trials = len(numbers)
    volume = float(history.volumes[-1]) if len(history.volumes) else 0.0
    # What was there after each trial that was tried, whether it is complete or not.
    rows = np.searchsorted(history.numbers, numbers, side="right") - 1
    so_far = np.append(history.volumes, 0.0)[rows] if len(history.volumes) else np.zeros(n_trials)
    n_recent = min(n_trials, max(FEWEST_TRIALS, round(n_trials / _RECENT_PART)))
    # A volume may be infinite, which no difference says.
    grew = np.flatnonzero(so_far > np.concatenate(([0.0], so_far[:-1])))
    n_entered = int((grew >= n_trials - n_recent).sum())
    is_known = math.isfinite(volume) and volume > 0

    def grown_since(count: int) -> float:
        before = float(so_far[count - 1]) if count else 0.0
        return 1 - before / volume if is_known else 0.0

    recently, later = grown_since(n_trials - n_recent), grown_since(n_trials // 2)
    has_values = len(complete_rows(trials)) > 0
    return FrontAdvice(
        _verdict(n_trials, recently, later, is_known=is_known),
        n_trials,
        int(build_front(trials, (0, 1)).on_front.sum()) if has_values else 0,
        history,
        volume,
        n_trials - 1 - int(grew[-1]) if len(grew) else n_trials,
        n_recent,
        n_entered,
        recently,
        later,
        int(np.argmax(so_far >= _PLATEAU * volume)) + 1 if is_known else 0,
    )


def _verdict(n_trials: int, recently: float, later: float, *, is_known: bool) -> Verdict:
    if n_trials < FEWEST_TRIALS:
        return "too early"
    if not is_known:
        return "unclear"
    is_growing = recently > _TINY
    if n_trials < _ENOUGH_TO_GIVE_UP:
        return "go on" if is_growing else "unclear"
    if is_growing and later > _LITTLE:
        return "go on" if later > _MUCH else "slowing"
    return "stop"

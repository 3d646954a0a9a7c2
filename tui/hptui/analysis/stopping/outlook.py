"""What the best value is to be expected after more trials, with a band.

It puts the two methods of `advice.py` together. Better trials come as records do: with the
intensity c/n, where c is known by a Gamma distribution, so that how many come within more trials
has a negative binomial one. Each of them takes away a part of what may be left, as those before
did. The band goes from the tenth to the ninetieth percentile of how many come. A narrow optimum
that no trial has touched is not in it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.trials import FloatArray

PESSIMISTIC: Final = 0.1
OPTIMISTIC: Final = 0.9
_MOST_POINTS: Final = 60
_MOST_RECORDS: Final = 10_000
_USUAL_STEP: Final = 0.5
"""How much a better trial takes away, as a logarithm, as long as few have shown it: it counts as
one of them."""


@dataclass(frozen=True, slots=True, eq=False)
class Outlook:
    """The best value after more trials."""

    n_more: FloatArray
    """How many more, ascending; the first is 0."""
    expected: FloatArray
    good: FloatArray
    """As good as it gets in nine of ten cases."""
    bad: FloatArray
    """At least as good as this in nine of ten cases."""


def outlook(
    best: float, floor: float, steps: Sequence[float], n_since: float, n_trials: int, n_more: int
) -> Outlook | None:
    """Return what is to be expected of losses; None where that cannot be told.

    Args:
        best: The least loss so far.
        floor: What may be reached at best, by the model.
        steps: How much each better trial, of those that count, took away of what was left then:
            logarithms of what was left before to what was left after.
        n_since: From which trial on they were counted.
        n_trials: How many trials there were.
        n_more: How many there may be.
    """
    left = best - floor
    if n_more < 1 or n_trials < 1 or not (math.isfinite(left) and left >= 0):
        return None
    ahead = np.unique(np.linspace(0, n_more, min(n_more + 1, _MOST_POINTS)).round())
    step = (sum(steps) + _USUAL_STEP) / (len(steps) + 1)
    # Before any was counted, c is held to be about 1, as in `advice.py`.
    shape, exposure = 1 + len(steps), 1 + math.log(n_trials / max(1.0, n_since))
    share = exposure / (exposure + np.log1p(ahead / n_trials))
    mean = (share / (1 - (1 - share) * math.exp(-step))) ** shape
    few, many = (
        np.array([_quantile(shape, float(each), part) for each in share])
        for part in (PESSIMISTIC, OPTIMISTIC)
    )
    return Outlook(
        ahead,
        floor + left * mean,
        floor + left * np.exp(-step * many),
        floor + left * np.exp(-step * few),
    )


def _quantile(shape: int, share: float, part: float) -> float:
    """Return how many better trials there are at most, with the chance `part`.

    Between two counts it is a part of one, so that a band opens evenly.
    """
    chance = math.exp(shape * math.log(share))
    total, count = chance, 0
    while total < part and count < _MOST_RECORDS:
        count += 1
        chance *= (shape + count - 1) / count * (1 - share)
        total += chance
    return count - (total - part) / chance if count else 0.0

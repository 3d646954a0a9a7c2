"""How much time trials took: each for itself, and by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hptui.analysis.arrays import TrialArrays


@dataclass(frozen=True, slots=True)
class Spent:
    """The time of the trials that have ended, in seconds."""

    wall_s: float
    """By the clock, while any of them ran: breaks between runs are left out."""
    trials_s: float
    """Of all of them together: with two workers about twice as much."""


def time_spent(trials: TrialArrays, until_s: float | None = None) -> Spent:
    """Return the time that trials took, up to a moment where one is given.

    Trials without a start or an end count nothing, as those that ended before they started.
    """
    starts_s, ends_s = trials.starts_s, trials.completes_s
    is_known = np.isfinite(starts_s) & np.isfinite(ends_s) & (starts_s <= ends_s)
    starts_s, ends_s = starts_s[is_known], ends_s[is_known]
    if until_s is not None:
        starts_s, ends_s = np.minimum(starts_s, until_s), np.minimum(ends_s, until_s)
    order = np.argsort(starts_s, kind="stable")
    starts_s, ends_s = starts_s[order], ends_s[order]
    # A trial adds what lies behind the latest end of those that started before it.
    latest_s = np.maximum.accumulate(ends_s)
    before_s = np.concatenate([[-np.inf], latest_s])[: len(latest_s)]
    added_s = np.maximum(0.0, latest_s - np.maximum(starts_s, before_s))
    return Spent(float(added_s.sum()), float((ends_s - starts_s).sum()))

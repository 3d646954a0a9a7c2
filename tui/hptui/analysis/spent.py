"""How much time trials took: each for itself, and by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from hptui.trials import FloatArray, Trials


@dataclass(frozen=True, slots=True)
class Spent:
    """The time of the trials that have ended, in seconds."""

    wall_s: float
    """By the clock, while any of them ran: breaks between runs are left out."""
    trials_s: float
    """Of all of them together: with two workers about twice as much."""


def time_spent(trials: Trials) -> Spent:
    """Return the time that trials took.

    Trials without a start or an end count nothing, as those that ended before they started.
    """
    starts_s, ends_s = _known(trials)
    _, added_s = _added(starts_s, ends_s)
    return Spent(float(added_s.sum()), float((ends_s - starts_s).sum()))


def wall_until(trials: Trials, moments_s: FloatArray) -> FloatArray:
    """Return the time by the clock, as in `Spent`, up to each of some moments; NaN for NaN."""
    begins_s, added_s = _added(*_known(trials))
    before_s = np.concatenate([[0.0], np.cumsum(added_s)])
    at = np.searchsorted(begins_s, moments_s, side="right")
    if not len(begins_s):
        return np.where(np.isnan(moments_s), np.nan, 0.0)
    # Of the stretch that a moment falls into, only the part up to it.
    last = np.maximum(at - 1, 0)
    part_s = np.clip(moments_s - begins_s[last], 0.0, added_s[last])
    return np.where(np.isnan(moments_s), np.nan, before_s[last] + np.where(at > 0, part_s, 0.0))


def _known(trials: Trials) -> tuple[FloatArray, FloatArray]:
    """Return when trials started and ended of which both is known, ordered by start."""
    starts_s, ends_s = trials.starts_s, trials.completes_s
    is_known = np.isfinite(starts_s) & np.isfinite(ends_s) & (starts_s <= ends_s)
    starts_s, ends_s = starts_s[is_known], ends_s[is_known]
    order = np.argsort(starts_s, kind="stable")
    return starts_s[order], ends_s[order]


def _added(starts_s: FloatArray, ends_s: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return for each trial from when it adds to the time by the clock, and how much."""
    # It adds what lies behind the latest end of those that started before it.
    latest_s = np.maximum.accumulate(ends_s)
    before_s = np.concatenate([[-np.inf], latest_s])[: len(latest_s)]
    begins_s = np.maximum(starts_s, before_s)
    return begins_s, np.maximum(0.0, latest_s - begins_s)

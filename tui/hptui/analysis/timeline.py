"""Which trial ran when, and in which slot."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.trial_states import RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from hptui.analysis.arrays import BoolArray, FloatArray, IntArray, TrialArrays

_LEFT_BEHIND: Final = 5.0
"""Running for so many times the longest run that ended, a trial was killed, as Optuna sees it."""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The trials that have started, ordered by start."""

    numbers: IntArray
    states: npt.NDArray[np.int8]
    """The numbers of `hptui.domain.trial_states`."""
    is_feasible: BoolArray
    starts_s: FloatArray
    """Seconds since 1970."""
    ends_s: FloatArray
    """Not before the start; of a running trial the time until which is looked."""
    slots: IntArray
    """From 0: the first slot that was free at the start."""
    n_slots: int
    n_not_started: int
    """Trials that are left out."""
    n_reversed: int
    """Trials that have ended before they started, by their times."""
    breaks_s: FloatArray
    """How long the break between runs was that ended with each trial's start; mostly 0."""

    @property
    def first_s(self) -> float:
        """When the first trial started; there must be one."""
        return float(self.starts_s[0])

    @property
    def last_s(self) -> float:
        """When the last trial ended; there must be one."""
        return float(self.ends_s.max())

    @property
    def span_s(self) -> float:
        """The time from the first start to the last end, without breaks between runs."""
        return self.last_s - self.first_s - float(self.breaks_s.sum())

    @property
    def without_breaks(self) -> tuple[FloatArray, FloatArray]:
        """Starts and ends in seconds from the first start, as if runs had followed at once."""
        moved_s = self.first_s + np.cumsum(self.breaks_s)
        return self.starts_s - moved_s, self.ends_s - moved_s

    @property
    def busy_share(self) -> float:
        """Which part of the time of all slots was used by trials; there must be one."""
        whole = self.span_s * self.n_slots
        return float((self.ends_s - self.starts_s).sum()) / whole if whole > 0 else 1.0


def build_timeline(
    trials: TrialArrays, now_s: float, run_starts_s: Sequence[float] = ()
) -> Timeline:
    """Return the timeline.

    Slots are not stored, so they are inferred: each trial has the first one that is free.

    Args:
        trials: The trials.
        now_s: The end of running trials, unless nobody runs them.
        run_starts_s: When runs began; where nothing is known of runs, a time without a trial that
            is longer than any trial is a break between them.
    """
    is_started = np.isfinite(trials.starts_s) & (trials.numbers >= 0)
    rows = np.flatnonzero(is_started)
    rows = rows[np.lexsort((trials.numbers[rows], trials.starts_s[rows]))]
    starts_s, completes_s, states = trials.starts_s[rows], trials.completes_s[rows], trials.states
    is_running = states[rows] == RUNNING
    ends_s = np.where(is_running, _latest_s(trials, now_s), completes_s)
    ends_s = np.where(np.isfinite(ends_s), ends_s, starts_s)
    shown_s = np.maximum(starts_s, ends_s)
    slots = _slots(starts_s, shown_s)
    return Timeline(
        trials.numbers[rows],
        states[rows],
        trials.is_feasible[rows],
        starts_s,
        shown_s,
        slots,
        breaks_s=_breaks(starts_s, shown_s, run_starts_s),
        n_slots=int(slots.max()) + 1 if len(slots) else 0,
        n_not_started=int((~is_started).sum()),
        n_reversed=int((~is_running & (ends_s < starts_s)).sum()),
    )


def _breaks(starts_s: FloatArray, ends_s: FloatArray, run_starts_s: Sequence[float]) -> FloatArray:
    """Return how long nothing ran before each trial, where a run began in that time."""
    if not len(starts_s):
        return np.zeros(0)
    free_s = np.zeros(len(starts_s))
    free_s[1:] = np.maximum(0.0, starts_s[1:] - np.maximum.accumulate(ends_s)[:-1])
    if not run_starts_s:
        return np.where(free_s > (ends_s - starts_s).max(), free_s, 0.0)
    first = np.searchsorted(starts_s, np.array(run_starts_s))
    is_first = np.zeros(len(starts_s) + 1, np.bool_)
    is_first[first] = True
    return np.where(is_first[:-1], free_s, 0.0)


def _latest_s(trials: TrialArrays, now_s: float) -> float:
    """Return until when is looked: now while a trial runs, else the last end."""
    durations = trials.completes_s - trials.starts_s
    durations = durations[np.isfinite(durations)]
    running = trials.starts_s[trials.states == RUNNING]
    is_alive = len(running) > 0
    if len(durations):
        is_alive = bool((now_s - running < _LEFT_BEHIND * durations.max()).any())
    ends_s = trials.completes_s[np.isfinite(trials.completes_s)]
    return now_s if is_alive or not len(ends_s) else float(ends_s.max())


def _slots(starts_s: FloatArray, ends_s: FloatArray) -> IntArray:
    slots: list[int] = []
    free: list[int] = []
    busy: list[tuple[float, int]] = []
    for start, end in zip(starts_s.tolist(), ends_s.tolist(), strict=True):
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        slot = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, slot))
        slots.append(slot)
    return np.array(slots, np.int64)

"""What it took a study to reach a value: in trials, and in time by the clock."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.spent import wall_until
from hptui.domain.trial_states import WAITING
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from hptui.analysis.history import History
    from hptui.trials import FloatArray, IntArray, Trials


@dataclass(frozen=True, slots=True)
class Reached:
    """What it took a study to reach a value."""

    n_trials: int
    """How many trials had begun, up to the first one, by number, that is as good."""
    wall_s: float | None
    """By the clock, until one as good had ended; None where the times are not known."""


@dataclass(frozen=True, slots=True, eq=False)
class Improvements:
    """What it took to reach each best value there was, from the first one to the last."""

    numbers: IntArray
    """Of the trials that were better than all before."""
    values: FloatArray
    n_trials: IntArray
    """As in `Reached`, as the next."""
    wall_s: FloatArray
    """NaN where the times are not known."""

    def reached(self, at: int) -> Reached:
        """Return what the value at a place took."""
        wall_s = float(self.wall_s[at])
        return Reached(int(self.n_trials[at]), None if np.isnan(wall_s) else wall_s)


def improvements_of(trials: Trials, history: History, objective: int) -> Improvements:
    """Return what each improvement of a history took."""
    best = history.best
    is_known = ~np.isnan(best)
    rows = np.flatnonzero(is_known & (np.append(np.nan, best[:-1]) != best))
    return _budget(trials, history, objective, rows, best[rows])


def reached(trials: Trials, history: History, objective: int, target: float) -> Reached | None:
    """Return what it took to reach a value; None where it never was."""
    is_minimized = history.direction == "minimize"
    is_reached = history.best <= target if is_minimized else history.best >= target
    if not is_reached.any():
        return None
    row = np.array([np.argmax(is_reached)])
    return _budget(trials, history, objective, row, np.array([target])).reached(0)


def _budget(
    trials: Trials, history: History, objective: int, rows: IntArray, targets: FloatArray
) -> Improvements:
    """Return what targets took that are first reached in rows of the history."""
    numbers = history.numbers[rows]
    begun = np.sort(trials.numbers[(trials.numbers >= 0) & (trials.states != WAITING)])
    ends_s = _first_end(trials, objective, targets)
    return Improvements(
        numbers,
        history.values[rows],
        np.searchsorted(begun, numbers, side="right"),
        wall_until(trials, ends_s),
    )


def _first_end(trials: Trials, objective: int, targets: FloatArray) -> FloatArray:
    """Return when the first trial had ended that is as good as each target; NaN if unknown."""
    rows = complete_rows(trials)
    rows = rows[trials.is_feasible[rows] & np.isfinite(trials.completes_s[rows])]
    sign = 1.0 if trials.directions[objective] == "minimize" else -1.0
    rows = rows[np.argsort(sign * trials.values[rows, objective], kind="stable")]
    losses = sign * trials.values[rows, objective]
    earliest_s = np.concatenate([[np.nan], np.minimum.accumulate(trials.completes_s[rows])])
    return earliest_s[np.searchsorted(losses, sign * targets, side="right")]

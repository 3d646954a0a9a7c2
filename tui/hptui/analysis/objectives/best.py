"""Which trials of a study are best."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.objectives.pareto import pareto_front
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


def best_trials(trials: Trials, among: BoolArray | None = None) -> BoolArray:
    """Say of each row whether it is the best trial, or on the front of several objectives.

    Only complete and feasible trials count; of equal ones the first is the best.

    Args:
        trials: The study.
        among: Which rows can be chosen; all, where it is not given.
    """
    rows = complete_rows(trials)
    rows = rows[trials.is_feasible[rows]]
    if among is not None:
        rows = rows[among[rows]]
    values = trials.values[rows]
    chosen = np.zeros(len(trials.numbers), np.bool_)
    first, *others = trials.directions
    if others:
        chosen[rows[pareto_front(values, trials.directions)]] = True
        return chosen
    best = best_row(values[:, 0], np.ones(len(rows), np.bool_), first)
    if best is not None:
        chosen[rows[best]] = True
    return chosen


def best_row(values: FloatArray, is_feasible: BoolArray, direction: Direction) -> int | None:
    """Return the row of the best feasible value, the first of equals; None where there is none."""
    rows = np.flatnonzero(is_feasible)
    if not len(rows):
        return None
    losses = values[rows] if direction == "minimize" else -values[rows]
    return int(rows[np.argmin(losses)])


def leading_rows(trials: Trials, front: IntArray) -> IntArray:
    """Return the rows of the best tenth, at least one; with several objectives, of the front.

    Only complete and feasible trials with a finite value count.

    Args:
        trials: The study.
        front: The numbers of the trials on the Pareto front; unused with one objective.
    """
    if len(trials.directions) != 1:
        return np.flatnonzero(np.isin(trials.numbers, front) & trials.is_complete)
    values = trials.values[:, 0]
    rows = np.flatnonzero(trials.is_complete & trials.is_feasible & np.isfinite(values))
    if not len(rows):
        return rows
    losses = values[rows] if trials.directions[0] == "minimize" else -values[rows]
    count = -(-len(rows) // 10)
    return rows[np.argpartition(losses, count - 1)[:count]]

"""How a study's value went over its trials, and what was the best so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.domain.trial_states import FAIL, PRUNED, RUNNING, STALE, WAITING

if TYPE_CHECKING:
    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray, IntArray, StateArray, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Reported:
    """Trials by what they reported last."""

    numbers: IntArray
    values: FloatArray
    """NaN where a trial reported nothing."""

    def where(self, chosen: BoolArray) -> Reported:
        return Reported(self.numbers[chosen], self.values[chosen])


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """One objective of a study over its trials, ordered by number."""

    numbers: IntArray
    values: FloatArray
    """NaN where a trial is not complete."""
    is_feasible: BoolArray
    best: FloatArray
    """The best value of a feasible trial up to here; NaN before the first one."""
    direction: Direction
    states: StateArray
    last_values: FloatArray
    """What was reported last."""
    n_failed: int = 0
    """Of the whole study, as the next one."""
    n_waiting: int = 0

    @property
    def best_row(self) -> int | None:
        """The row of the best trial, the first one of equals; None where it is not here."""
        if not len(self.best):
            return None
        rows = np.flatnonzero(self.is_feasible & (self.values == self.best[-1]))
        return int(rows[0]) if len(rows) else None

    @property
    def pruned(self) -> Reported:
        return self._reported(PRUNED)

    @property
    def running(self) -> Reported:
        return self._reported(RUNNING)

    @property
    def stale(self) -> Reported:
        return self._reported(STALE)

    @property
    def without_value(self) -> tuple[Reported, Reported, Reported]:
        """Pruned, running and stale trials."""
        return self.pruned, self.running, self.stale

    def within(self, first: int, last: int) -> History:
        """Return the part with trial numbers from `first` to `last`; its best is that so far."""
        rows = slice(
            int(np.searchsorted(self.numbers, first)),
            int(np.searchsorted(self.numbers, last, side="right")),
        )
        return History(
            self.numbers[rows],
            self.values[rows],
            self.is_feasible[rows],
            self.best[rows],
            self.direction,
            self.states[rows],
            self.last_values[rows],
            self.n_failed,
            self.n_waiting,
        )

    def _reported(self, state: int) -> Reported:
        return Reported(self.numbers, self.last_values).where(self.states == state)


def history_of(trials: Trials, objective: int) -> History:
    """Return the history of one objective of a study.

    Trials without a number are left out; infinite values count.
    """
    numbers, direction = trials.numbers, trials.directions[objective]
    order: slice | IntArray = slice(None)
    if len(numbers) and not (numbers[0] >= 0 and bool((numbers[1:] >= numbers[:-1]).all())):
        order = np.argsort(numbers, kind="stable")
        order = order[numbers[order] >= 0]
    values = np.where(trials.is_complete, trials.values[:, objective], np.nan)[order]
    is_feasible, states = trials.is_feasible[order], trials.states
    counting = np.where(is_feasible, values, np.nan)
    # fmin and fmax pass over NaN until the first number.
    best = (np.fmin if direction == "minimize" else np.fmax).accumulate(counting)
    return History(
        numbers[order],
        values,
        is_feasible,
        best,
        direction,
        states[order],
        trials.last_values[order],
        n_failed=int((states == FAIL).sum()),
        n_waiting=int((states == WAITING).sum()),
    )

"""The complete trials of a study, in order and by the generation that a sampler marked them with.

It gains that each trial is looked at once: Optuna's CMA-ES and genetic samplers go through all of
them for each new one.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import copy
from bisect import bisect
from typing import TYPE_CHECKING

from optuna.trial import TrialState

from hptui.engine.sampling.reader import Follower

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


class _InOrder:
    """Trials by their places in the study's list."""

    def __init__(self) -> None:
        self.trials: list[FrozenTrial] = []
        self._places: list[int] = []

    def add(self, place: int, trial: FrozenTrial) -> None:
        at = bisect(self._places, place)
        self._places.insert(at, place)
        self.trials.insert(at, trial)


class CompleteTrials:
    """Those of one study, with what one sampler needs of them.

    Args:
        mark: The system attribute that holds the generation.
        with_pruned: Whether pruned trials count as complete ones with the value that they reported
            at the last step.
    """

    def __init__(self, mark: str, *, with_pruned: bool = False) -> None:
        self._mark = mark
        self._with_pruned = with_pruned
        self._follower = Follower()
        self._forget()

    def _forget(self) -> None:
        self._all = _InOrder()
        self._by_generation: dict[int, _InOrder] = {}
        self._place_of: dict[int, int] = {}
        self.newest = 0
        """The greatest generation."""
        self.is_odd = False
        """Whether a mark is not an integer, so that only Optuna's own code can compare it."""

    @property
    def trials(self) -> list[FrozenTrial]:
        """All of them, in the order of the study's list; not to be changed."""
        return self._all.trials

    def update(self, trials: list[FrozenTrial]) -> None:
        """Take in what has ended since; `trials` are all of the study."""
        places, is_other = self._follower.places(trials)
        if is_other:
            self._forget()
        for place in places:
            trial = trials[place]
            if trial.state is TrialState.PRUNED and self._with_pruned:
                self._add_pruned(place, trial)
            elif trial.state is TrialState.COMPLETE:
                self._add(place, trial)

    def of(self, generation: int) -> list[FrozenTrial]:
        """Return those of a generation, in the order of the study's list; not to be changed."""
        found = self._by_generation.get(generation)
        return [] if found is None else found.trials

    def with_ids(self, trial_ids: list[int]) -> list[FrozenTrial] | None:
        """Return those of these ids, in the order of the list; None where one is not complete."""
        try:
            places = sorted({self._place_of[trial_id] for trial_id in trial_ids})
        except (KeyError, TypeError):
            return None
        return [self._follower.at(place) for place in places]

    def _add(self, place: int, trial: FrozenTrial) -> None:
        self._all.add(place, trial)
        self._place_of[trial._trial_id] = place
        if self._mark not in trial.system_attrs:
            return
        generation = trial.system_attrs[self._mark]
        if type(generation) is not int:
            self.is_odd = True
            return
        self.newest = max(self.newest, generation)
        self._by_generation.setdefault(generation, _InOrder()).add(place, trial)

    def _add_pruned(self, place: int, trial: FrozenTrial) -> None:
        if trial.intermediate_values:
            valued = copy.deepcopy(trial)
            valued.value = trial.intermediate_values[max(trial.intermediate_values)]
            self._add(place, valued)

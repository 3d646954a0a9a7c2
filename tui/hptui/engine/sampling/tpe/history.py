"""The settled trials of a study, and which of them are the good ones.

It gains that the best are known as trials end: Optuna sorts all of them for each parameter or
group of parameters that it draws.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from bisect import insort
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from optuna.samplers._tpe.sampler import (
    _get_infeasible_trial_score,
    _get_pruned_trial_score,
    _split_complete_trials_multi_objective,
    default_gamma,
    default_gamma_multiobjective,
)
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptui.engine.sampling.reader import Reader

if TYPE_CHECKING:
    import optuna

    from hptui.trials import IntArray

SETTLED: Final = (TrialState.COMPLETE, TrialState.PRUNED)
_MOST_GOOD: Final = 25
"""With one objective Optuna never takes more trials for good ones."""


class UnforeseenError(Exception):
    """A history that only Optuna's own code is to judge."""


class History:
    """The trials of one study by their places in its list, which is in the order of numbers."""

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._is_single = len(study.directions) == 1
        self._sign = -1.0 if study.directions[0] is StudyDirection.MAXIMIZE else 1.0
        self._reader = Reader()
        self._n_checked = 0
        self.settled: list[int] = []
        """The places of complete and pruned trials, in the order in which they were read."""
        self._complete: list[tuple[float, int]] = []
        self._pruned: list[tuple[Any, int]] = []
        self._infeasible: list[tuple[float, int]] = []
        self._good: IntArray | None = None

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials as they were last read; not to be changed."""
        return self._reader.trials

    def running(self, but: int) -> list[tuple[int, FrozenTrial]]:
        """Return the running trials with their places, without the one of number `but`."""
        return [
            (index, trial)
            for index, trial in self._reader.open_trials()
            if trial.state is TrialState.RUNNING and trial.number != but
        ]

    def update(self, study: optuna.Study, trials: list[FrozenTrial]) -> bool:
        """Take in what has ended; False means that this is another history, to be read anew.

        Raises:
            UnforeseenError: The numbers do not rise, a value is not a number, or trials of several
                objectives were pruned by a value.
        """
        self._study = study
        ended = self._reader.read(trials)
        if ended is None:
            return False
        self._check_order()
        for index in ended:
            trial = self.trials[index]
            if trial.state in SETTLED:
                self.settled.append(index)
                self._rank(trial, index)
                self._good = None
        return True

    def _check_order(self) -> None:
        trials = self.trials
        for index in range(max(1, self._n_checked), len(trials)):
            if trials[index - 1].number >= trials[index].number:
                raise UnforeseenError("The trials are not in the order of their numbers.")
        self._n_checked = len(trials)

    def _rank(self, trial: FrozenTrial, index: int) -> None:
        """Put a trial in its place among those of its kind; of equals, the earlier is better."""
        violation = _get_infeasible_trial_score(trial)
        if violation > 0:
            self._insert(self._infeasible, violation, index)
        elif trial.state is TrialState.PRUNED:
            if not self._is_single and trial.intermediate_values:
                raise UnforeseenError("A trial with several objectives was pruned by a value.")
            self._insert(self._pruned, _get_pruned_trial_score(trial, self._study), index)
        elif not self._is_single:
            self._insert(self._complete, 0.0, index)
        else:
            value = trial.values[0]
            if math.isnan(value):
                raise UnforeseenError("The value of a trial is not a number.")
            self._insert(self._complete, self._sign * value, index)

    def _insert(self, ranked: list[tuple[Any, int]], score: object, index: int) -> None:
        insort(ranked, (score, index))
        if self._is_single and len(ranked) > _MOST_GOOD:
            ranked.pop()

    def good(self) -> IntArray:
        """Return the places of the good trials in rising order, split as Optuna splits them."""
        if self._good is None:
            n = len(self.settled)
            if self._is_single:
                wanted = default_gamma(n)
                good = [index for _, index in self._complete[:wanted]]
            else:
                wanted = default_gamma_multiobjective(n)
                good = self._best_of_several(wanted)
            for others in (self._pruned, self._infeasible):
                good += [index for _, index in others[: max(0, wanted - len(good))]]
            self._good = np.array(sorted(good), dtype=np.int64)
        return self._good

    def _best_of_several(self, wanted: int) -> list[int]:
        place_of = {self.trials[index].number: index for _, index in self._complete}
        complete = [self.trials[index] for _, index in self._complete]
        below, _ = _split_complete_trials_multi_objective(
            complete, self._study, min(wanted, len(complete))
        )
        return [place_of[trial.number] for trial in below]

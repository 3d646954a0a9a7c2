"""Optuna's Wilcoxon pruner, with the trial that it compares with at hand.

Optuna copies the best trial for each report, and goes through all complete trials for it where the
one with the best value violates a constraint.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from optuna.pruners import WilcoxonPruner
from optuna.study import StudyDirection
from optuna.trial import TrialState

from hptui.domain.best import is_better
from hptui.engine.sampling.reader import Follower

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial


class BestFeasible:
    """The best of the complete trials that violate no constraint."""

    def __init__(self) -> None:
        self._follower = Follower()
        self._best: FrozenTrial | None = None

    def of(self, study: optuna.Study) -> FrozenTrial | None:
        """Return the best trial of a study, of equals the first; None where all violate one."""
        ended, _, is_other = self._follower.look(study)
        if is_other:
            self._best = None
        is_up = study.direction is StudyDirection.MAXIMIZE
        for trial in ended:
            is_feasible = all(each <= 0 for each in trial.constraints.values())
            if trial.state is TrialState.COMPLETE and is_feasible:
                self._best = trial if self._best is None else _first(self._best, trial, is_up)
        return self._best


def _first(best: FrozenTrial, other: FrozenTrial, is_up: bool) -> FrozenTrial:
    if best.values == other.values:
        return min(best, other, key=lambda trial: trial._trial_id)
    return other if is_better(other.values[0], best.values[0], maximize=is_up) else best


class _Judged:
    """What Optuna's pruner asks of a study."""

    def __init__(self, study: optuna.Study, feasible: BestFeasible) -> None:
        self._study = study
        self._feasible = feasible

    @property
    def direction(self) -> StudyDirection:
        """The study's only one."""
        return self._study.direction

    @property
    def best_trial(self) -> FrozenTrial:
        """The trial that `Study.best_trial` returns, itself instead of a copy.

        Raises:
            ValueError: There is none.
        """
        best = self._study._storage.get_best_trial(self._study._study_id)
        if not any(each > 0 for each in best.constraints.values()):
            return best
        feasible = self._feasible.of(self._study)
        if feasible is None:
            raise ValueError("No feasible trials are completed yet.")
        return feasible


class QuickWilcoxonPruner(WilcoxonPruner):
    """Decides what `WilcoxonPruner` decides."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(*args, **kwargs)
        self._feasible = BestFeasible()

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Say whether a trial is surely worse than the best one, step by step."""
        return super().prune(cast("optuna.Study", _Judged(study, self._feasible)), trial)

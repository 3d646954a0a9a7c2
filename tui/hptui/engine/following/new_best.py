"""Which trials are better than all before them, in a study with any number of objectives."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.study import StudyDirection
from optuna.trial import TrialState

from hptui.storage.read.constraints import is_feasible

if TYPE_CHECKING:
    from collections.abc import Sequence

    import optuna

    from hptui.engine.run.study_trials import TrialRecord

_Losses = tuple[float, ...]


class NewBest:
    """Tells of each trial, in the order in which they end, whether it is a new best one.

    With several objectives that is one that no trial before it is as good as in all of them: it
    joins the Pareto front.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._signs = [
            -1.0 if each is StudyDirection.MAXIMIZE else 1.0 for each in study.directions
        ]
        self._front: list[_Losses] = []
        if len(self._signs) > 1:
            for trial in study._storage.get_all_trials(
                study._study_id, deepcopy=False, states=(TrialState.COMPLETE,)
            ):
                if trial.values and is_feasible(trial.system_attrs):
                    self._joins(trial.values)

    def is_new(self, record: TrialRecord) -> bool:
        """Take a trial that has ended, and say whether it is a new best one."""
        if len(self._signs) == 1 or record.state != "complete" or not record.is_feasible:
            return record.is_best
        return record.values is not None and self._joins(record.values)

    def _joins(self, values: Sequence[float]) -> bool:
        losses = tuple(sign * value for sign, value in zip(self._signs, values, strict=True))
        if any(_is_as_good(other, losses) for other in self._front):
            return False
        self._front = [other for other in self._front if not _is_as_good(losses, other)]
        self._front.append(losses)
        return True


def _is_as_good(one: _Losses, other: _Losses) -> bool:
    """Say whether `one` is nowhere worse than `other`."""
    return all(mine <= theirs for mine, theirs in zip(one, other, strict=True))

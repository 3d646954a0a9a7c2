"""Optuna's successive halving and Hyperband, over the values of each rung in order."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from array import array
from bisect import bisect_left, bisect_right, insort
from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast

from optuna.pruners import HyperbandPruner, SuccessiveHalvingPruner
from optuna.pruners._successive_halving import (
    _completed_rung_key,
    _estimate_min_resource,
    _get_current_rung,
)
from optuna.study import StudyDirection

from hptui.engine.sampling.proven import warn_of_stock
from hptui.engine.sampling.reader import Follower

if TYPE_CHECKING:
    from collections.abc import Callable

    import optuna
    from optuna.trial import FrozenTrial

_RUNG_PREFIX: Final = "completed_rung_"


class UnforeseenError(Exception):
    """A history that only Optuna's own code is to judge."""


def _only_bracket(_trial: FrozenTrial) -> int:
    return 0


def _completed(
    trial: FrozenTrial, bracket_of: Callable[[FrozenTrial], int]
) -> list[tuple[tuple[int, str], float]]:
    found = [item for item in trial.system_attrs.items() if item[0].startswith(_RUNG_PREFIX)]
    if not found:
        return []
    bracket = bracket_of(trial)
    for key, value in found:
        if not _is_exact(value):
            raise UnforeseenError(f"Trial {trial.number} has no number as {key}.")
    return [((bracket, key), value) for key, value in found]


def _is_exact(value: object) -> bool:
    """Say whether a value is a number that a float holds."""
    try:
        return type(value) in (int, float) and float(cast("float", value)) == value
    except OverflowError:
        return False


class Rungs:
    """The values with which trials completed rungs, by bracket and rung.

    A running trial may still complete more, so that its values are looked at each time.
    """

    def __init__(self) -> None:
        self._follower = Follower()
        # No lists: the search for garbage would go through the numbers again and again.
        self._ended: dict[tuple[int, str], array[float]] = {}
        self._open: dict[tuple[int, str], list[float]] = {}

    def update(self, study: optuna.Study, bracket_of: Callable[[FrozenTrial], int]) -> None:
        """Take in the trials of the study.

        Raises:
            UnforeseenError: A value at a rung is not a number.
        """
        ended, unfinished, is_other = self._follower.look(study)
        if is_other:
            self._ended = {}
        for trial in ended:
            for key, value in _completed(trial, bracket_of):
                insort(self._ended.setdefault(key, array("d")), value)
        self._open = {}
        for trial in unfinished:
            for key, value in _completed(trial, bracket_of):
                self._open.setdefault(key, []).append(value)

    def count(self, bracket: int, rung: int) -> int:
        """Return how many trials have completed a rung."""
        key = (bracket, _completed_rung_key(rung))
        return len(self._ended.get(key, ())) + len(self._open.get(key, ()))

    def n_better(self, bracket: int, rung: int, value: float, direction: StudyDirection) -> int:
        """Return how many of these are better than a value; equal ones are not."""
        key = (bracket, _completed_rung_key(rung))
        ended, running = self._ended.get(key, ()), self._open.get(key, ())
        if direction is StudyDirection.MAXIMIZE:
            return len(ended) - bisect_right(ended, value) + sum(each > value for each in running)
        return bisect_left(ended, value) + sum(each < value for each in running)

    def best(self, bracket: int, rung: int, direction: StudyDirection) -> float | None:
        """Return the best value at a rung, None where there is none."""
        key = (bracket, _completed_rung_key(rung))
        ended = self._ended.get(key, ())
        found = [*ended[:1], *ended[-1:], *self._open.get(key, ())]
        return (max if direction is StudyDirection.MAXIMIZE else min)(found, default=None)


class QuickSuccessiveHalvingPruner(SuccessiveHalvingPruner):
    """Decides and stores what `SuccessiveHalvingPruner` does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(*args, **kwargs)
        self.rungs: Rungs | None = Rungs()
        """As the last `prune` found them; None when Optuna's own code decides."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Say whether a trial is not promoted at a rung."""
        if self.rungs is not None:
            try:
                return _falls_behind(self, study, trial, self.rungs, _only_bracket)
            except UnforeseenError as error:
                self.rungs = None
                warn_of_stock("Successive halving", error)
        return super().prune(study, trial)


class QuickHyperbandPruner(HyperbandPruner):
    """Decides and stores what `HyperbandPruner` does."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - Optuna's own
        super().__init__(*args, **kwargs)
        self.rungs: Rungs | None = Rungs()
        """As the last `prune` found them; None when Optuna's own code decides."""

    def prune(self, study: optuna.Study, trial: FrozenTrial) -> bool:
        """Say whether a trial is not promoted at a rung of its bracket."""
        if not self._pruners:
            self._try_initialization(study)
            if not self._pruners:
                return False
        if self.rungs is not None:
            bracket_of = partial(self._get_bracket_id, study)
            halving = self._pruners[bracket_of(trial)]
            try:
                return _falls_behind(halving, study, trial, self.rungs, bracket_of)
            except UnforeseenError as error:
                self.rungs = None
                warn_of_stock("Hyperband", error)
        return super().prune(study, trial)


def _falls_behind(
    pruner: SuccessiveHalvingPruner,
    study: optuna.Study,
    trial: FrozenTrial,
    rungs: Rungs,
    bracket_of: Callable[[FrozenTrial], int],
) -> bool:
    """Decide what `pruner.prune` decides, and store what it stores.

    Raises:
        UnforeseenError: Only Optuna can decide; nothing has been stored.
    """
    step = trial.last_step
    if step is None:
        return False
    rung = _get_current_rung(trial)
    value = trial.intermediate_values[step]
    bracket: int | None = None
    while True:
        if pruner._min_resource is None:
            pruner._min_resource = _estimate_min_resource(study.get_trials(deepcopy=False))
            if pruner._min_resource is None:
                return False
        stage = pruner._min_early_stopping_rate + rung
        if step < pruner._min_resource * pruner._reduction_factor**stage:
            return False
        if math.isnan(value):
            return True
        if bracket is None:
            bracket = bracket_of(trial)
            rungs.update(study, bracket_of)
        key = _completed_rung_key(rung)
        study._storage.set_trial_system_attr(trial._trial_id, key, value)
        # The trial itself is one of those that compete.
        n_competing = rungs.count(bracket, rung) + 1
        if n_competing <= pruner._bootstrap_count:
            return True
        n_promoted = max(1, n_competing // pruner._reduction_factor)
        if rungs.n_better(bracket, rung, value, study.direction) >= n_promoted:
            return True
        rung += 1

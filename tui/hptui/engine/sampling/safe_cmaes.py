"""CMA-ES that believes no stored state, and that learns from carried history."""

# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
from __future__ import annotations

import copy
import math
import warnings
from typing import TYPE_CHECKING, Any, cast

from optuna.samplers import CmaEsSampler
from optuna.study._study_direction import StudyDirection

from hptui.domain.texts.text import safe_line
from hptui.engine.sampling.cmaes_state import StateError, read_optimizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna._transform import _SearchSpaceTransform
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_LEAST_SOURCES = 10
"""The warm start learns from the best tenth of the trials."""
_MAX_GENERATION = 1_000_000
_MOST_SOURCES = 1_000
"""More would cost time at each trial of the first generation and change little."""


class SafeCmaEsSampler(CmaEsSampler):
    """Optuna's CMA-ES; its state is read as numbers (`cmaes_state`) instead of unpickled.

    Where a study is seen through an edited space, the optimizer starts anew from the trials that
    the view carries over, by Optuna's own warm start (`source_trials`, Nomura et al. 2021); with
    too few of them, or a diagonal covariance, it starts as in a new study. So it does from all
    trials of the study where the stored state cannot be used.
    """

    _transferred: Callable[[], Sequence[FrozenTrial]] | None = None
    _distrusted: tuple[int, int] | None = None
    """The trial whose state is not used, and the generation that began instead."""
    _instead: Sequence[FrozenTrial] = ()
    _restored: tuple[dict[str, str], Any] | None = None
    """The attributes that were last read, and the optimizer that they describe."""

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Sample as Optuna does, with what the view carries over at hand."""
        self._transferred = getattr(study._storage, "carried_trials", None)
        self._instead = ()
        return super().sample_relative(study, trial, search_space)

    def _init_optimizer(self, trans: _SearchSpaceTransform, direction: StudyDirection) -> Any:  # noqa: ANN401
        carried = (
            self._instead if self._transferred is None else (*self._transferred(), *self._instead)
        )
        if self._use_separable_cma:
            carried = ()
        sources = _sources(carried, trans._search_space, direction)
        given = self._source_trials
        if len(sources) >= _LEAST_SOURCES:
            self._source_trials = sources
        try:
            optimizer: Any = super()._init_optimizer(trans, direction)
        finally:
            self._source_trials = given
        if self._instead and self._distrusted is not None:
            # Trials that the other one had asked for are not its own.
            getattr(optimizer, "_cma", optimizer)._g = self._distrusted[1]
        return optimizer

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:  # noqa: ANN401
        for trial in reversed(completed_trials):
            attrs = {
                key: value
                for key, value in trial.system_attrs.items()
                if key.startswith(self._attr_key_optimizer)
            }
            if not attrs:
                continue
            try:
                return self._optimizer_of(attrs)
            except (KeyError, TypeError, StateError) as error:
                self._distrust(trial, completed_trials, error)
                return None
        return None

    def _optimizer_of(self, attrs: dict[str, str]) -> Any:  # noqa: ANN401 - cmaes is untyped
        """Return the optimizer of a trial's attributes, which are those of many trials to come."""
        if self._restored is None or self._restored[0] != attrs:
            self._restored = attrs, read_optimizer(self._concat_optimizer_attrs(attrs))
        # Asking changes it.
        return copy.deepcopy(self._restored[1])

    def _distrust(
        self, trial: FrozenTrial, completed_trials: list[FrozenTrial], error: Exception
    ) -> None:
        self._instead = completed_trials
        if self._distrusted is not None and self._distrusted[0] == trial.number:
            return
        found = [each.system_attrs.get(self._attr_key_generation) for each in completed_trials]
        known = [each for each in found if type(each) is int and 0 <= each < _MAX_GENERATION]
        self._distrusted = trial.number, max(known, default=0) + 1
        warnings.warn(
            f"The CMA-ES state in trial {trial.number} is not used, since it is damaged or from "
            f"elsewhere ({safe_line(error)}). The sampler starts over from the study's trials.",
            stacklevel=2,
        )

    def _get_solution_trials(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        found = self._of_generation(trials, generation)
        if not self._with_margin:
            return found
        return [each for each in found if _is_point(each.system_attrs.get("x_for_tell"))]

    def _of_generation(self, trials: list[FrozenTrial], generation: int) -> list[FrozenTrial]:
        """Return the complete trials that a generation asked for, in order."""
        return super()._get_solution_trials(trials, generation)


def _is_point(values: object) -> bool:
    numbers = cast("list[object]", values) if isinstance(values, list) else []
    return bool(numbers) and all(type(each) is float and math.isfinite(each) for each in numbers)


def _sources(
    carried: Sequence[FrozenTrial],
    space: dict[str, BaseDistribution],
    direction: StudyDirection,
) -> list[FrozenTrial]:
    """Return the best trials that have a value for all of `space`, cut down to it."""
    whole = [trial for trial in carried if space.keys() <= trial.params.keys()]
    if len(whole) > _MOST_SOURCES:
        maximize = direction is StudyDirection.MAXIMIZE
        whole.sort(key=lambda trial: cast("float", trial.value), reverse=maximize)
    sources: list[FrozenTrial] = []
    for trial in whole[:_MOST_SOURCES]:
        source = copy.copy(trial)
        source.distributions = space
        sources.append(source)
    return sources

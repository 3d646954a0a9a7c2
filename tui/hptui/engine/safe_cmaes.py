"""CMA-ES whose stored state cannot run code, and which learns from carried history."""

# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
from __future__ import annotations

import copy
import io
import pickle
from typing import TYPE_CHECKING, Any, cast

from optuna.samplers import CmaEsSampler
from optuna.study._study_direction import StudyDirection

from hptui.errors import StudyFileError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import optuna
    from optuna._transform import _SearchSpaceTransform
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

_LEAST_SOURCES = 10
"""The warm start learns from the best tenth of the trials."""
_MOST_SOURCES = 1_000
"""More would cost time at each trial of the first generation and change little."""
_CLASSES = {
    ("cmaes._cma", "CMA"),
    ("cmaes._sepcma", "SepCMA"),
    ("cmaes._cmawm", "CMAwM"),
}
# All that a pickled optimizer of cmaes 0.10 to 0.13 refers to, under NumPy 1 and 2.
_ALLOWED = _CLASSES | {
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("numpy._core.numeric", "_frombuffer"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy.core.numeric", "_frombuffer"),
}


class _Unpickler(pickle.Unpickler):
    """Reads an optimizer; every other class or function is refused before it is imported."""

    def find_class(self, module_name: str, global_name: str, /) -> Any:  # noqa: ANN401 - as in pickle
        if (module_name, global_name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"{module_name}.{global_name} does not belong there")
        return super().find_class(module_name, global_name)


def load_optimizer(state: str) -> Any:  # noqa: ANN401 - cmaes is optional
    """Return the CMA-ES optimizer that `state`, hexadecimal text from a trial, holds.

    Raises:
        StudyFileError: `state` is damaged, or holds anything but such an optimizer.
    """
    try:
        optimizer = _Unpickler(io.BytesIO(bytes.fromhex(state))).load()
        if (type(optimizer).__module__, type(optimizer).__name__) not in _CLASSES:
            raise pickle.UnpicklingError(f"a {type(optimizer).__name__} does not belong there")
    except Exception as error:
        # Damaged bytes may make `pickle` and the classes raise anything.
        raise StudyFileError(
            f"The CMA-ES state in this study cannot be trusted: {error}.",
            hint="The study is from elsewhere or damaged. Use another sampler (--sampler tpe), "
            "or carry its trials into a new study.",
        ) from error
    return optimizer


class SafeCmaEsSampler(CmaEsSampler):
    """Optuna's CMA-ES; its state is read with an allow-list instead of `pickle.loads`.

    Where a study is seen through an edited space, the optimizer starts anew from the trials that
    the view carries over, by Optuna's own warm start (`source_trials`, Nomura et al. 2021); with
    too few of them, or a diagonal covariance, it starts as in a new study.
    """

    _carried: Callable[[], Sequence[FrozenTrial]] | None = None

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Sample as Optuna does, with what the view carries over at hand."""
        self._carried = getattr(study._storage, "carried_trials", None)
        return super().sample_relative(study, trial, search_space)

    def _init_optimizer(self, trans: _SearchSpaceTransform, direction: StudyDirection) -> Any:  # noqa: ANN401
        carried = () if self._carried is None or self._use_separable_cma else self._carried()
        sources = _sources(carried, trans._search_space, direction)
        given = self._source_trials
        if len(sources) >= _LEAST_SOURCES:
            self._source_trials = sources
        try:
            return super()._init_optimizer(trans, direction)
        finally:
            self._source_trials = given

    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:  # noqa: ANN401
        for trial in reversed(completed_trials):
            attrs = {
                key: value
                for key, value in trial.system_attrs.items()
                if key.startswith(self._attr_key_optimizer)
            }
            if attrs:
                try:
                    state = self._concat_optimizer_attrs(attrs)
                except (KeyError, TypeError) as error:
                    raise StudyFileError(
                        f"The CMA-ES state in trial {trial.number} is incomplete.",
                        hint="Use another sampler (--sampler tpe), or carry the trials into a "
                        "new study.",
                    ) from error
                return load_optimizer(state)
        return None


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

"""The trial that an objective sees while it is probed: it records and soon ends."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import copy
import datetime
import math
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    check_distribution_compatibility,
    distribution_to_json,
)
from optuna.study import StudyDirection
from optuna.trial import TrialState, create_trial

from hptui.domain.spaces.space import ChoiceParam, ParamSpec, spec_from_json
from hptui.registry.probing.observed import Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

    from hptui.domain.objective import Direction

MAX_PARAMETERS = 5_000
"""A trial that suggests more is ended: it would go on for ever."""


class ProbeEnded(BaseException):
    """Raised inside an objective from which nothing more is wanted; not an `Exception`."""


class ProbeTrial(optuna.Trial):
    """An `optuna.Trial` whose values are chosen to see the whole search space.

    Its study is one in memory, made when the objective asks for it, in which the trial runs.

    Args:
        number: Its number, from 0.
        directions: Of the study that the objective may look at.
        choose: Returns the value for a parameter; of a choice, its index.
        on_suggestion: Told of each parameter when it is first suggested.
        on_report: Told of the first `report` or `should_prune`, which ends the trial.
    """

    def __init__(
        self,
        number: int,
        directions: Sequence[Direction],
        *,
        choose: Callable[[str, ParamSpec], float],
        on_suggestion: Callable[[Suggestion], None],
        on_report: Callable[[], None],
    ) -> None:
        # Optuna's own would ask a sampler.
        self._number = number
        self._directions = [StudyDirection[each.upper()] for each in directions]
        self._choose = choose
        self._on_suggestion = on_suggestion
        self._on_report = on_report
        self._study: optuna.Study | None = None
        self._id_in_study = -1
        self._params: dict[str, Any] = {}
        self._distributions: dict[str, BaseDistribution] = {}
        self._user_attrs: dict[str, Any] = {}
        self._constraints: dict[str, float] = {}

    def suggest_float(
        self,
        name: str,
        low: float,
        high: float,
        *,
        step: float | None = None,
        log: bool = False,
    ) -> float:
        """Suggest a float, see `optuna.Trial.suggest_float`."""
        return float(self._suggest(name, FloatDistribution(low, high, log=log, step=step)))

    def suggest_int(
        self, name: str, low: int, high: int, *, step: int = 1, log: bool = False
    ) -> int:
        """Suggest an integer, see `optuna.Trial.suggest_int`."""
        return int(self._suggest(name, IntDistribution(low, high, log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:  # noqa: ANN401
        """Suggest one of `choices`, see `optuna.Trial.suggest_categorical`."""
        return self._suggest(name, CategoricalDistribution(choices))

    # Without the warnings that Optuna's own give, which are for the run's trials.

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Suggest a float; deprecated in Optuna, use `suggest_float`."""
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Suggest a float on a log scale; deprecated in Optuna, use `suggest_float`."""
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Suggest a stepped float; deprecated in Optuna, use `suggest_float`."""
        return self.suggest_float(name, low, high, step=q)

    def _suggest(self, name: str, distribution: BaseDistribution) -> Any:  # noqa: ANN401
        if name in self._distributions:
            # As in Optuna: within a trial the first suggestion of a name stays.
            check_distribution_compatibility(self._distributions[name], distribution)
            return self._params[name]
        if len(self._params) >= MAX_PARAMETERS:
            raise ProbeEnded
        spec = spec_of(distribution)
        chosen = self._choose(name, spec)
        is_choice = isinstance(distribution, CategoricalDistribution)
        self._params[name] = distribution.choices[int(chosen)] if is_choice else chosen
        self._distributions[name] = distribution
        if self._study is not None:
            self._store(self._study, name)
        self._on_suggestion(Suggestion(name, spec, chosen))
        return self._params[name]

    def report(self, value: float, step: int) -> None:  # noqa: ARG002 - nothing is kept
        """End the trial: parameters are suggested before training begins."""
        self._on_report()
        raise ProbeEnded

    def should_prune(self) -> bool:
        """End the trial, as `report` does."""
        self._on_report()
        raise ProbeEnded

    def set_user_attr(self, key: str, value: Any) -> None:  # noqa: ANN401 - as Optuna's
        """Set an attribute that nobody keeps."""
        self._user_attrs[key] = value
        if self._study is not None:
            self.storage.set_trial_user_attr(self._trial_id, key, value)

    def set_constraint(self, key: str, value: float) -> None:
        """Check and forget a constraint, see `optuna.Trial.set_constraint`."""
        if math.isnan(float(value)):
            raise ValueError(f"Attempted to set a constraint for {key!r}, but NaN is not allowed.")
        self._constraints.setdefault(key, float(value))

    @property
    def study(self) -> optuna.Study:  # pyright: ignore[reportIncompatibleVariableOverride]
        """A study in memory with the objective's directions, in which this trial runs."""
        if self._study is None:
            self._study = self._begin_study()
        return self._study

    def _begin_study(self) -> optuna.Study:
        study = optuna.create_study(directions=self._directions)
        # So that the trial has its number there.
        study.add_trials([create_trial(state=TrialState.FAIL)] * self._number)
        self._id_in_study = study.ask()._trial_id
        study._thread_local.in_optimize_loop = True
        for name in self._params:
            self._store(study, name)
        for key, value in self._user_attrs.items():
            study._storage.set_trial_user_attr(self._id_in_study, key, value)
        return study

    def _store(self, study: optuna.Study, name: str) -> None:
        asked = self._distributions[name]
        stored = asked.to_internal_repr(self._params[name])
        study._storage.set_trial_param(self._id_in_study, name, stored, asked)

    @property
    def storage(self) -> BaseStorage:  # pyright: ignore[reportIncompatibleVariableOverride]
        """The storage of `study`."""
        return self.study._storage

    @property
    def _trial_id(self) -> int:  # pyright: ignore[reportIncompatibleVariableOverride]
        if self._study is None:
            self._study = self._begin_study()
        return self._id_in_study

    @property
    def _cached_frozen_trial(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> FrozenTrial:
        return self.storage.get_trial(self._trial_id)

    @property
    def _fixed_params(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        return {}

    @property
    def relative_params(self) -> dict[str, Any]:
        """Nothing: no sampler has been asked."""
        return {}

    @property
    def relative_search_space(  # pyright: ignore[reportIncompatibleVariableOverride]
        self,
    ) -> dict[str, BaseDistribution]:
        """Nothing, as `relative_params`."""
        return {}

    @property
    def params(self) -> dict[str, Any]:
        """The parameters suggested so far."""
        return copy.deepcopy(self._params)

    @property
    def distributions(self) -> dict[str, BaseDistribution]:
        return copy.deepcopy(self._distributions)

    @property
    def user_attrs(self) -> dict[str, Any]:
        """The attributes set so far."""
        return copy.deepcopy(self._user_attrs)

    @property
    def constraints(self) -> dict[str, float]:
        """The constraints set so far."""
        return dict(self._constraints)

    @property
    def number(self) -> int:
        """The number of the probe trial."""
        return self._number

    @property
    def datetime_start(self) -> datetime.datetime | None:
        """Now, local time."""
        return datetime.datetime.now()


def spec_of(distribution: BaseDistribution) -> ParamSpec:
    """Return an Optuna distribution as hptui's; choices as they are stored."""
    if isinstance(distribution, CategoricalDistribution):
        return ChoiceParam(distribution.choices)
    return spec_from_json(distribution_to_json(distribution))

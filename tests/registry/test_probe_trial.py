"""The probe's trial has what objectives use of Optuna's, and says no in the same places."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math

import optuna
import pytest

from hptui.domain.spaces.space import ChoiceParam, ParamSpec
from hptui.registry.probing.observed import Suggestion
from hptui.registry.probing.probe_trial import ProbeEnded, ProbeTrial


class Told:
    def __init__(self) -> None:
        self.suggestions: list[Suggestion] = []
        self.reports = 0
        self.trial = ProbeTrial(
            3,
            ["maximize"],
            choose=self._choose,
            on_suggestion=self.suggestions.append,
            on_report=self._report,
        )

    def _choose(self, name: str, spec: ParamSpec) -> float:
        return 1 if isinstance(spec, ChoiceParam) else spec.high

    def _report(self) -> None:
        self.reports += 1


def test_it_is_a_trial_that_runs_in_a_study() -> None:
    trial = Told().trial
    assert isinstance(trial, optuna.Trial)
    x = trial.suggest_float("x", 0, 1)
    trial.set_user_attr("before", 1)
    running = trial.study.trials[-1]
    assert (running.number, running.params, running.user_attrs) == (3, {"x": x}, {"before": 1})
    assert running.state is optuna.trial.TrialState.RUNNING
    kind = trial.suggest_categorical("kind", ["a", "b"])
    trial.set_user_attr("after", 2)
    trial.storage.set_trial_system_attr(trial._trial_id, "own", "attribute")
    running = trial.study.get_trials(deepcopy=False)[-1]
    assert running.params == {"x": x, "kind": kind} == trial.params
    assert running.user_attrs == {"before": 1, "after": 2}
    assert running.system_attrs == {"own": "attribute"} == trial._cached_frozen_trial.system_attrs
    assert trial.relative_params == trial.relative_search_space == {}
    assert trial._suggest("x", optuna.distributions.FloatDistribution(0, 1)) == x
    trial.study.enqueue_trial({"x": 0.5})
    trial.study.stop()


def test_a_parameter_is_told_once_with_its_value_and_space() -> None:
    told = Told()
    kind = object()
    for _ in range(3):
        with pytest.warns(UserWarning, match="Choices"):
            assert told.trial.suggest_categorical("kind", ["a", kind]) is kind
    assert [each.name for each in told.suggestions] == ["kind"]
    assert told.suggestions[0].value == 1
    assert Suggestion.from_json(told.suggestions[0].to_json()) == told.suggestions[0]


def test_reporting_ends_it_past_except_exception() -> None:
    told = Told()
    assert not issubclass(ProbeEnded, Exception)
    with pytest.raises(ProbeEnded):
        told.trial.report(1.0, 0)
    with pytest.raises(ProbeEnded):
        told.trial.should_prune()
    assert told.reports == 2


def test_constraints_are_checked_as_optuna_checks_them() -> None:
    told = Told()
    with pytest.raises(ValueError, match="NaN"):
        told.trial.set_constraint("size", math.nan)
    told.trial.set_constraint("size", 1)
    assert told.trial.constraints == {"size": 1.0}
    assert told.trial.number == 3
    assert told.trial.study.direction.name == "MAXIMIZE"

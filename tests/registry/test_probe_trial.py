"""The probe's trial has what objectives use of Optuna's, and says no in the same places."""

from __future__ import annotations

import math

import optuna
import pytest

from hptui.domain.space import ChoiceParam, ParamSpec
from hptui.registry.observed import Suggestion
from hptui.registry.probe_trial import ProbeEnded, ProbeTrial

INTERNAL = {"relative_params", "storage", "relative_search_space"}
"""What Optuna's own samplers use of a trial, never an objective."""


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


def test_it_offers_all_that_a_trial_offers() -> None:
    offered = {name for name in dir(optuna.Trial) if not name.startswith("_")} - INTERNAL
    assert offered <= set(dir(ProbeTrial))


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

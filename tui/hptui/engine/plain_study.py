"""Trials of a study file as a study of Optuna's own, in memory: for what Optuna computes of it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from optuna.distributions import CategoricalDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hptui.analysis.arrays import TrialArrays, complete_rows
from hptui.domain.space import ChoiceParam
from hptui.domain.trial_states import COMPLETE
from hptui.engine.given_trials import study_holding
from hptui.storage.constraints import PREFIX
from hptui.storage.distributions import to_optuna

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from optuna import Study
    from optuna.distributions import BaseDistribution

    from hptui.analysis.arrays import IntArray, ParamArrays
    from hptui.domain.space import ParamSpec
    from hptui.storage.study_reports import StudyReports

Spell = Callable[[str], str]
_FEASIBLE: Final = f"{PREFIX}feasible"
_ABSENT: Final = -1


class GivenTrials(TrialArrays, Protocol):
    """All or some of the trials of a study in a file."""

    @property
    def trial_ids(self) -> IntArray:
        """Ids in the file, ascending."""
        ...


def plain_study(
    name: str,
    trials: GivenTrials,
    *,
    metric_names: Sequence[str] = (),
    reports: StudyReports | None = None,
    spell: Spell = str,
) -> Study:
    """Return the trials as a study that can be read, and not changed.

    Trials keep their numbers. Those that are damaged, or complete without all their values, are
    left out, as parameters whose space was not kept. Where a trial breaks a constraint, each of
    them has one that says whether it is feasible. Attributes are left out.

    Args:
        name: What the study is called.
        trials: All or some of the trials of a study.
        metric_names: A name for each objective, or none at all.
        reports: What the trials reported.
        spell: How names of parameters and choices that are texts are to be written; it must keep
            different ones apart.
    """
    frozen = _frozen(trials, reports, spell)
    return study_holding(frozen, trials.directions, name, metric_names)


def _frozen(trials: GivenTrials, reports: StudyReports | None, spell: Spell) -> list[FrozenTrial]:
    is_known = (trials.states >= 0) & (trials.states != COMPLETE) & (trials.numbers >= 0)
    is_known[complete_rows(trials)] = True
    violations = np.where(trials.is_feasible, 0.0, 1.0)
    is_constrained = bool(violations.any())
    rows = np.flatnonzero(is_known)
    rows = rows[np.argsort(trials.numbers[rows], kind="stable")]
    params: list[dict[str, object]] = [{} for _ in range(len(trials.numbers))]
    distributions: list[dict[str, BaseDistribution]] = [{} for _ in range(len(trials.numbers))]
    for param in trials.params.values():
        _add_param(param, params, distributions, spell)
    reported = _reported(trials, reports)
    numbered: list[int] = rows.tolist()
    numbers: list[int] = trials.numbers[rows].tolist()
    states: list[int] = trials.states[rows].tolist()
    values: list[list[float]] = trials.values[rows].tolist()
    starts_s: list[float] = trials.starts_s[rows].tolist()
    completes_s: list[float] = trials.completes_s[rows].tolist()
    broken: list[float] = violations[rows].tolist()
    return [
        FrozenTrial(
            number=numbers[at],
            state=TrialState(states[at]),
            value=None,
            values=None if any(map(math.isnan, values[at])) else values[at],
            datetime_start=_moment(starts_s[at]),
            datetime_complete=_moment(completes_s[at]),
            params=params[row],
            distributions=distributions[row],
            user_attrs={},
            system_attrs={_FEASIBLE: broken[at]} if is_constrained else {},
            intermediate_values=reported.get(row, {}),
            trial_id=numbers[at],
        )
        for at, row in enumerate(numbered)
    ]


def _add_param(
    param: ParamArrays,
    params: list[dict[str, object]],
    distributions: list[dict[str, BaseDistribution]],
    spell: Spell,
) -> None:
    name = spell(param.name)
    found = [_distribution(spec, spell) for spec in param.specs]
    rows = np.flatnonzero(param.spec_indices[: len(params)] > _ABSENT)
    for index, distribution in enumerate(found):
        of_spec = rows[param.spec_indices[rows] == index]
        values = _values(distribution, param.values[of_spec].tolist())
        for row, value in zip(of_spec.tolist(), values, strict=True):
            params[row][name] = value
            distributions[row][name] = distribution


def _values(distribution: BaseDistribution, numbers: list[float]) -> Iterable[object]:
    """Return what objectives received for numbers as stored."""
    if isinstance(distribution, CategoricalDistribution):
        return [distribution.choices[int(number)] for number in numbers]
    return map(int, numbers) if isinstance(distribution, IntDistribution) else numbers


def _distribution(spec: ParamSpec, spell: Spell) -> BaseDistribution:
    if isinstance(spec, ChoiceParam):
        choices = (spell(each) if isinstance(each, str) else each for each in spec.choices)
        spec = replace(spec, choices=tuple(choices))
    with warnings.catch_warnings():
        # What is stored is no mistake of the person who reads it.
        warnings.simplefilter("ignore")
        return to_optuna(spec)


def _reported(trials: GivenTrials, reports: StudyReports | None) -> dict[int, dict[int, float]]:
    """Return what trials reported, by their row."""
    if reports is None:
        return {}
    is_known = np.isin(reports.trial_ids, trials.trial_ids)
    rows = np.searchsorted(trials.trial_ids, reports.trial_ids[is_known]).tolist()
    reported: dict[int, dict[int, float]] = {}
    steps, values = reports.steps[is_known].tolist(), reports.values[is_known].tolist()
    for row, step, value in zip(rows, steps, values, strict=True):
        reported.setdefault(row, {})[step] = value
    return reported


def _moment(at_s: float) -> datetime | None:
    """Return a time as Optuna has it: local, without saying so."""
    return None if math.isnan(at_s) else datetime.fromtimestamp(at_s)

"""Trials of a study file as a study of Optuna's own, in memory: for what Optuna computes of it."""

from __future__ import annotations

import math
from datetime import datetime
from typing import TYPE_CHECKING, Final

import numpy as np
from optuna.trial import TrialState

from hptui.domain.trial_states import COMPLETE, STALE
from hptui.engine.sampling.frozen_trials import frozen_trials
from hptui.engine.sampling.read_only_storage import study_holding
from hptui.storage.read.constraints import PREFIX
from hptui.trials import Trials, complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna import Study
    from optuna.trial import FrozenTrial

    from hptui.engine.sampling.frozen_trials import Spell
    from hptui.storage.read.study_reports import StudyReports

_FEASIBLE: Final = f"{PREFIX}feasible"
_STATES: Final = {state.value: state for state in TrialState} | {STALE: TrialState.RUNNING}


def to_optuna_study(
    name: str,
    trials: Trials,
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


def _frozen(trials: Trials, reports: StudyReports | None, spell: Spell) -> list[FrozenTrial]:
    is_known = (trials.states >= 0) & (trials.states != COMPLETE) & (trials.numbers >= 0)
    is_known[complete_rows(trials)] = True
    violations = np.where(trials.is_feasible, 0.0, 1.0)
    is_constrained = bool(violations.any())
    rows = np.flatnonzero(is_known)
    rows = rows[np.argsort(trials.numbers[rows], kind="stable")]
    reported = _reported(trials, reports)
    numbered: list[int] = rows.tolist()
    numbers: list[int] = trials.numbers[rows].tolist()
    states: list[int] = trials.states[rows].tolist()
    values: list[list[float]] = trials.values[rows].tolist()
    starts_s: list[float] = trials.starts_s[rows].tolist()
    completes_s: list[float] = trials.completes_s[rows].tolist()
    broken: list[float] = violations[rows].tolist()
    heads = (
        (
            numbers[at],
            _STATES[states[at]],
            None if any(map(math.isnan, values[at])) else values[at],
            _moment(starts_s[at]),
            _moment(completes_s[at]),
            {_FEASIBLE: broken[at]} if is_constrained else {},
            reported.get(row, {}),
        )
        for at, row in enumerate(numbered)
    )
    return frozen_trials(heads, list(trials.params.values()), rows, spell)


def _reported(trials: Trials, reports: StudyReports | None) -> dict[int, dict[int, float]]:
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

"""Why a trial was pruned: the step, the value, and what the pruner compared it with."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Protocol

from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    PatientPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
    ThresholdPruner,
)
from optuna.pruners._percentile import _get_percentile_intermediate_result_over_trials
from optuna.pruners._successive_halving import _completed_rung_key, _get_current_rung
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.texts.readable import plural
from hptui.engine.pruning.halving import QuickHyperbandPruner, QuickSuccessiveHalvingPruner
from hptui.engine.pruning.percentile import QuickPercentilePruner
from hptui.engine.sampling.own import OwnPruner

if TYPE_CHECKING:
    import optuna


class _Reported(Protocol):
    @property
    def last_step(self) -> int | None:
        """The step of the newest report, None before the first."""
        ...

    @property
    def last_value(self) -> float | None:
        """The value of that report."""
        ...


@dataclass(frozen=True, slots=True)
class PruneReason:
    """Why a trial was pruned; stored with it as `hptui:pruned`."""

    step: int | None
    value: float | None
    by: str
    """The pruner's name, or `objective` when the objective decided by itself."""
    threshold: float | None
    """What the value was compared with, where that can be told."""
    text: str

    def to_json(self) -> dict[str, Any]:
        """Return the reason as plain data."""
        return asdict(self)

    @classmethod
    def by_objective(cls, live: _Reported, message: str) -> PruneReason:
        """Return the reason of an objective that pruned without its pruner's advice."""
        text = message or "The objective itself pruned the trial."
        return cls(live.last_step, live.last_value, "objective", None, text)


def why_pruned(study: optuna.Study, trial: FrozenTrial) -> PruneReason:
    """Return why the study's pruner prunes `trial`, computed as the pruner computes it."""
    step = trial.last_step
    value = None if step is None else trial.intermediate_values[step]
    pruner = study.pruner
    name = str(pruner) if isinstance(pruner, OwnPruner) else _plain_name(pruner)
    shown = "nothing reported" if value is None else f"{value:.4g}"
    threshold, against = _compared_with(study, trial, pruner)
    text = f"Pruned at step {step}: {shown}" if step is not None else f"Pruned: {shown}"
    text += f", {against}." if against else f", by the {name} pruner."
    return PruneReason(step, value, name, threshold, text)


def _plain_name(pruner: BasePruner) -> str:
    return type(pruner).__name__.removeprefix("Quick").removesuffix("Pruner").lower()


def _compared_with(
    study: optuna.Study, trial: FrozenTrial, pruner: BasePruner
) -> tuple[float | None, str]:
    step = trial.last_step
    if step is None:
        return None, ""
    if math.isnan(trial.intermediate_values[step]):
        return None, "which is not a number"
    if isinstance(pruner, PatientPruner):
        if pruner._wrapped_pruner is None:
            return None, f"no improvement for more than {plural(pruner._patience, 'step')}"
        threshold, against = _compared_with(study, trial, pruner._wrapped_pruner)
        patience = f"after {plural(pruner._patience, 'step')} without improvement"
        return threshold, f"{against}, {patience}" if against else patience
    if isinstance(pruner, PercentilePruner):
        return _percentile(study, trial, pruner, step)
    if isinstance(pruner, ThresholdPruner):
        return _threshold(trial.intermediate_values[step], pruner)
    if isinstance(pruner, HyperbandPruner):
        bracket = pruner._get_bracket_id(study, trial)
        threshold, against = _halving(study, trial, pruner, bracket)
        return threshold, f"{against}, bracket {bracket}" if against else f"bracket {bracket}"
    if isinstance(pruner, SuccessiveHalvingPruner):
        return _halving(study, trial, pruner, bracket=0)
    return None, ""


def _percentile(
    study: optuna.Study, trial: FrozenTrial, pruner: PercentilePruner, step: int
) -> tuple[float | None, str]:
    if isinstance(pruner, QuickPercentilePruner):
        threshold, n_counted = pruner.compared_with(study, step)
    else:
        completed = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        # The direction is taken into account there: the percentile is of the good end.
        threshold = _get_percentile_intermediate_result_over_trials(
            completed, study.direction, step, pruner._percentile, pruner._n_min_trials
        )
        n_counted = sum(step in each.intermediate_values for each in completed)
    if math.isnan(threshold):
        return None, ""
    best_of = "smallest" if study.direction is StudyDirection.MINIMIZE else "largest"
    values = [v for v in trial.intermediate_values.values() if not math.isnan(v)]
    seen = (min if study.direction is StudyDirection.MINIMIZE else max)(values)
    of = f"{best_of} so far {seen:.4g}, " if len(values) > 1 else ""
    middle = "median" if pruner._percentile == 50 else f"{pruner._percentile:g}th percentile"  # noqa: PLR2004
    return threshold, f"{of}{middle} of {plural(n_counted, 'trial')} {threshold:.4g}"


def _threshold(value: float, pruner: ThresholdPruner) -> tuple[float | None, str]:
    if value < pruner._lower:
        return pruner._lower, f"below the lower threshold {pruner._lower:.4g}"
    return pruner._upper, f"above the upper threshold {pruner._upper:.4g}"


def _halving(
    study: optuna.Study,
    trial: FrozenTrial,
    pruner: HyperbandPruner | SuccessiveHalvingPruner,
    bracket: int,
) -> tuple[float | None, str]:
    # The pruner has just written the trial's value for the rung it did not leave.
    rung = max(0, _get_current_rung(study._storage.get_trial(trial._trial_id)) - 1)
    is_quick = isinstance(pruner, (QuickHyperbandPruner, QuickSuccessiveHalvingPruner))
    if is_quick and pruner.rungs is not None:
        n_rivals = pruner.rungs.count(bracket, rung)
        best = pruner.rungs.best(bracket, rung, study.direction)
    else:
        n_rivals, best = _rivals(study, trial, pruner, bracket, rung)
    if best is None:
        return None, f"not promoted from rung {rung}"
    return best, f"not promoted from rung {rung}, best of {n_rivals} rivals {best:.4g}"


def _rivals(
    study: optuna.Study,
    trial: FrozenTrial,
    pruner: HyperbandPruner | SuccessiveHalvingPruner,
    bracket: int,
    rung: int,
) -> tuple[int, float | None]:
    """Return how many other trials of the bracket completed a rung, and their best value."""
    key = _completed_rung_key(rung)
    found = [
        each.system_attrs[key]
        for each in study.get_trials(deepcopy=False)
        if key in each.system_attrs
        and each.number != trial.number
        and (
            isinstance(pruner, SuccessiveHalvingPruner)
            or pruner._get_bracket_id(study, each) == bracket
        )
    ]
    is_down = study.direction is StudyDirection.MINIMIZE
    return len(found), (min if is_down else max)(found, default=None)

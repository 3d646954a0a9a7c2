"""Trials that a dead engine has left running."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any, cast

from optuna.trial import FrozenTrial, TrialState

from hptui.engine.outcome import TrialError
from hptui.engine.run import runs_of

if TYPE_CHECKING:
    import optuna


def leftover_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the RUNNING trials that runs of hptui on this machine have left.

    The caller holds the study's lease, so none of those runs is alive. Trials of plain Optuna
    programs and of other machines are not among them.
    """
    here = {run.get("id") for run in runs_of(study) if run.get("host") == socket.gethostname()}
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [trial for trial in running if trial.system_attrs.get("hptui:run") in here]


def treat_leftovers(study: optuna.Study, what: str) -> int:
    """Fail or requeue leftover trials; returns how many were left as they are."""
    left = leftover_trials(study)
    if what == "leave":
        return len(left)
    for trial in left:
        resolve_leftover(study, trial, requeue=what == "requeue")
    return 0


def resolve_leftover(study: optuna.Study, trial: FrozenTrial, *, requeue: bool) -> None:
    """Mark a leftover trial as failed, and with `requeue` enqueue its parameters again."""
    error = TrialError("died", "", "The engine that ran this trial ended before the trial did.")
    storage = study._storage
    if requeue:
        fixed = trial.system_attrs.get("fixed_params", {})
        study.enqueue_trial({**fixed, **trial.params})
    storage.set_trial_system_attr(trial._trial_id, "hptui:error", cast("Any", error.to_json()))
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)

"""Stale trials, and what becomes of them."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import optuna
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import TrialState

from hptui.domain.attribute_keys import ENQUEUED_KEY, ERROR_KEY, RUN_KEY
from hptui.domain.texts.readable import by_count, plural
from hptui.engine.recovery.lease import A_MOMENT_S, Lease, take_lease
from hptui.engine.run.open_run import runs_of
from hptui.engine.run.outcome import TrialError
from hptui.engine.workers.scratch import clear_scratch
from hptui.storage.files.stale_trials import runs_here
from hptui.storage.files.study_folder import require_no_link_in, scratch_path
from hptui.storage.files.validation import require_writable
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from optuna.trial import FrozenTrial


def stale_trials(study: optuna.Study) -> list[FrozenTrial]:
    """Return the RUNNING trials that runs of hptui on this machine have left.

    The caller holds the study's lease, so none of those runs is alive. Trials of plain Optuna
    programs and of other machines are not among them.
    """
    here = runs_here(runs_of(study))
    running = study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))
    return [trial for trial in running if trial.system_attrs.get(RUN_KEY) in here]


def treat_stale_trials(
    study: optuna.Study, folder: Path, what: str, left: Sequence[FrozenTrial] | None = None
) -> int:
    """Fail or requeue leftover trials; returns how many, or how many are left alone.

    Args:
        study: The study, whose lease the caller holds.
        folder: The study's folder, where its trials have their scratch folders.
        what: `fail`, `requeue` or `leave`.
        left: The trials; without them, those that are left on this machine.
    """
    left = stale_trials(study) if left is None else left
    if what == "leave":
        return len(left)
    n_settled = 0
    for trial in left:
        # A result that was kept elsewhere may have come back since the study was read.
        with contextlib.suppress(UpdateFinishedTrialError):
            _resolve(study, trial, requeue=what == "requeue")
            clear_scratch(scratch_path(folder, trial.number))
            n_settled += 1
    return n_settled


def settled_text(count: int, what: str) -> str:
    """Return what `treat_stale_trials` has done to so many trials."""
    trials = plural(count, "stale trial")
    whose, are = by_count(count, "its", "their"), by_count(count, "is", "are")
    again = f" and {whose} parameters enqueued again" if what == "requeue" else ""
    return f"{trials} ({whose} engine died) {are} marked as failed{again}."


def settle_stale_trials(study_file: Path, name: str, what: str) -> int:
    """Fail or requeue the leftover trials of a study that no engine runs; returns how many.

    Raises:
        StudyBusyError: An engine runs the study.
        StudyFileError: The file cannot be written.
    """
    require_writable(study_file)
    lease = Lease.of_this_process(name, "doctor", Path())
    hold = take_lease(study_file, lease, patience_s=A_MOMENT_S)
    try:
        require_no_link_in(hold.folder, inside=True)
        storage = SqliteStorage(study_file)
        try:
            study = optuna.Study(study_name=name, storage=storage)
            return treat_stale_trials(study, hold.folder, what)
        finally:
            storage.close()
    finally:
        hold.release()


def _resolve(study: optuna.Study, trial: FrozenTrial, *, requeue: bool) -> None:
    """Mark a leftover trial as failed, and with `requeue` enqueue its parameters again."""
    error = TrialError("died", "", "The engine that ran this trial ended before the trial did.")
    storage = study._storage
    storage.set_trial_system_attr(trial._trial_id, ERROR_KEY, cast("Any", error.to_json()))
    storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
    if requeue:
        # `retry` does it later, should this be as far as it comes.
        fixed = trial.system_attrs.get(ENQUEUED_KEY, {})
        study.enqueue_trial({**fixed, **trial.params})

"""Failed trials enqueued again with their parameters."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import optuna
from optuna.trial import TrialState

from hptui.engine.lease import Lease, release_lease, take_lease
from hptui.storage.failures import RETRY_KEY
from hptui.storage.gate import require_writable
from hptui.storage.sqlite import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Collection


def retry_trials(study: optuna.Study, numbers: Collection[int] | None) -> list[int]:
    """Enqueue failed trials again with their parameters, each of them once.

    Args:
        study: The study.
        numbers: Which ones; None for all that have failed.

    Returns:
        The numbers of the trials that have failed and are enqueued now.

    Raises:
        StudyBusyError: The file does not take a new trial now.
    """
    wanted = None if numbers is None else frozenset(numbers)
    trials = study.get_trials(deepcopy=False)
    retried = {trial.system_attrs.get(RETRY_KEY) for trial in trials}
    chosen = [
        trial
        for trial in trials
        if trial.state is TrialState.FAIL
        and trial.number not in retried
        and (wanted is None or trial.number in wanted)
    ]
    for trial in chosen:
        study._storage.create_new_trial(
            study._study_id,
            optuna.trial.create_trial(
                state=TrialState.WAITING,
                system_attrs={"fixed_params": trial.params, RETRY_KEY: trial.number},
                user_attrs=trial.user_attrs,
            ),
        )
    return [trial.number for trial in chosen]


def retry_at_rest(study_file: Path, name: str, numbers: Collection[int] | None) -> list[int]:
    """Enqueue failed trials of a study that no engine runs, for its next run.

    Returns:
        The numbers of the trials that have failed and are enqueued now.

    Raises:
        StudyBusyError: An engine runs the study, or the file does not take a new trial now.
        StudyFileError: The file cannot be written.
    """
    require_writable(study_file)
    lease = Lease.of_this_process(name, "retry", Path())
    take_lease(study_file, lease)
    try:
        with SqliteStorage(study_file) as storage:
            # One transaction: all of them or none.
            storage.grouped = True
            return retry_trials(optuna.Study(study_name=name, storage=storage), numbers)
    finally:
        release_lease(study_file, lease)

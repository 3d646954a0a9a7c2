"""Failed trials enqueued again with their parameters."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Final

import optuna
from optuna.trial import TrialState

from hptui.domain.attribute_keys import ENQUEUED_KEY, RETRY_KEY
from hptui.engine.recovery.lease import A_MOMENT_S, Lease, take_lease
from hptui.errors import StudyBusyError
from hptui.storage.files.validation import require_writable
from hptui.storage.sqlite.storage import SqliteStorage

if TYPE_CHECKING:
    from collections.abc import Collection

    from optuna.trial import FrozenTrial

_AT_ONCE: Final = 200
"""About 15 ms of an engine's time."""
_RETRY_S: Final = 0.05


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
    chosen = _left_to_retry(study, numbers)
    for trial in chosen:
        _enqueue(study, trial)
    return [trial.number for trial in chosen]


class Retries:
    """Failed trials that are to be tried again: many are enqueued a few at a time.

    So an engine goes on with its trials meanwhile.
    """

    def __init__(self, study: optuna.Study) -> None:
        self._study = study
        self._left: deque[FrozenTrial] = deque()
        self._next_s = 0.0

    def __bool__(self) -> bool:
        return bool(self._left)

    def add(self, numbers: Collection[int] | None) -> list[int]:
        """Begin to enqueue trials, as `retry_trials` does; return their numbers.

        Raises:
            StudyBusyError: The file does not take a new trial now; none is enqueued.
        """
        known = {trial.number for trial in self._left}
        added = [t for t in _left_to_retry(self._study, numbers) if t.number not in known]
        before = self._left.copy()
        self._left.extend(added)
        try:
            self.enqueue_some()
        except StudyBusyError:
            self._left = before
            raise
        return [trial.number for trial in added]

    @property
    def due_s(self) -> float | None:
        """When to enqueue the next few; None when none are left."""
        return self._next_s if self._left else None

    def tick(self, now_s: float) -> bool:
        """Enqueue the next few when it is due; say whether it was."""
        if not self._left or now_s < self._next_s:
            return False
        try:
            self.enqueue_some()
        except StudyBusyError:
            self._next_s = now_s + _RETRY_S
        return True

    def enqueue_all(self) -> None:
        """Enqueue all that are left; where the file takes none, they have failed still."""
        with contextlib.suppress(StudyBusyError):
            while self._left:
                self.enqueue_some()

    def enqueue_some(self) -> None:
        """Enqueue the next few.

        Raises:
            StudyBusyError: The file does not take a new trial now; they are kept.
        """
        for _ in range(min(_AT_ONCE, len(self._left))):
            _enqueue(self._study, self._left[0])
            self._left.popleft()


def _left_to_retry(study: optuna.Study, numbers: Collection[int] | None) -> list[FrozenTrial]:
    wanted = None if numbers is None else frozenset(numbers)
    trials = study.get_trials(deepcopy=False)
    retried = {trial.system_attrs.get(RETRY_KEY) for trial in trials}
    return [
        trial
        for trial in trials
        if trial.state is TrialState.FAIL
        and trial.number not in retried
        and (wanted is None or trial.number in wanted)
    ]


def _enqueue(study: optuna.Study, trial: FrozenTrial) -> None:
    study._storage.create_new_trial(
        study._study_id,
        optuna.trial.create_trial(
            state=TrialState.WAITING,
            system_attrs={ENQUEUED_KEY: trial.params, RETRY_KEY: trial.number},
            user_attrs=trial.user_attrs,
        ),
    )


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
    hold = take_lease(study_file, lease, patience_s=A_MOMENT_S)
    try:
        with SqliteStorage(study_file) as storage:
            # One transaction: all of them or none.
            storage.grouped = True
            return retry_trials(optuna.Study(study_name=name, storage=storage), numbers)
    finally:
        hold.release()

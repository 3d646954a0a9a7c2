"""Trials of a study on a server that must be decided there at once: new ones, and waiting ones."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from optuna.trial import FrozenTrial, TrialState

from hptui.storage.sqlite.added_trials import buffer_template
from hptui.storage.sqlite.connection import StorageBusyError
from hptui.storage.sqlite.memory import detached_copy
from hptui.storage.sqlite.write_buffer import NewTrial, WriteBuffer

if TYPE_CHECKING:
    from datetime import datetime

    from hptui.storage.server.study_server import StudyServer
    from hptui.storage.sqlite.writer import StudyFile

_NO_ID: Final = -1
_TEMPLATE_WAIT_S: Final = 10.0


def create_on_server(
    file: StudyFile, server: StudyServer, study_id: int, template: FrozenTrial | None
) -> int:
    """Create a trial on the server, which gives its number, and return its id.

    Raises:
        StorageBusyError: The server does not answer now.
        ValueError: A distribution of the template does not fit the study's, or a value is NaN.
    """
    study, rows = file.memory.study(study_id), WriteBuffer(server.limits)
    wait_s = None if template is None else _TEMPLATE_WAIT_S
    if template is None:
        start, text = server.now()
        state = TrialState.RUNNING
        trial = FrozenTrial(_NO_ID, state, None, start, None, {}, {}, {}, {}, {}, _NO_ID)
        rows.add_trial(NewTrial(_NO_ID, _NO_ID, study_id, state, text, None))
    else:
        trial = buffer_template(rows, study, _NO_ID, _as_kept(server, template))
    trial_id, number = server.create_trial(
        study_id, rows, wait_s if file.is_grouped else file.busy_timeout_s
    )
    if file.memory.has(trial_id):
        # It was made when nobody waited for it any more, and has been read since.
        return trial_id
    if number == len(study.trials):
        trial.number, trial._trial_id = number, trial_id
        file.memory.put(study, trial)
        study.remember_distributions(trial)
        return trial_id
    try:
        # Others have made trials: theirs come first.
        file.read_back(0.0 if file.is_grouped else file.busy_timeout_s)
    except StorageBusyError:
        if template is None:
            server.keep_trial(study_id, trial_id, number)
        raise
    if not file.memory.has(trial_id):
        raise StorageBusyError("The study was changed on the server.")
    return trial_id


def _as_kept(server: StudyServer, template: FrozenTrial) -> FrozenTrial:
    """Return a trial whose times are as the server keeps them."""
    if not server.dialect.is_mysql:
        return template
    kept = detached_copy(template)
    for name in ("datetime_start", "datetime_complete"):
        time: datetime | None = getattr(kept, name)
        setattr(kept, name, time and time.replace(microsecond=0))
    return kept


def take_up_on_server(
    file: StudyFile, server: StudyServer, trial: FrozenTrial, time: datetime, text: str
) -> bool:
    """Have a waiting trial run here; False where another program was quicker.

    Raises:
        StorageBusyError: The server does not answer now.
    """
    trial_id = trial._trial_id
    if not server.take_up(trial_id, text):
        return False
    study = file.memory.study_of(trial_id)
    study.writable(trial_id).datetime_start = time
    study.set_state(trial_id, TrialState.RUNNING)
    return True

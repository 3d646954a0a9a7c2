"""The running trials of a study: who runs them, and since when."""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.attribute_keys import RUN_KEY, RUNS_KEY
from hptui.domain.texts.json_values import read_json
from hptui.storage.files.stale_trials import stale_trials
from hptui.storage.read.study_detail import runs_of
from hptui.storage.sqlite.attributes import read_attributes
from hptui.storage.sqlite.timestamps import epoch_s
from hptui.storage.transfer.study_rows import study_id_of

if TYPE_CHECKING:
    from hptui.storage.files.leases import Living

_MAX_RUNNING: Final = 10_000


@dataclass(frozen=True, slots=True)
class RunningTrial:
    """A trial that is marked as running."""

    number: int
    start_s: float | None
    """Seconds since 1970."""
    run: str
    """The run of hptui that it belongs to; empty for other programs' trials."""
    host: str
    """The machine of that run; empty where it is not known."""
    heartbeat_s: float | None
    """The last sign of life of an Optuna program with heartbeats."""
    is_stale: bool
    """Whether its engine is known to be dead."""


def running_trials(
    connection: sqlite3.Connection, study_name: str, living: Living
) -> tuple[list[RunningTrial], dict[int, str]]:
    """Return the running trials of a study, and the stored states of all its trials by number.

    `living` is what `living_runs` returned before the connection's first look at the file.
    """
    study_id = study_id_of(connection, study_name)
    if study_id is None:
        return [], {}
    system = read_attributes(connection, "study", "system", study_id)
    hosts = {run.id: run.host for run in runs_of(system.get(RUNS_KEY)) if run.id}
    states = {
        int(number): str(state)
        for number, state in connection.execute(
            "SELECT number, substr(state, 1, 40) FROM trials WHERE study_id = ? "
            "AND typeof(number) = 'integer'",
            (study_id,),
        )
    }
    rows = connection.execute(
        "SELECT trial_id, number, substr(datetime_start, 1, 40) FROM trials WHERE study_id = ? "
        "AND state = 'RUNNING' AND typeof(number) = 'integer' ORDER BY number LIMIT ?",
        (study_id, _MAX_RUNNING),
    ).fetchall()
    stale = stale_trials(connection, study_id, living)
    trials: list[RunningTrial] = []
    for trial_id, number, start in rows:
        run, heartbeat_s = _run_of(connection, trial_id), _heartbeat(connection, trial_id)
        host = hosts.get(run, "")
        trials.append(
            RunningTrial(number, epoch_s(start), run, host, heartbeat_s, trial_id in stale)
        )
    return trials, states


def _run_of(connection: sqlite3.Connection, trial_id: int) -> str:
    row = connection.execute(
        "SELECT substr(value_json, 1, 1000) FROM trial_system_attributes "
        "WHERE trial_id = ? AND key = ?",
        (trial_id, RUN_KEY),
    ).fetchone()
    run = None if row is None else read_json(row[0])
    return run if isinstance(run, str) else ""


def _heartbeat(connection: sqlite3.Connection, trial_id: int) -> float | None:
    try:
        row = connection.execute(
            "SELECT substr(heartbeat, 1, 40) FROM trial_heartbeats WHERE trial_id = ?", (trial_id,)
        ).fetchone()
    except sqlite3.OperationalError:
        # A file of before there were heartbeats lacks the table.
        return None
    return None if row is None else epoch_s(row[0])

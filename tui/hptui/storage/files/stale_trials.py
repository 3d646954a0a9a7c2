"""Stale trials: stored as running, by a run on this machine whose engine is known to be dead.

Trials of other programs and of other machines are never stale: whether they still run cannot be
known from here.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.attribute_keys import RUN_KEY, RUNS_KEY
from hptui.domain.texts.json_values import read_json
from hptui.storage.files.leases import boot_id

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence

    from hptui.storage.files.leases import Living

_MAX_RUNS_CHARS: Final = 10_000_000


def stale_trials(
    connection: sqlite3.Connection,
    study_id: int,
    living: Living,
    condition: str = "trials.study_id = ?",
    arguments: Sequence[int] | None = None,
) -> set[int]:
    """Return the ids of the stale trials of a study.

    Args:
        connection: A connection to its file.
        study_id: The study.
        living: What `leases.living_runs` returned before the first look at the file: a run that
            ends meanwhile has ended its trials, which the connection may not see yet.
        condition: SQL that says which trials are looked at, on the table `trials`.
        arguments: Those of the condition; without, the study's id.
    """
    rows = connection.execute(
        "SELECT trial_id, substr(value_json, 1, 1000) FROM trial_system_attributes "
        f"WHERE trial_id IN (SELECT trial_id FROM trials WHERE {condition} "
        "AND state = 'RUNNING') AND key = ?",
        (*((study_id,) if arguments is None else arguments), RUN_KEY),
    )
    runs = {trial_id: read_json(text) for trial_id, text in rows}
    # Almost always all of them are of the run that works now, and nothing else need be read.
    ended = {run for run in runs.values() if isinstance(run, str)} - living.runs
    if ended and living.may_run(_name_of(connection, study_id)):
        return set()
    ended &= _runs_here(connection, study_id) if ended else ended
    return {trial_id for trial_id, run in runs.items() if isinstance(run, str) and run in ended}


def _name_of(connection: sqlite3.Connection, study_id: int) -> str:
    row = connection.execute(
        "SELECT study_name FROM studies WHERE study_id = ?", (study_id,)
    ).fetchone()
    return str(row[0]) if row else ""


def _runs_here(connection: sqlite3.Connection, study_id: int) -> set[str]:
    row = connection.execute(
        "SELECT value_json FROM study_system_attributes WHERE study_id = ? AND key = ? "
        "AND length(value_json) < ?",
        (study_id, RUNS_KEY, _MAX_RUNS_CHARS),
    ).fetchone()
    return runs_here(read_json(row and row[0]))


def runs_here(records: object) -> set[str]:
    """Return the ids of the runs on this machine among what is stored under RUNS_KEY."""
    host, boot = socket.gethostname(), boot_id()
    items = cast("list[object]", records) if isinstance(records, list) else []
    runs = [cast("dict[str, object]", item) for item in items if isinstance(item, dict)]
    # The machine may have got another name since.
    here = (run for run in runs if run.get("host") == host or run.get("boot") == boot)
    return {str(run["id"]) for run in here if run.get("id")}

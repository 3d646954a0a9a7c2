"""The running trials of studies on database servers, and when they last gave a sign of life."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.attribute_keys import RUN_KEY, RUNS_KEY
from hptui.domain.texts.json_values import read_json
from hptui.storage.mirror.server import engine_of, refusal_of, table_of
from hptui.storage.read.study_detail import runs_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from sqlalchemy import Connection

    from hptui.storage.mirror.address import SourceAddress

GRACE_S: Final = 120.0
"""How long a trial may be silent: twice the minute between heartbeats that Optuna's manual has."""


@dataclass(frozen=True, slots=True)
class TrialThere:
    """A trial that a server has as running."""

    number: int
    start_s: float | None
    """Seconds since 1970; None where it is not known."""
    silent_s: float | None
    """Seconds since its last heartbeat, by the server's clock; None where it has none."""
    host: str
    """The machine of the run of hptui that it belongs to; empty for trials of other programs."""


def trials_running(address: SourceAddress) -> dict[str, list[TrialThere]]:
    """Return the running trials of all studies of a server by study, or of the one it names.

    Raises:
        SourceError: The server cannot be read.
        MissingExtraError: No driver for it is installed.
    """
    from sqlalchemy import select
    from sqlalchemy.exc import SQLAlchemyError

    studies = table_of("studies")
    asked = select(studies.c.study_id, studies.c.study_name).order_by(studies.c.study_id)
    if address.only is not None:
        asked = asked.where(studies.c.study_name == address.only)
    try:
        engine = engine_of(address, "REPEATABLE READ")
        try:
            with engine.begin() as connection:
                names = {int(each): str(name) for each, name in connection.execute(asked)}
                return {name: _of_study(connection, each) for each, name in names.items()}
        finally:
            engine.dispose()
    except SQLAlchemyError as error:
        raise refusal_of(address, error) from error


def _of_study(connection: Connection, study_id: int) -> list[TrialThere]:
    from sqlalchemy import Text, cast, func, select

    trials, beats = table_of("trials"), table_of("trial_heartbeats")
    asked = (
        select(trials.c.trial_id, trials.c.number, trials.c.datetime_start, beats.c.heartbeat)
        .select_from(trials.outerjoin(beats, trials.c.trial_id == beats.c.trial_id))
        .where(trials.c.study_id == study_id, cast(trials.c.state, Text) == "RUNNING")
        .order_by(trials.c.number)
    )
    rows = connection.execute(asked).all()
    if not rows:
        return []
    # As Optuna compares them: heartbeats are the server's times, without a zone.
    now: datetime = connection.execute(select(func.now())).scalar_one().replace(tzinfo=None)
    hosts = _hosts(connection, study_id)
    return [
        TrialThere(
            int(number),
            None if start is None else start.timestamp(),
            None if beat is None else (now - beat).total_seconds(),
            hosts.get(trial_id, ""),
        )
        for trial_id, number, start, beat in rows
    ]


def _hosts(connection: Connection, study_id: int) -> Mapping[int, str]:
    """Return the machines on which hptui runs trials, by the ids of these."""
    from sqlalchemy import Text, cast, select

    system, of_trials = table_of("study_system_attributes"), table_of("trial_system_attributes")
    told: Any = connection.execute(
        select(system.c.value_json).where(system.c.study_id == study_id, system.c.key == RUNS_KEY)
    ).scalar()
    hosts = {run.id: run.host for run in runs_of(read_json(told)) if run.id}
    trials = table_of("trials")
    running = select(trials.c.trial_id).where(
        trials.c.study_id == study_id, cast(trials.c.state, Text) == "RUNNING"
    )
    asked = select(of_trials.c.trial_id, of_trials.c.value_json).where(
        of_trials.c.key == RUN_KEY, of_trials.c.trial_id.in_(running)
    )
    runs = {int(each): read_json(text) for each, text in connection.execute(asked)}
    return {each: hosts.get(run, "") for each, run in runs.items() if isinstance(run, str)}

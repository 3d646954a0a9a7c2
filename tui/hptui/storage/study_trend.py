"""What a list of studies shows besides their summaries: how the best went, and what was left."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING, Any, Final

from hptui.storage.constraints import KEY_RANGE
from hptui.storage.studies import VALUE_SQL, has_constraints
from hptui.storage.study_detail import RUNS_KEY, runs_of
from hptui.storage.study_identity import RUN_KEY

if TYPE_CHECKING:
    import sqlite3

    from hptui.domain.objective import Direction

TREND_POINTS: Final = 16
_FEASIBLE: Final = (
    "AND NOT EXISTS (SELECT 1 FROM trial_system_attributes AS broken "
    "WHERE broken.trial_id = trials.trial_id AND key >= ? AND key < ? "
    "AND CAST(value_json AS REAL) > 0)"
)


def read_trend(
    connection: sqlite3.Connection, study_id: int, direction: Direction
) -> tuple[float, ...]:
    """Return the best value so far at a few places along the study, at most TREND_POINTS.

    Only complete trials count that break no constraint. Empty where there is none.
    """
    (last,) = connection.execute(
        "SELECT MAX(number) FROM trials WHERE study_id = ? AND typeof(number) = 'integer'",
        (study_id,),
    ).fetchone()
    if last is None:
        return ()
    is_constrained = has_constraints(connection, study_id)
    best = min if direction == "minimize" else max
    rows = connection.execute(
        f"SELECT number * {TREND_POINTS} / ? AS part, {best.__name__}({VALUE_SQL}) "
        "FROM trials JOIN trial_values USING (trial_id) "
        "WHERE study_id = ? AND state = 'COMPLETE' AND objective = 0 "
        f"AND typeof(number) = 'integer' AND number >= 0 {_FEASIBLE if is_constrained else ''} "
        "GROUP BY part ORDER BY part",
        (last + 1, study_id, *(KEY_RANGE if is_constrained else ())),
    )
    trend: list[float] = []
    for part, value in rows:
        if not isinstance(value, float):
            continue
        # A part in which nothing has completed goes on with the best before it.
        trend += trend[-1:] * (part - len(trend)) if trend else []
        trend.append(best(value, trend[-1]) if trend else value)
    return tuple(trend[-TREND_POINTS:])


def count_left_running(connection: sqlite3.Connection, study_id: int) -> int:
    """Return how many running trials were made by runs of hptui on this machine.

    When no engine runs the study, nobody will ever end them.
    """
    row = connection.execute(
        "SELECT value_json FROM study_system_attributes WHERE study_id = ? AND key = ? "
        "AND length(value_json) < 10000000",
        (study_id, RUNS_KEY),
    ).fetchone()
    host = socket.gethostname()
    here = {run.id for run in runs_of(_json(row and row[0])) if run.host == host and run.id}
    if not here:
        return 0
    rows = connection.execute(
        "SELECT substr(value_json, 1, 1000) FROM trials "
        "JOIN trial_system_attributes USING (trial_id) "
        "WHERE study_id = ? AND state = 'RUNNING' AND key = ? LIMIT 100000",
        (study_id, RUN_KEY),
    )
    return sum(_json(text) in here for (text,) in rows if isinstance(_json(text), str))


def _json(text: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    try:
        return json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return None

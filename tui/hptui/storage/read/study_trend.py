"""What a list of studies shows besides their summaries: how the best went."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.storage.read.constraints import KEY_RANGE
from hptui.storage.read.studies import has_constraints
from hptui.storage.sqlite.numbers import number_sql

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
        f"SELECT number * {TREND_POINTS} / ? AS part, {best.__name__}({number_sql('value')}) "
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

"""The best trial of a study, and how the best went: the rule of `domain.best`, asked of the file.

A list shows both of hundreds of studies, whose trials nobody reads for that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.storage.read.constraints import KEY_RANGE, read_constraint, violation_of
from hptui.storage.sqlite.numbers import number_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

    from hptui.domain.objective import Direction

TREND_POINTS: Final = 16
_MAX_CONSTRAINT_CHARS: Final = 100_000


@dataclass(frozen=True, slots=True)
class BestTrial:
    """The best feasible trial of a study with one objective."""

    number: int
    value: float


def read_best(
    connection: sqlite3.Connection, study_id: int, direction: Direction
) -> BestTrial | None:
    """Return the best trial of a study with one objective; None where nothing feasible is there."""
    is_constrained = _has_constraints(connection, study_id)
    for trial_id, number, value in _best_first(connection, study_id, direction):
        if not is_constrained or _is_feasible(connection, trial_id):
            return BestTrial(number, value)
    return None


def read_best_values(
    connection: sqlite3.Connection, study_id: int, directions: Sequence[Direction]
) -> tuple[float, ...]:
    """Return the best value in each objective, of one trial or of several; nothing for no trial."""
    is_constrained = _has_constraints(connection, study_id)
    bests: list[float] = []
    for objective, direction in enumerate(directions):
        for trial_id, _, value in _best_first(connection, study_id, direction, objective):
            if not is_constrained or _is_feasible(connection, trial_id):
                bests.append(value)
                break
    return tuple(bests) if len(bests) == len(directions) else ()


def read_trend(
    connection: sqlite3.Connection, study_id: int, direction: Direction
) -> tuple[float, ...]:
    """Return the best value so far at a few places along the study, at most TREND_POINTS.

    They end with the last complete trial, and begin with the first feasible one.
    """
    last, last_complete = connection.execute(
        "SELECT MAX(number), MAX(CASE WHEN state = 'COMPLETE' THEN number END) FROM trials "
        "WHERE study_id = ? AND typeof(number) = 'integer' AND number >= 0",
        (study_id,),
    ).fetchone()
    if last_complete is None:
        return ()
    n_parts = last_complete * TREND_POINTS // (last + 1) + 1
    is_constrained = _has_constraints(connection, study_id)
    trend: list[float] = []
    for trial_id, number, value in _best_first(connection, study_id, direction):
        part = number * TREND_POINTS // (last + 1)
        # What is left is worse than all before it, and so counts only where none of these was yet.
        room = n_parts - len(trend) - part
        if number >= 0 and room > 0 and (not is_constrained or _is_feasible(connection, trial_id)):
            trend = [value] * room + trend
            if not part:
                break
    return tuple(trend)


def _best_first(
    connection: sqlite3.Connection, study_id: int, direction: Direction, objective: int = 0
) -> Iterator[tuple[int, int, float]]:
    """Return id, number and value of the complete trials; of equal ones the first comes first."""
    order = "ASC" if direction == "minimize" else "DESC"
    return connection.execute(
        f"SELECT trial_id, number, {number_sql('value')} AS stored FROM trials "
        "JOIN trial_values USING (trial_id) WHERE study_id = ? AND state = 'COMPLETE' "
        "AND objective = ? AND typeof(stored) = 'real' AND typeof(number) = 'integer' "
        f"ORDER BY stored {order}, number ASC",
        (study_id, objective),
    )


def _has_constraints(connection: sqlite3.Connection, study_id: int) -> bool:
    found = connection.execute(
        "SELECT 1 FROM trial_system_attributes WHERE trial_id IN "
        "(SELECT trial_id FROM trials WHERE study_id = ?) AND key >= ? AND key < ? LIMIT 1",
        (study_id, *KEY_RANGE),
    ).fetchone()
    return found is not None


def _is_feasible(connection: sqlite3.Connection, trial_id: int) -> bool:
    constraints: dict[str, float] = {}
    for key, text in connection.execute(
        f"SELECT substr(key, 1, 1000), substr(value_json, 1, {_MAX_CONSTRAINT_CHARS}) "
        "FROM trial_system_attributes WHERE trial_id = ? AND key >= ? AND key < ? ORDER BY key",
        (trial_id, *KEY_RANGE),
    ):
        read_constraint(constraints, str(key), text)
    return not violation_of(constraints) > 0

"""Which study a file holds under a name, and whether it is still the same one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.attribute_keys import STUDY_KEY
from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from hptui.domain.objective import Direction

MAX_OBJECTIVES: Final = 100
MAX_LISTED: Final = 20

_DIRECTIONS: Final[dict[object, Direction]] = {"MINIMIZE": "minimize", "MAXIMIZE": "maximize"}


@dataclass(frozen=True, slots=True)
class StudyIdentity:
    """What tells a study from another of the same name that took its place."""

    study_id: int
    token: str | None
    """Given at its creation; None where Optuna created it."""
    first_trial_id: int | None
    first_start: str | None
    last_trial_id: int
    """-1 where there is no trial."""

    def is_same(self, now: StudyIdentity) -> bool:
        """Say whether `now`, read later under the same name, is the same study."""
        if self.study_id != now.study_id or self.token != now.token:
            return False
        if self.token is not None:
            return True
        # Ids are used again after a deletion; the start of the first trial never is.
        return (
            self.first_trial_id in (None, now.first_trial_id)
            and self.first_start in (None, now.first_start)
            and self.last_trial_id <= now.last_trial_id
        )

    @property
    def marks(self) -> tuple[str, ...]:
        """Texts that no other study of this name has: its token, and what it is known by without.

        A study gets its token when hptui runs it first.
        """
        known = f"{self.study_id}:{self.first_trial_id}:{self.first_start}"
        started = () if self.first_start is None else (known,)
        return (*(() if self.token is None else (self.token,)), *started)


def mark_of(connection: sqlite3.Connection, study_name: str) -> str:
    """Return what an edit says of the study it is meant for; empty where that cannot be known."""
    identity = read_identity(connection, study_name)
    return "" if identity is None else next(iter(identity.marks), "")


def read_identity(connection: sqlite3.Connection, study_name: str) -> StudyIdentity | None:
    """Return the identity of the study with this name, or None where there is none."""
    study = connection.execute(
        "SELECT study_id FROM studies WHERE study_name = ?", (study_name,)
    ).fetchone()
    if study is None:
        return None
    study_id = int(study[0])
    first = connection.execute(
        "SELECT trial_id, substr(datetime_start, 1, 40) FROM trials WHERE study_id = ? "
        "ORDER BY trial_id LIMIT 1",
        (study_id,),
    ).fetchone()
    (last,) = connection.execute(
        "SELECT MAX(trial_id) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    first_trial_id, first_start = first if first is not None else (None, None)
    token = read_study_facts(connection, study_id).get("token")
    return StudyIdentity(
        study_id,
        token if isinstance(token, str) else None,
        first_trial_id,
        None if first_start is None else str(first_start),
        -1 if last is None else int(last),
    )


def token_of(connection: sqlite3.Connection, study_name: str) -> str | None:
    """Return what no other study of this name has; None where Optuna created it."""
    identity = read_identity(connection, study_name)
    return None if identity is None else identity.token


def read_study_facts(connection: sqlite3.Connection, study_id: int) -> dict[str, Any]:
    """Return what hptui stored at the study's creation; empty where it did not, or unreadably."""
    row = connection.execute(
        "SELECT substr(value_json, 1, 100000) FROM study_system_attributes "
        "WHERE study_id = ? AND key = ?",
        (study_id, STUDY_KEY),
    ).fetchone()
    facts = None if row is None else read_json(row[0])
    return cast("dict[str, Any]", facts) if isinstance(facts, dict) else {}


def read_directions(connection: sqlite3.Connection, study_id: int) -> tuple[Direction, ...]:
    """Return the direction of each objective.

    Raises:
        StudyFileError: They are missing or none that Optuna writes.
    """
    rows = connection.execute(
        "SELECT objective, substr(direction, 1, 40) FROM study_directions WHERE study_id = ? "
        "ORDER BY objective LIMIT ?",
        (study_id, MAX_OBJECTIVES + 1),
    ).fetchall()
    directions: list[Direction] = [
        _DIRECTIONS[direction] for _, direction in rows if direction in _DIRECTIONS
    ]
    in_order = [objective for objective, _ in rows] == list(range(len(rows)))
    if not rows or len(rows) > MAX_OBJECTIVES or len(directions) < len(rows) or not in_order:
        raise StudyFileError(
            f"The directions of the study are damaged: {safe_line(rows[:5])}.",
            hint="Each objective needs MINIMIZE or MAXIMIZE, as Optuna writes them.",
        )
    return tuple(directions)


def read_study_names(connection: sqlite3.Connection, limit: int) -> list[str]:
    """Return the names of the studies in a file, in the order of their creation."""
    rows = connection.execute(
        "SELECT study_name FROM studies ORDER BY study_id LIMIT ?", (limit,)
    ).fetchall()
    return [str(name) for (name,) in rows]


def no_such_study(connection: sqlite3.Connection, path: Path, study_name: str) -> StudyFileError:
    """Return the error that a study is not in its file, with those that are."""
    names = read_study_names(connection, MAX_LISTED)
    listed = ", ".join(safe_line(name, max_chars=60) for name in names) or "no study"
    return StudyFileError(
        f"There is no study {safe_line(study_name, max_chars=60)!r} in {safe_line(path.name)}.",
        hint=f"The file holds: {listed}.",
    )

"""Gathered rows as statements for Optuna's tables on PostgreSQL, MySQL and MariaDB."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from hptui.domain.attribute_keys import RUNS_KEY
from hptui.storage.server.engines import merged_runs
from hptui.storage.sqlite.write_buffer import AttributeKind, Limits

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from sqlalchemy import Connection

    from hptui.storage.sqlite.write_buffer import WriteBuffer

_ROWS_A_STATEMENT: Final = (256, 64, 16, 4, 1)
"""Few different sizes make few different statements, which drivers and servers remember."""
_LARGEST_STEP: Final = 2**31 - 1
_NAME_CHARS: Final = 512
_MYSQL_TEXT_BYTES: Final = 65_535
_KINDS: Final[tuple[AttributeKind, ...]] = ("user", "system")
_Row = TypeVar("_Row")


class TrialsLostError(Exception):
    """Trials that others have ended, or deleted, in the meantime; nothing was written."""

    def __init__(self, trial_ids: set[int]) -> None:
        super().__init__(trial_ids)
        self.trial_ids = trial_ids


@dataclass(frozen=True, slots=True)
class Dialect:
    """What differs from one kind of server to another."""

    is_mysql: bool

    @property
    def limits(self) -> Limits:
        """What the columns hold."""
        if self.is_mysql:
            return Limits(_LARGEST_STEP, _MYSQL_TEXT_BYTES, _NAME_CHARS)
        return Limits(step=_LARGEST_STEP, name_chars=_NAME_CHARS)

    @property
    def now_s(self) -> str:
        """The server's time in seconds since 1970."""
        if self.is_mysql:
            return "UNIX_TIMESTAMP(NOW(6))"
        return "EXTRACT(EPOCH FROM clock_timestamp())"

    @property
    def key(self) -> str:
        """The column `key`, which is a word of SQL."""
        return "`key`" if self.is_mysql else '"key"'

    def age_of(self, column: str) -> str:
        """Return SQL for how old a time is, in seconds, as Optuna counts it."""
        if self.is_mysql:
            return f"TIMESTAMPDIFF(SECOND, {column}, NOW())"
        return f"EXTRACT(EPOCH FROM LOCALTIMESTAMP - {column})"

    def put(
        self,
        connection: Connection,
        table: str,
        columns: Sequence[str],
        rows: Collection[Sequence[object]],
        n_unique: int = 2,
        *,
        is_kept: bool = False,
    ) -> None:
        """Insert rows, many at a time; those that are there get the new values.

        Args:
            connection: A connection, in a transaction.
            table: One of Optuna's tables.
            columns: The columns that the rows have; the first `n_unique` tell rows apart.
            rows: The rows.
            n_unique: How many columns tell rows apart.
            is_kept: Whether a row that is there stays as it is.
        """
        names = [self.key if each == "key" else each for each in columns]
        start = f"INSERT INTO {table} ({', '.join(names)}) VALUES "
        unique, others = names[:n_unique], names[n_unique:]
        if self.is_mysql:
            changes = [f"{each} = VALUES({each})" for each in others]
            end = f" ON DUPLICATE KEY UPDATE {', '.join(changes)}"
            if is_kept:
                end = f" ON DUPLICATE KEY UPDATE {unique[0]} = {unique[0]}"
        else:
            changes = [f"{each} = excluded.{each}" for each in others]
            end = f" ON CONFLICT ({', '.join(unique)}) DO "
            end += "NOTHING" if is_kept else f"UPDATE SET {', '.join(changes)}"
        row = f"({', '.join(['%s'] * len(columns))})"
        for part in parts(list(rows)):
            values = tuple(value for each in part for value in each)
            connection.exec_driver_sql(f"{start}{', '.join([row] * len(part))}{end}", values)

    def beat(self, connection: Connection, trial_ids: Collection[int]) -> None:
        """Write Optuna's heartbeats of trials."""
        end = "ON CONFLICT (trial_id) DO UPDATE SET heartbeat = excluded.heartbeat"
        if self.is_mysql:
            end = "ON DUPLICATE KEY UPDATE heartbeat = VALUES(heartbeat)"
        for part in parts(sorted(trial_ids)):
            rows = ", ".join(["(%s, CURRENT_TIMESTAMP)"] * len(part))
            connection.exec_driver_sql(
                f"INSERT INTO trial_heartbeats (trial_id, heartbeat) VALUES {rows} {end}",
                tuple(part),
            )

    def whole_seconds(self, time: str | None) -> str | None:
        """Return the text of a time as the server keeps it: MySQL's have no fractions."""
        return time[:19] if time is not None and self.is_mysql else time


def parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    """Yield rows in as many parts as statements need."""
    start = 0
    while start < len(rows):
        size = next(each for each in _ROWS_A_STATEMENT if each <= len(rows) - start)
        yield rows[start : start + size]
        start += size


def lock_study(connection: Connection, study_id: int) -> bool:
    """Lock a study's row as Optuna does where it makes trials; False where the study is gone."""
    found = connection.exec_driver_sql(
        "SELECT study_id FROM studies WHERE study_id = %s FOR UPDATE", (study_id,)
    ).first()
    return found is not None


def next_number(connection: Connection, study_id: int) -> int:
    """Return the number of the study's next trial; the study's row is locked."""
    last = connection.exec_driver_sql(
        "SELECT number FROM trials WHERE study_id = %s ORDER BY trial_id DESC LIMIT 1", (study_id,)
    ).scalar()
    return 0 if last is None else int(last) + 1


def insert_trial(
    dialect: Dialect,
    connection: Connection,
    row: tuple[int, int, str, str | None, str | None],
) -> int:
    """Insert a trial (number, study, state, start, end) and return its id."""
    statement = (
        "INSERT INTO trials (number, study_id, state, datetime_start, datetime_complete)"
        " VALUES (%s, %s, %s, %s, %s)"
    )
    number, study_id, state, start, complete = row
    times = (dialect.whole_seconds(start), dialect.whole_seconds(complete))
    if dialect.is_mysql:
        done = connection.exec_driver_sql(statement, (number, study_id, state, *times))
        return int(done.lastrowid)
    done = connection.exec_driver_sql(
        f"{statement} RETURNING trial_id", (number, study_id, state, *times)
    )
    return int(done.scalar_one())


def lock_open(connection: Connection, trial_ids: Iterable[int]) -> None:
    """Lock trials that have not ended.

    Raises:
        TrialsLostError: Some have, or are gone.
    """
    wanted = sorted(trial_ids)
    found: set[int] = set()
    for part in parts(wanted):
        marks = ", ".join(["%s"] * len(part))
        rows: Any = connection.exec_driver_sql(
            f"SELECT trial_id FROM trials WHERE trial_id IN ({marks})"
            " AND state IN ('RUNNING', 'WAITING') ORDER BY trial_id FOR UPDATE",
            tuple(part),
        )
        found.update(int(row[0]) for row in rows)
    lost = set(wanted) - found
    if lost:
        raise TrialsLostError(lost)


def write_rows(
    dialect: Dialect,
    connection: Connection,
    rows: WriteBuffer,
    run: str,
    trial_id: int | None = None,
) -> None:
    """Write gathered rows of trials that are there.

    Args:
        dialect: The server's.
        connection: A connection, in a transaction.
        rows: The rows; new trials among them are not written.
        run: The id of the run that this engine does.
        trial_id: The id of the one trial that they belong to, where they have another.
    """

    def owned(owner: int, *rest: object) -> tuple[object, ...]:
        return (owner if trial_id is None else trial_id, *rest)

    def put(table: str, columns: Sequence[str], given: Iterable[tuple[Any, ...]]) -> None:
        dialect.put(connection, table, columns, [owned(*row) for row in given])

    if rows.params:
        names = ("trial_id", "param_name", "param_value", "distribution_json")
        found = [owned(*row) for row in rows.params]
        dialect.put(connection, "trial_params", names, found, is_kept=True)
    put("trial_values", ("trial_id", "objective", "value", "value_type"), rows.values)
    put(
        "trial_intermediate_values",
        ("trial_id", "step", "intermediate_value", "intermediate_value_type"),
        rows.reports,
    )
    for kind in _KINDS:
        put(
            f"trial_{kind}_attributes",
            ("trial_id", "key", "value_json"),
            rows.attributes("trial", kind),
        )
        of_studies = [
            (
                owner,
                key,
                _merged(dialect, connection, owner, text, run) if key == RUNS_KEY else text,
            )
            for owner, key, text in rows.attributes("study", kind)
        ]
        put_study_attributes(dialect, connection, kind, of_studies)
    changes = [
        (
            change.state.name,
            dialect.whole_seconds(change.start),
            dialect.whole_seconds(change.complete),
            change.trial_id,
        )
        for change in rows.changed_trials.values()
    ]
    if changes:
        connection.exec_driver_sql(
            "UPDATE trials SET state = %s, datetime_start = coalesce(%s, datetime_start),"
            " datetime_complete = coalesce(%s, datetime_complete) WHERE trial_id = %s",
            changes,
        )


def put_study_attributes(
    dialect: Dialect, connection: Connection, kind: str, rows: Collection[Sequence[object]]
) -> None:
    """Write attributes of studies: study, key, JSON."""
    table = f"study_{kind}_attributes"
    dialect.put(connection, table, ("study_id", "key", "value_json"), rows)


def study_attributes(
    dialect: Dialect, connection: Connection, study_id: int, pattern: str
) -> dict[str, str]:
    """Return the system attributes of a study, as JSON, whose keys are like a pattern of SQL."""
    rows: Any = connection.exec_driver_sql(
        f"SELECT {dialect.key}, value_json FROM study_system_attributes"
        f" WHERE study_id = %s AND {dialect.key} LIKE %s",
        (study_id, pattern),
    )
    return {str(key): str(text) for key, text in rows}


def _merged(dialect: Dialect, connection: Connection, study_id: int, text: str, run: str) -> str:
    """Return the list of runs with those that others have begun."""
    lock_study(connection, study_id)
    stored = study_attributes(dialect, connection, study_id, RUNS_KEY).get(RUNS_KEY)
    return merged_runs(stored, text, run, dialect.limits.text_bytes)

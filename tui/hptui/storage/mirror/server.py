"""Studies in Optuna's tables on a database server, read by plain SQL in one moment each time.

PostgreSQL tells by its snapshot whether anything at all was written since the last look; elsewhere
counts and the trials that had not ended tell. A trial's rows are read again while it has not ended.
What is written to trials that have ended, such as tags, is looked for every SWEEP_S.
"""

from __future__ import annotations

import json
import math
import os
import time
from configparser import Error as ConfigParserError
from configparser import RawConfigParser
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.attribute_keys import TAGGED_KEY, TAGS_KEY
from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import safe_line
from hptui.errors import MissingExtraError
from hptui.storage.mirror.source import (
    COLUMN_ORDER,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    BareDatabaseError,
    Checkpoint,
    PasswordError,
    RowBatch,
    SourceError,
    SourceInfo,
    StudiesGone,
    TrialsGone,
)
from hptui.storage.sqlite.schema import HEAD_VERSION, KNOWN_VERSIONS, TABLES_OF_TRIAL

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Sequence

    from sqlalchemy import URL, ColumnClause, ColumnElement, Connection, Engine, Select, TableClause

    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.mirror.source import Change, Mirrored

SWEEP_S: Final = 30.0
ATTRIBUTES_S: Final = 2.0
"""How often attributes of studies are read where nothing tells whether they have changed."""
_SWEEP_COST: Final = 20.0
"""Attributes that take long to read are read again after as many times what that took."""
_CONNECT_S: Final = 10
_SILENT_MS: Final = 30_000
_TRIALS_A_CHUNK: Final = 5_000
_OPEN_A_CHUNK: Final = 500
_ROWS_A_BATCH: Final = 20_000
_NAMES: Final = frozenset({"study_name", "key", "param_name"})
_TEXTS: Final = frozenset({"value_json", "distribution_json"})
_TIMES: Final = frozenset({"datetime_start", "datetime_complete", "heartbeat"})
_WORDS: Final = frozenset({"state", "direction", "value_type", "intermediate_value_type"})
"""Columns of types of their own on PostgreSQL, whose values are words."""
_ATTRIBUTES: Final = ("trial_user_attributes", "trial_system_attributes")
_TABLES_OF_STUDY: Final = (
    "study_directions",
    "study_user_attributes",
    "study_system_attributes",
)
_DRIVERS: Final = {
    "postgresql": ("psycopg", "postgresql"),
    "mysql": ("pymysql", "mysql"),
}
"""The driver of each kind of server, and the extra that brings it."""
_STATE: Final = 3
_PASSWORDS: Final = {
    "postgresql": "The password comes from the address, from ~/.pgpass or from $PGPASSWORD.",
    "mysql": "The password comes from the address, from $MYSQL_PWD or from ~/.my.cnf.",
}


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a cursor says: how far the server was read."""

    snapshot: str | None = None
    """PostgreSQL's at the last look; None where a look was not finished, and elsewhere."""
    swept: str | None = None
    """PostgreSQL's when attributes of trials that have ended were last looked through."""
    tagged: str = ""
    """When hptui last changed tags of trials there, by study; as JSON."""

    def cursor(self) -> str:
        facts = {"snapshot": self.snapshot, "swept": self.swept, "tagged": self.tagged}
        return json.dumps(facts)


class ServerSource:
    """A database with Optuna's tables, or one study in it."""

    def __init__(self, address: SourceAddress, attributes_s: float | None = None) -> None:
        """Take an address; `attributes_s` is how often to read studies' attributes on MySQL."""
        self._address = address
        self._attributes_s = attributes_s
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._swept_s = -math.inf
        self._sweep_took_s = 0.0
        self._studies_s = -math.inf
        """When attributes of studies were last read, by the monotonic clock."""

    def open(self) -> SourceInfo:
        """Connect, and look whether its tables are Optuna's.

        Raises:
            SourceError: It cannot be reached, or its tables are others.
            MissingExtraError: The driver is not installed.
        """
        from sqlalchemy.exc import SQLAlchemyError

        try:
            self._engine = engine_of(self._address, "REPEATABLE READ")
            self._connection = self._engine.connect()
            _fetch_in_binary(self._connection)
            version = self._version(self._connection)
            self._connection.rollback()
        except SQLAlchemyError as error:
            self.close()
            raise refusal_of(self._address, error) from error
        if version != HEAD_VERSION:
            self.close()
            kind = SourceError if version else BareDatabaseError
            raise kind(
                f"{safe_line(self._address.shown)} {_about_version(version)}",
                hint=""
                if version not in KNOWN_VERSIONS
                else "optuna storage upgrade --storage ADDRESS upgrades it.",
            )
        return SourceInfo(self._address.kind, version)

    def changes(self, cursor: str | None, mirrored: Mirrored) -> Iterator[Change]:
        """Yield what was written since the cursor; see `Source.changes`.

        Raises:
            SourceError: The server cannot be read now.
        """
        from sqlalchemy.exc import SQLAlchemyError

        assert self._connection is not None, "opened before"
        try:
            with self._connection.begin():
                yield from self._look(self._connection, _seen_by(cursor), mirrored)
        except SQLAlchemyError as error:
            self.close()
            raise refusal_of(self._address, error) from error

    def close(self) -> None:
        """Let go of the connection."""
        from sqlalchemy.exc import SQLAlchemyError

        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        try:
            if connection is not None:
                connection.close()
            if engine is not None:
                engine.dispose()
        except (SQLAlchemyError, OSError):
            # It has gone by itself.
            return

    def _look(
        self, connection: Connection, seen: _Seen | None, mirrored: Mirrored
    ) -> Iterator[Change]:
        snapshot, is_first = _snapshot(connection), seen is None
        if seen is None:
            # All is read now, so that nothing need be looked for.
            seen, self._swept_s = _Seen(None, snapshot), time.monotonic()
        if snapshot is not None and snapshot == seen.snapshot:
            is_swept = snapshot == seen.swept or not self._is_sweep_due()
            if is_swept:
                return
        unfinished = _Seen(None, seen.swept, seen.tagged).cursor()
        tagged = seen.tagged
        yield from self._studies(connection, mirrored)
        every_s = ATTRIBUTES_S if self._attributes_s is None else self._attributes_s
        if snapshot is not None or time.monotonic() - self._studies_s >= every_s:
            tagged = yield from self._attributes(connection, mirrored)
            self._studies_s = time.monotonic()
        yield from self._open_trials(connection, mirrored)
        yield from self._new_trials(connection, mirrored, unfinished)
        swept = seen.swept
        if self._is_sweep_due():
            yield from self._sweep(connection, swept, mirrored)
            swept = snapshot
        elif tagged != seen.tagged and not is_first:
            yield from self._tags(connection, mirrored)
        yield Checkpoint(_Seen(snapshot, swept, tagged).cursor())

    def _is_sweep_due(self) -> bool:
        pause_s = max(SWEEP_S, _SWEEP_COST * self._sweep_took_s)
        return time.monotonic() - self._swept_s >= pause_s

    # Studies.

    def _study_ids(self, connection: Connection) -> dict[int, str]:
        from sqlalchemy import select

        table = table_of("studies")
        query = select(*_columns(connection, table))
        if self._address.only is not None:
            query = query.where(table.c.study_name == self._address.only)
        rows: list[tuple[Any, ...]] = [tuple(row) for row in connection.execute(query)]
        return {int(study_id): str(name) for study_id, name in rows}

    def _studies(self, connection: Connection, mirrored: Mirrored) -> Iterator[Change]:
        there, known = self._study_ids(connection), mirrored.studies()
        if gone := sorted(known.keys() - there.keys()):
            yield StudiesGone(gone)
        new = {each: name for each, name in there.items() if known.get(each) != name}
        if new:
            # All of them: two may have changed names.
            yield RowBatch("studies", sorted(there.items()))
            self._studies_s = -math.inf

    def _attributes(
        self, connection: Connection, mirrored: Mirrored
    ) -> Generator[Change, None, str]:
        """Yield directions and attributes of the studies; return when tags were changed there."""
        from sqlalchemy import select

        tagged: list[tuple[Any, ...]] = []
        for name in _TABLES_OF_STUDY:
            table = table_of(name)
            columns = _columns(connection, table)
            query = select(*columns).order_by(columns[0])
            if self._address.only is not None:
                query = query.where(table.c.study_id.in_(list(mirrored.studies())))
            rows = [tuple(row) for row in connection.execute(query)]
            tagged += [row[1:] for row in rows if row[2] == TAGGED_KEY]
            yield RowBatch(name, rows, is_whole=True)
        return json.dumps(tagged) if tagged else ""

    # Trials.

    def _open_trials(self, connection: Connection, mirrored: Mirrored) -> Iterator[Change]:
        """Yield what has become of the trials that had not ended at the last look."""
        known = mirrored.open_trials()
        for ids in _chunks(sorted(known), _OPEN_A_CHUNK):
            now = {row[0]: row for row in _rows_of(connection, "trials", ids, key="trial_id")}
            changed = [row for key, row in now.items() if tuple(known[key]) != tuple(row)]
            if changed:
                yield RowBatch("trials", changed)
            # A waiting trial has nothing that changes but its state.
            moved = {row[0] for row in changed}
            again = [key for key, row in now.items() if row[_STATE] != "WAITING" or key in moved]
            if again:
                for name in TABLES_OF_TRIAL:
                    rows = list(_rows_of(connection, name, again, key="trial_id"))
                    yield RowBatch(name, rows, of_trials=again)

    def _new_trials(
        self, connection: Connection, mirrored: Mirrored, unfinished: str
    ) -> Iterator[Change]:
        """Yield what the studies have got since; each checkpoint has the cursor `unfinished`."""
        from sqlalchemy import func, select

        table, studies = table_of("trials"), mirrored.studies()
        query = select(table.c.study_id, func.max(table.c.trial_id), func.count())
        if self._address.only is not None:
            query = query.where(table.c.study_id.in_(list(studies)))
        known = mirrored.trials()
        counted = connection.execute(query.group_by(table.c.study_id)).all()
        there = {study_id: (last, count) for study_id, last, count in counted}
        for study_id in studies:
            known_last, known_count = known.get(study_id, (0, 0))
            last, count = there.get(study_id, (0, 0))
            if (last, count) == (known_last, known_count):
                continue
            n_new = connection.execute(
                select(func.count()).where(
                    table.c.study_id == study_id, table.c.trial_id > known_last
                )
            ).scalar_one()
            if known_count + n_new != count:
                # Trials were deleted, or came with lower ids.
                yield TrialsGone(study_id)
                known_last = -1
            yield from self._after(connection, study_id, known_last, unfinished)

    def _after(
        self, connection: Connection, study_id: int, last: int, unfinished: str
    ) -> Iterator[Change]:
        """Yield the trials of a study after an id, with all that belongs to them."""
        from sqlalchemy import select

        table = table_of("trials")
        while True:
            query = (
                select(*_columns(connection, table))
                .where(table.c.study_id == study_id, table.c.trial_id > last)
                .order_by(table.c.trial_id)
                .limit(_TRIALS_A_CHUNK)
            )
            rows = [tuple(row) for row in connection.execute(query)]
            if not rows:
                return
            low, last = rows[0][0], rows[-1][0]
            yield RowBatch("trials", rows)
            for name in TABLES_OF_TRIAL:
                yield from self._between(connection, name, study_id, low, last)
            yield Checkpoint(unfinished)

    def _between(
        self, connection: Connection, name: str, study_id: int, low: int, high: int
    ) -> Iterator[Change]:
        from sqlalchemy import select

        table, trials = table_of(name), table_of("trials")
        of_study = select(trials.c.trial_id).where(
            trials.c.study_id == study_id, trials.c.trial_id.between(low, high)
        )
        query = select(*_columns(connection, table)).where(
            table.c.trial_id.between(low, high), table.c.trial_id.in_(of_study)
        )
        yield from _streamed(connection, name, query)

    # What changes on trials that have ended.

    def _sweep(
        self, connection: Connection, swept: str | None, mirrored: Mirrored
    ) -> Iterator[Change]:
        """Yield the attributes of trials that were written since the last sweep, or all."""
        from sqlalchemy import func, select, text

        began_s, trials = time.monotonic(), table_of("trials")
        of_mine = select(trials.c.trial_id)
        of_mine = of_mine.where(trials.c.study_id.in_(list(mirrored.studies())))
        for name in _ATTRIBUTES:
            table = table_of(name)
            query = select(*_columns(connection, table)).where(table.c.trial_id.in_(of_mine))
            recent = query
            if swept is not None:
                oldest = int(swept.partition(":")[0]) % 2**32
                recent = query.where(text(f"age({name}.xmin) <= age('{oldest}'::xid)"))
            yield from _streamed(connection, name, recent)
            counted = select(func.count()).select_from(table)
            count = connection.execute(counted.where(table.c.trial_id.in_(of_mine))).scalar_one()
            if count != mirrored.count(name):
                # Some were deleted.
                rows = [tuple(row) for row in connection.execute(query)]
                yield RowBatch(name, rows, is_whole=True)
        self._swept_s = time.monotonic()
        self._sweep_took_s = self._swept_s - began_s

    def _tags(self, connection: Connection, mirrored: Mirrored) -> Iterator[Change]:
        """Yield the tags of all trials."""
        from sqlalchemy import select

        trials, table = table_of("trials"), table_of("trial_user_attributes")
        of_mine = select(trials.c.trial_id)
        of_mine = of_mine.where(trials.c.study_id.in_(list(mirrored.studies())))
        query = select(*_columns(connection, table)).where(
            table.c.key == TAGS_KEY, table.c.trial_id.in_(of_mine)
        )
        yield from _streamed(connection, table.name, query)

    # Words.

    def _version(self, connection: Connection) -> str:
        from sqlalchemy import inspect, text

        tables = set(inspect(connection).get_table_names())
        if not {"studies", "trials", "version_info"} <= tables:
            return ""
        if "alembic_version" not in tables:
            return KNOWN_VERSIONS[0]
        found = connection.execute(text("SELECT version_num FROM alembic_version")).first()
        return KNOWN_VERSIONS[0] if found is None else str(found[0])


def _streamed(
    connection: Connection, name: str, query: Select[tuple[Any, ...]]
) -> Iterator[Change]:
    """Yield rows as they come: a study may have millions of reports.

    They come from the driver's cursor: what SQLAlchemy makes of each costs more than to fetch it.
    """
    options: dict[str, Any] = {"stream_results": True}
    with connection.execute(query, execution_options=options) as result:
        # It has been fetched already.
        first = result.fetchone()
        if first is None:
            return
        cursor: Any = result.cursor
        rows: list[tuple[Any, ...]] = [tuple(first), *cursor.fetchmany(_ROWS_A_BATCH)]
        while rows:
            yield RowBatch(name, rows)
            rows = cursor.fetchmany(_ROWS_A_BATCH)


def _fetch_in_binary(connection: Connection) -> None:
    """Let psycopg stream numbers as they are, which nobody has to spell and read again."""
    if connection.dialect.driver != "psycopg":
        return
    from importlib import import_module

    psycopg: Any = import_module("psycopg")

    def cursor(*given: object, **named: object) -> Any:  # noqa: ANN401
        made = psycopg.ServerCursor(*given, **named)
        made.format = psycopg.pq.Format.BINARY
        return made

    driven: Any = connection.connection.driver_connection
    driven.server_cursor_factory = cursor


def _about_version(version: str) -> str:
    if not version:
        return "is a database without Optuna's tables."
    if version in KNOWN_VERSIONS:
        return f"has the tables of an older Optuna (schema {version})."
    return (
        f"has the tables of a newer Optuna: its schema is {safe_line(version, max_chars=40)}, and "
        f"{HEAD_VERSION} is the newest that is known here."
    )


def refusal_of(address: SourceAddress, error: Exception, verb: str = "read") -> SourceError:
    """Return what a driver's error means, without what it says of SQL.

    Args:
        address: The server.
        error: What the driver, or SQLAlchemy for it, has raised.
        verb: What could not be done there.
    """
    said = str(getattr(error, "orig", None) or error).strip()
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    what = safe_line(" ".join(lines[:2]) or type(error).__name__, max_chars=300)
    end = "" if what.endswith((".", "!", "?")) else "."
    sentence = f"{safe_line(address.shown)} cannot be {verb}: {what}{end}"
    if "password" in said or "Access denied" in said:
        return PasswordError(sentence, hint=_PASSWORDS.get(address.kind, ""))
    return SourceError(sentence)


def url_of(address: SourceAddress) -> URL:
    """Return an address for SQLAlchemy, with a driver that is installed.

    Raises:
        MissingExtraError: None is.
    """
    from importlib.util import find_spec

    from sqlalchemy import make_url

    url = make_url(address.url)
    driver, extra = _DRIVERS[address.kind]
    _, _, named = url.drivername.partition("+")
    if find_spec(driver) is not None:
        url = url.set(drivername=f"{address.kind}+{driver}")
    elif not named or find_spec(named) is None:
        raise MissingExtraError(
            f"Studies on {address.kind} servers need the package {driver}.",
            hint=f"pip install 'hptui[{extra}]'",
        )
    if address.kind == "mysql" and url.password is None:
        url = url.set(password=os.environ.get("MYSQL_PWD") or _password_of_client())
    return url


def _password_of_client() -> str | None:
    """Return the password in the file of MySQL's own programs, ~/.my.cnf; None without one."""
    options = RawConfigParser(allow_no_value=True, strict=False, interpolation=None)
    try:
        options.read(Path("~/.my.cnf").expanduser(), encoding="utf-8")
        found = options.get("client", "password", fallback=None)
    except (ConfigParserError, OSError, UnicodeDecodeError, RuntimeError):
        return None
    return None if found is None else found.strip("\"'")


def engine_of(address: SourceAddress, isolation: str) -> Engine:
    """Return what connects to a server, for transactions of one level of isolation.

    Raises:
        MissingExtraError: No driver for it is installed.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    url = url_of(address)
    options: dict[str, Any] = {}
    if "pymysql" in url.drivername:
        options = {"connect_timeout": _CONNECT_S, "read_timeout": _SILENT_MS // 1000}
    elif "psycopg" in url.drivername:
        options = {"connect_timeout": _CONNECT_S, "tcp_user_timeout": _SILENT_MS}
    return create_engine(url, poolclass=NullPool, connect_args=options, isolation_level=isolation)


def _seen_by(cursor: str | None) -> _Seen | None:
    facts: Any = None if cursor is None else read_json(cursor)
    if facts is None:
        return None
    # An older version did not say when tags were changed.
    return _Seen(facts["snapshot"], facts["swept"], facts.get("tagged", ""))


def _snapshot(connection: Connection) -> str | None:
    """Return what changes with each transaction on the server; None where nothing tells."""
    from sqlalchemy import text

    if connection.dialect.name != "postgresql":
        return None
    connection.execute(text("SET TRANSACTION READ ONLY"))
    return str(connection.execute(text("SELECT pg_current_snapshot()::text")).scalar_one())


def table_of(name: str) -> TableClause:
    """Return one of Optuna's tables, for statements."""
    from sqlalchemy import column, table

    columns: list[ColumnClause[Any]] = [column(each) for each in COLUMN_ORDER[name]]
    return table(name, *columns)


def _columns(connection: Connection, table: TableClause) -> list[ColumnElement[Any]]:
    """Return a table's columns as SQLite is to have them: texts of bounded length, times as text.

    Nothing that a driver makes of a time, or fails to make of it, gets in the way so.
    """
    from sqlalchemy import Text, case, cast, func, literal

    dialect = connection.dialect.name
    columns: list[ColumnElement[Any]] = []
    for each in table.c:
        if each.name in _NAMES:
            columns.append(func.substr(each, 1, MAX_NAME_CHARS))
        elif each.name in _TEXTS:
            long = literal('"(left out: it is too long)"')
            columns.append(case((func.octet_length(each) > MAX_TEXT_CHARS, long), else_=each))
        elif each.name in _WORDS and dialect == "postgresql":
            columns.append(cast(each, Text))
        elif each.name in _TIMES and dialect == "postgresql":
            columns.append(func.to_char(each, "YYYY-MM-DD HH24:MI:SS.US"))
        elif each.name in _TIMES:
            columns.append(func.date_format(each, "%Y-%m-%d %H:%i:%s.%f"))
        else:
            columns.append(each)
    return columns


def _rows_of(
    connection: Connection, name: str, ids: Sequence[int], *, key: str
) -> Iterator[tuple[Any, ...]]:
    from sqlalchemy import select

    table = table_of(name)
    query = select(*_columns(connection, table)).where(table.c[key].in_(list(ids)))
    rows = connection.execute(query.order_by(table.c[COLUMN_ORDER[name][0]])).all()
    return (tuple(row) for row in rows)


def _chunks(ids: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), size):
        yield ids[start : start + size]

"""One study on a server, as the engine that runs it writes it and follows what others write.

Each write is a transaction that also writes the engine's mark with a number: where the connection
was lost in mid-commit, the number tells afterwards whether it was committed.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import math
import secrets
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, TypeGuard, cast

from hptui.domain.attribute_keys import ENGINE_PREFIX, STUDY_KEY
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, StudyBusyError, StudyFileError
from hptui.storage.mirror.following import MirrorWriter, engine_writing
from hptui.storage.mirror.mirrors import mirror_path
from hptui.storage.mirror.server import ServerSource, refusal_of, url_of
from hptui.storage.mirror.source import SourceError
from hptui.storage.server.engines import BEAT_S, EngineMark, read_mark, require_alone
from hptui.storage.server.errands import Errands
from hptui.storage.server.statements import (
    Dialect,
    TrialsLostError,
    insert_trial,
    lock_open,
    lock_study,
    next_number,
    put_study_attributes,
    study_attributes,
    write_rows,
)
from hptui.storage.sqlite.connection import StorageBusyError
from hptui.storage.sqlite.schema import TABLES_OF_STUDY, TABLES_OF_TRIAL
from hptui.storage.sqlite.timestamps import from_text, now

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Hashable, Sequence
    from pathlib import Path

    from sqlalchemy import Connection, Engine

    from hptui.storage.files.leases import Lease
    from hptui.storage.mirror.address import SourceAddress
    from hptui.storage.sqlite.write_buffer import Limits, WriteBuffer

LOOK_S: Final = 0.5
"""How often what others write is taken into the mirror."""
_LOOK_SHARE: Final = 0.1
_LONGEST_REST_S: Final = 5.0
_CONNECT_S: Final = 5
_STATEMENT_MS: Final = 15_000
_LOCK_MS: Final = 5_000
_WAIT_S: Final = 0.5
"""How long the engine's loop waits for the server at a time."""
_LAST_S: Final = 5.0
_BEAT_AGAIN_S: Final = 1.0
_LOOK: Final = "look"
_PUSH: Final = "push"


class StudyServer:
    """A server with the study that this process runs; all that is sent there goes by one thread.

    The study's mirror is this process's alone to write until `close`.
    """

    def __init__(self, address: SourceAddress) -> None:
        """Take the mirror, which a process of the application may be writing now.

        Raises:
            StudyFileError: The folder of the mirrors cannot be written.
            StudyBusyError: Another process keeps the mirror.
        """
        self.address = address
        self.shown = safe_line(address.shown)
        self.path: Path = mirror_path(address)
        self.dialect = Dialect(address.kind == "mysql")
        self._exit = contextlib.ExitStack()
        if not self._exit.enter_context(engine_writing(self.path)):
            self._exit.close()
            raise StudyBusyError(
                f"Another process of yours copies {safe_line(address)} to {self.path.name}.",
                hint="hptui status tells whether a run of yours goes on there. Else try again.",
            )
        # What was written must be in the mirror at once: memory takes it from there.
        self._writer = MirrorWriter(address, self.path, lambda each: ServerSource(each, 0.0))
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._mark: EngineMark | None = None
        self._study_id = 0
        self._server_ahead_s = 0.0
        """How far the server's clock is ahead of this process's monotonic one."""
        self._uncertain: tuple[Hashable, int, Any] | None = None
        """The write of which it is not known whether it was committed, its number and result."""
        self._committed: dict[Hashable, Any] = {}
        self._running: frozenset[int] = frozenset()
        """The trials that this engine runs; a new set each time, since the thread reads it."""
        self._look_at_s = self._beat_at_s = math.inf
        self._is_closed = False
        self._errands = Errands(self.shown, self._idle)

    @property
    def limits(self) -> Limits:
        """What the server's columns hold."""
        return self.dialect.limits

    @property
    def unclaimed(self) -> bool:
        """Whether the server has done something, or does, that the engine does not know yet."""
        # A trial that was only made is read like any other, and given to who asks for one next.
        open_ends = [key for key in self._errands.unclaimed if key == _PUSH or _is_take(key)]
        return self._errands.is_busy or bool(open_ends)

    def now(self) -> tuple[datetime.datetime, str]:
        """Return the present time as naive local time, and as text, as the server keeps both."""
        _, text = now()
        text = self.dialect.whole_seconds(text) or text
        return from_text(text), text

    # -- before the run

    def has_tables(self) -> bool:
        """Connect, and say whether the database has Optuna's tables, of the version that is known.

        Raises:
            SourceError: It cannot be reached, or its tables are of another version.
        """
        return self._errands.do("tables", self._has_tables, _STATEMENT_MS / 1000)

    def _has_tables(self) -> bool:
        from sqlalchemy import inspect

        with self._telling("read"):
            connection = self._connected()
            with connection.begin():
                tables = set(inspect(connection).get_table_names())
        if "studies" not in tables or "trials" not in tables:
            return False
        source = ServerSource(self.address)
        source.open()
        source.close()
        return True

    def make_tables(self) -> None:
        """Have Optuna make its tables.

        Raises:
            SourceError: The server refuses.
        """
        self._errands.do("make", self._make_tables, _STATEMENT_MS / 1000)

    def _make_tables(self) -> None:
        from optuna.storages import RDBStorage

        with self._telling("written"):
            storage = RDBStorage(url_of(self.address).render_as_string(hide_password=False))
            storage.remove_session()
            storage.engine.dispose()

    def create_study(self, name: str, directions: Sequence[str]) -> bool:
        """Create a study, which a look takes in; False where there is one of this name.

        Raises:
            HptuiError: The server refuses.
        """
        from sqlalchemy.exc import IntegrityError

        def create() -> bool:
            with self._telling("written"):
                connection = self._connected()
                try:
                    with connection.begin():
                        insert = "INSERT INTO studies (study_name) VALUES (%s)"
                        connection.exec_driver_sql(insert, (name,))
                        study_id = connection.exec_driver_sql(
                            "SELECT study_id FROM studies WHERE study_name = %s", (name,)
                        ).scalar_one()
                        connection.exec_driver_sql(
                            "INSERT INTO study_directions (direction, study_id, objective)"
                            " VALUES (%s, %s, %s)",
                            [(each, study_id, index) for index, each in enumerate(directions)],
                        )
                except IntegrityError:
                    return False
                return True

        return bool(self._errands.do("create study", create, _STATEMENT_MS / 1000))

    def delete_study(self, study_id: int) -> None:
        """Delete a study with its trials.

        Raises:
            HptuiError: The server refuses.
        """

        def delete(connection: Connection) -> None:
            of_study = "trial_id IN (SELECT trial_id FROM trials WHERE study_id = %s)"
            for table in TABLES_OF_TRIAL:
                connection.exec_driver_sql(f"DELETE FROM {table} WHERE {of_study}", (study_id,))
            for table in ("trials", *TABLES_OF_STUDY, "studies"):
                connection.exec_driver_sql(f"DELETE FROM {table} WHERE study_id = %s", (study_id,))

        self._write("delete", delete, _STATEMENT_MS / 1000)

    def claim(self, study_id: int, lease: Lease, *, join: bool) -> set[str]:
        """Say on the server that this engine runs a study from now on.

        Args:
            study_id: The study.
            lease: What tells of this engine.
            join: Whether others may run it, too.

        Returns:
            The ids of the other runs that go on now.

        Raises:
            StudyBusyError: Another living engine runs it, and `join` is not set.
        """
        living: set[str] = self._errands.do(
            "claim", lambda: self._claim(study_id, lease, join=join), _STATEMENT_MS / 1000
        )
        return living

    def _claim(self, study_id: int, lease: Lease, *, join: bool) -> set[str]:
        with self._telling("written"):
            connection = self._connected()
            with connection.begin():
                if not lock_study(connection, study_id):
                    raise StudyBusyError("The study was deleted at this moment.")
                now_s = self._server_time(connection)
                found = study_attributes(self.dialect, connection, study_id, f"{ENGINE_PREFIX}%")
                marks = {key: read_mark(text) for key, text in found.items()}
                others = [mark for mark in marks.values() if mark is not None]
                if not join:
                    require_alone(others, lease.study, now_s)
                living = {mark.lease.run for mark in others if mark.is_alive(now_s)}
                for key, mark in marks.items():
                    if mark is None or mark.lease.run not in living:
                        self._delete_attribute(connection, study_id, key)
                self._require_token(connection, study_id)
                self._study_id = study_id
                self._write_mark(connection, EngineMark(lease, now_s))
        self._beat_at_s = time.monotonic() + BEAT_S
        self._look_at_s = time.monotonic()
        return living

    def _require_token(self, connection: Connection, study_id: int) -> None:
        """Give a study what tells it from all others, before two engines do."""
        if study_attributes(self.dialect, connection, study_id, STUDY_KEY):
            return
        created = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        about = {"token": secrets.token_hex(16), "created": created}
        row = (study_id, STUDY_KEY, json.dumps(about))
        put_study_attributes(self.dialect, connection, "system", [row])

    def heartbeats(self, study_id: int) -> dict[int, float]:
        """Return how old the heartbeat of each running trial is that has one, by id, in seconds."""

        def read() -> dict[int, float]:
            with self._telling("read"):
                connection = self._connected()
                with connection.begin():
                    age = self.dialect.age_of("heartbeat")
                    rows: Any = connection.exec_driver_sql(
                        f"SELECT trial_id, {age} FROM trial_heartbeats JOIN trials USING (trial_id)"
                        " WHERE study_id = %s AND state = 'RUNNING'",
                        (study_id,),
                    )
                    return {int(trial_id): float(age_s) for trial_id, age_s in rows}

        return self._errands.do("heartbeats", read, _STATEMENT_MS / 1000)

    # -- what the storage asks

    def look(self, wait_s: float) -> None:
        """Take into the mirror what was written on the server.

        Raises:
            StorageBusyError: It does not answer, or not yet.
        """
        # One from before what was sent since tells too little.
        self._errands.forget(_LOOK)
        self._errands.do(_LOOK, self._look, wait_s)

    def create_trial(
        self, study_id: int, rows: WriteBuffer, wait_s: float | None = None
    ) -> tuple[int, int]:
        """Store a new trial; return its id and its number, which the server gives.

        Args:
            study_id: The study.
            rows: Its row in `trials`, and what belongs to it, whatever its id there is.
            wait_s: How long to wait; without it, as the engine's loop does.

        Raises:
            StorageBusyError: It is not stored yet.
        """
        (new,) = rows.new_trials.values()
        # One that only runs is as good for whoever asks next.
        is_plain = len(rows) == 1 and new.state.name == "RUNNING"
        key: Hashable = ("create", study_id) if is_plain else ("add", id(rows))

        def create(connection: Connection) -> tuple[int, int]:
            if not lock_study(connection, study_id):
                raise StorageBusyError("The study was deleted.")
            number = next_number(connection, study_id)
            row = (number, study_id, new.state.name, new.start, new.complete)
            trial_id = insert_trial(self.dialect, connection, row)
            run = "" if self._mark is None else self._mark.lease.run
            write_rows(self.dialect, connection, rows, run, trial_id)
            if new.state.name == "RUNNING":
                self.dialect.beat(connection, [trial_id])
            return trial_id, number

        trial_id, number = self._write(key, create, wait_s or _WAIT_S)
        if new.state.name == "RUNNING":
            self._running |= {trial_id}
        return trial_id, number

    def keep_trial(self, study_id: int, trial_id: int, number: int) -> None:
        """Keep a trial that was created and could not be used yet for who asks for the next one."""
        self._errands.keep(("create", study_id), (trial_id, number))

    def take_up(self, trial_id: int, start: str) -> bool:
        """Have a waiting trial run here; False where somebody else was quicker.

        Raises:
            StorageBusyError: That is not known yet.
        """

        def take(connection: Connection) -> bool:
            done = connection.exec_driver_sql(
                "UPDATE trials SET state = 'RUNNING', datetime_start = %s"
                " WHERE trial_id = %s AND state = 'WAITING'",
                (self.dialect.whole_seconds(start), trial_id),
            )
            if done.rowcount:
                self.dialect.beat(connection, [trial_id])
            return bool(done.rowcount)

        is_taken = bool(self._write(("take", trial_id), take, _WAIT_S))
        if is_taken:
            self._running |= {trial_id}
        return is_taken

    def push(self, rows: WriteBuffer, wait_s: float) -> tuple[WriteBuffer, set[int]]:
        """Write gathered rows in one transaction.

        Returns:
            The rows that were written, which may be those of an earlier call that did not wait
            for its end, and the trials that are lost: then nothing was written.

        Raises:
            StorageBusyError: They are not written yet, or the server is away.
            StudyFileError: The server will not have them.
        """
        written = rows.copied()
        run = "" if self._mark is None else self._mark.lease.run

        def write(connection: Connection) -> tuple[WriteBuffer, set[int]]:
            lock_open(connection, written.changed_ids())
            write_rows(self.dialect, connection, written, run)
            return written, set()

        try:
            done, lost = self._write(_PUSH, write, max(wait_s, _WAIT_S))
        except TrialsLostError as error:
            return written, error.trial_ids
        changes = done.changed_trials.values()
        self._running -= {each.trial_id for each in changes if each.state.is_finished()}
        return done, lost

    def close(self, wait_s: float = _LAST_S) -> None:
        """Say that this engine runs the study no longer, bring the mirror up to date, let go."""
        if self._is_closed:
            return
        self._is_closed = True
        with contextlib.suppress(HptuiError):
            self._errands.do("release", self._release, wait_s)
        if self._errands.end(wait_s):
            self._exit.close()

    # -- the thread

    def _write(self, key: Hashable, work: Callable[[Connection], Any], wait_s: float) -> Any:  # noqa: ANN401 - what the work returns
        return self._errands.do(key, lambda: self._in_transaction(key, work), wait_s)

    def _in_transaction(self, key: Hashable, work: Callable[[Connection], Any]) -> Any:  # noqa: ANN401
        with self._telling("written"):
            connection = self._connected()
            self._settle(connection)
            if key in self._committed:
                return self._committed.pop(key)
            with connection.begin():
                result = work(connection)
                mark = self._mark
                if mark is not None:
                    mark = replace(mark, n_written=mark.n_written + 1)
                    self._write_mark(connection, mark)
                    # From here on an error leaves open whether it is committed.
                    self._uncertain = (key, mark.n_written, result)
            self._uncertain = None
            return result

    def _settle(self, connection: Connection) -> None:
        """Find out whether the write was committed whose commit got no answer."""
        uncertain, mark = self._uncertain, self._mark
        if uncertain is None or mark is None:
            return
        key, number, result = uncertain
        with connection.begin():
            # The lock is free when the server has done with that write, one way or the other.
            connection.exec_driver_sql(
                "SELECT study_id FROM study_system_attributes WHERE study_id = %s"
                f" AND {self.dialect.key} = %s FOR UPDATE",
                (self._study_id, mark.key),
            )
            found = study_attributes(self.dialect, connection, self._study_id, mark.key)
        stored = read_mark(found.get(mark.key, ""))
        if stored is not None and stored.n_written == number:
            self._committed[key] = result
        self._uncertain = None

    def _write_mark(self, connection: Connection, mark: EngineMark) -> None:
        self._mark = replace(mark, beat_s=time.monotonic() + self._server_ahead_s)
        row = (self._study_id, self._mark.key, self._mark.spell())
        put_study_attributes(self.dialect, connection, "system", [row])

    def _server_time(self, connection: Connection) -> float:
        now_s = float(connection.exec_driver_sql(f"SELECT {self.dialect.now_s}").scalar_one())
        self._server_ahead_s = now_s - time.monotonic()
        return now_s

    def _idle(self) -> float:
        """Do what is due by the clock; return after how many seconds the next thing is."""
        if time.monotonic() >= self._beat_at_s:
            self._beat_at_s = time.monotonic() + BEAT_S
            try:
                self._beat()
            except HptuiError:
                self._beat_at_s = time.monotonic() + _BEAT_AGAIN_S
        if time.monotonic() >= self._look_at_s:
            # The mirror's state says what is wrong.
            with contextlib.suppress(HptuiError):
                self._look()
        now_s = time.monotonic()
        return min(_LONGEST_REST_S, max(0.0, min(self._beat_at_s, self._look_at_s) - now_s))

    def _beat(self) -> None:
        mark = self._mark
        if mark is None:
            return
        with self._telling("written"):
            connection = self._connected()
            self._settle(connection)
            with connection.begin():
                self._server_time(connection)
                self._write_mark(connection, mark)
                self.dialect.beat(connection, self._running)

    def _look(self) -> None:
        began_s = time.monotonic()
        try:
            self._writer.step()
        except SourceError as error:
            raise StorageBusyError(error.message) from error
        finally:
            took_s = time.monotonic() - began_s
            rest_s = min(_LONGEST_REST_S, max(LOOK_S, took_s / _LOOK_SHARE))
            self._look_at_s = time.monotonic() + rest_s

    def _release(self) -> None:
        mark = self._mark
        try:
            with self._telling("written"):
                if mark is not None:
                    connection = self._connected()
                    self._settle(connection)
                    with connection.begin():
                        self._give_back(connection)
                        self._delete_attribute(connection, self._study_id, mark.key)
            self._look()
        finally:
            self._mark = None
            self._look_at_s = self._beat_at_s = math.inf
            self._writer.close()
            self._let_go()

    def _give_back(self, connection: Connection) -> None:
        """Let go of trials that were made or taken up, and of which the engine was never told."""
        for key, result in {**self._errands.unclaimed, **self._committed}.items():
            if _is_take(key) and result:
                state, of = "WAITING", key[1]
            elif isinstance(key, tuple) and "create" in key:
                state, of = "FAIL", result[0]
            else:
                continue
            connection.exec_driver_sql(
                "UPDATE trials SET state = %s WHERE trial_id = %s AND state = 'RUNNING'",
                (state, of),
            )

    def _delete_attribute(self, connection: Connection, study_id: int, key: str) -> None:
        connection.exec_driver_sql(
            f"DELETE FROM study_system_attributes WHERE study_id = %s AND {self.dialect.key} = %s",
            (study_id, key),
        )

    # -- the connection

    def _connected(self) -> Connection:
        if self._connection is None:
            self._engine = self._engine or _engine_of(self.address)
            connection = self._connection = self._engine.connect()
            if not self.dialect.is_mysql:
                with connection.begin():
                    connection.exec_driver_sql(f"SET statement_timeout = {_STATEMENT_MS}")
                    connection.exec_driver_sql(f"SET lock_timeout = {_LOCK_MS}")
        return self._connection

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # It has gone by itself.
            with contextlib.suppress(Exception):
                connection.invalidate()
                connection.close()

    @contextlib.contextmanager
    def _telling(self, verb: str) -> Generator[None]:
        """Say what an error of a driver means: one that may pass, or one that will not.

        Raises:
            StorageBusyError: The server is away, or somebody holds what is to be written.
            StudyFileError: The server refuses, and will again.
        """
        from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

        try:
            yield
        except SQLAlchemyError as error:
            self._let_go()
            refusal = refusal_of(self.address, error, verb)
            may_pass = isinstance(error, (OperationalError, InterfaceError)) or (
                isinstance(error, DBAPIError) and error.connection_invalidated
            )
            kind = StorageBusyError if may_pass else StudyFileError
            raise kind(f"{refusal.message.rstrip('. ')}.", hint=refusal.hint) from error
        except OSError as error:
            self._let_go()
            raise StorageBusyError(f"{self.shown} cannot be {verb}: {safe_line(error)}.") from error


def _is_take(key: Hashable) -> TypeGuard[tuple[str, int]]:
    return isinstance(key, tuple) and cast("tuple[object, ...]", key)[0] == "take"


def _engine_of(address: SourceAddress) -> Engine:
    from sqlalchemy import create_engine
    from sqlalchemy.pool import NullPool

    url = url_of(address)
    options: dict[str, Any] = {"connect_timeout": _CONNECT_S}
    seconds = _STATEMENT_MS // 1000
    if "pymysql" in url.drivername:
        options |= {"read_timeout": seconds, "write_timeout": seconds}
    elif "psycopg" in url.drivername:
        options["tcp_user_timeout"] = _STATEMENT_MS
    return create_engine(
        url, poolclass=NullPool, connect_args=options, isolation_level="READ COMMITTED"
    )

"""The local file of a mirror: its tables are Optuna's, its rows and ids those of the source.

The cursor of the source stands in a file beside it, whose name has a number that is also in the
study file (`PRAGMA user_version`): both are of one transaction, whenever the process is killed.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from importlib.metadata import version
from itertools import chain
from typing import TYPE_CHECKING, Final

from hptui.storage.files.side_files import open_side_file, read_side_file, write_private
from hptui.storage.files.study_lock import opening
from hptui.storage.mirror.source import (
    COLUMN_ORDER,
    Checkpoint,
    RowBatch,
    StartOver,
    StudiesGone,
    TrialsGone,
)
from hptui.storage.sqlite.connection import as_storage_error, file_uri, is_on_network
from hptui.storage.sqlite.schema import TABLES_OF_STUDY, TABLES_OF_TRIAL, create_schema

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    from hptui.storage.mirror.source import Change

_BUSY_TIMEOUT_S: Final = 30.0
_MAX_CURSOR_BYTES: Final = 10_000_000
_MAX_VARIABLES: Final = 10_000
_ROWS_A_STATEMENT: Final = 200
"""Many rows in one statement take half of the time that a statement for each takes."""
_GREATEST_ID: Final = 2**63 - 1
_UNFIT: Final = (
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.IntegrityError,
    sqlite3.DataError,
    OverflowError,
    ValueError,
)
"""What SQLite says of a value that it, or the table, cannot hold."""


class MirrorFile:
    """A study file that only its source changes. One process has it open for writing at a time.

    Methods raise `HptuiError` where the disk refuses.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.notes: Sequence[str] = ()
        """What of the source could not be read at the last checkpoint."""
        self.n_unfit = 0
        """How many rows were left out because SQLite cannot hold them."""
        self._cursor: str | None = None
        self._connection = self._opened()

    @property
    def cursor(self) -> str | None:
        """The source's cursor of the last checkpoint; None where there is none."""
        if self._cursor is not None:
            return self._cursor
        try:
            return read_side_file(self._cursor_file(self._number()), _MAX_CURSOR_BYTES)
        except (OSError, UnicodeDecodeError):
            return None

    def take(self, changes: Iterable[Change]) -> bool:
        """Write what a source says; what comes after its last checkpoint is not kept.

        Returns:
            Whether anything was changed.
        """
        has_changed = False
        try:
            for change in changes:
                if isinstance(change, Checkpoint):
                    has_changed |= self._connection.in_transaction
                    self._check_point(change)
                else:
                    self._write(change)
        except sqlite3.Error as error:
            raise as_storage_error(error, self.path) from error
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
        return has_changed

    def clear(self) -> None:
        """Make it empty, as it is for a source of which nothing was read."""
        self.take([StartOver(), Checkpoint("")])

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    # What a source asks.

    def studies(self) -> dict[int, str]:
        """Return the names of the studies by their ids."""
        return dict(self._connection.execute("SELECT study_id, study_name FROM studies"))

    def trials(self) -> dict[int, tuple[int, int]]:
        """Return, by study id, the greatest trial id and how many trials there are."""
        rows = self._connection.execute(
            "SELECT study_id, MAX(trial_id), COUNT(*) FROM trials GROUP BY study_id"
        )
        return {study_id: (last, count) for study_id, last, count in rows}

    def open_trials(self) -> dict[int, tuple[object, ...]]:
        """Return the rows of the trials that have not ended, by their ids."""
        rows = self._connection.execute(
            f"SELECT {', '.join(COLUMN_ORDER['trials'])} FROM trials "
            "WHERE state IN ('RUNNING', 'WAITING')"
        )
        return {row[0]: row for row in rows}

    def count(self, table: str) -> int:
        """Return how many rows a table has."""
        (count,) = self._connection.execute(f"SELECT COUNT(*) FROM {table}").fetchone()
        return int(count)

    def first_distribution(self, study_id: int, name: str) -> str | None:
        """Return the distribution that a parameter had first in a study, as JSON."""
        found = self._connection.execute(
            "SELECT distribution_json FROM trials JOIN trial_params USING (trial_id) "
            "WHERE study_id = ? AND param_name = ? ORDER BY trial_id LIMIT 1",
            (study_id, name),
        ).fetchone()
        return None if found is None else str(found[0])

    # Writing.

    def _opened(self) -> sqlite3.Connection:
        is_new = not self.path.exists()
        if is_new:
            # Files that SQLite makes beside it are for nobody else then, too.
            os.close(open_side_file(self.path, os.O_RDWR | os.O_CREAT | os.O_EXCL))
        try:
            with opening():
                connection = sqlite3.connect(
                    file_uri(self.path, "rw"),
                    uri=True,
                    timeout=_BUSY_TIMEOUT_S,
                    isolation_level=None,
                )
            try:
                mode = "delete" if is_on_network(self.path) else "wal"
                connection.execute(f"PRAGMA journal_mode = {mode}")
                connection.execute("PRAGMA synchronous = NORMAL")
                connection.execute("PRAGMA cache_size = -65536")
                if not connection.execute("SELECT COUNT(*) FROM sqlite_master").fetchone()[0]:
                    create_schema(connection, version("optuna"))
            except BaseException:
                connection.close()
                raise
        except sqlite3.Error as error:
            raise as_storage_error(error, self.path) from error
        return connection

    def _number(self) -> int:
        (number,) = self._connection.execute("PRAGMA user_version").fetchone()
        return int(number)

    def _cursor_file(self, number: int) -> Path:
        return self.path.with_name(f"{self.path.stem}.{number}.cursor")

    def _check_point(self, point: Checkpoint) -> None:
        self.notes, self._cursor = point.notes, point.cursor
        if not self._connection.in_transaction:
            # Whoever reads the mirror would look at it again for nothing.
            return
        old = self._number()
        number = old % 1_000_000_000 + 1
        write_private(self._cursor_file(number), point.cursor)
        self._connection.execute(f"PRAGMA user_version = {number}")
        self._connection.execute("COMMIT")
        with contextlib.suppress(OSError):
            self._cursor_file(old).unlink(missing_ok=True)

    def _begin(self) -> None:
        if not self._connection.in_transaction:
            self._connection.execute("BEGIN IMMEDIATE")

    def _write(self, change: Change) -> None:
        if isinstance(change, RowBatch):
            self._put(change)
            return
        self._begin()
        if isinstance(change, StartOver):
            for table in COLUMN_ORDER:
                self._connection.execute(f"DELETE FROM {table}")
        elif isinstance(change, TrialsGone):
            self._delete_trials(change.study_id)
        elif isinstance(change, StudiesGone):
            for study_id in change.study_ids:
                self._delete_trials(study_id)
                for table in (*TABLES_OF_STUDY, "studies"):
                    self._connection.execute(f"DELETE FROM {table} WHERE study_id = ?", (study_id,))

    def _delete_trials(self, study_id: int) -> None:
        of_study = "SELECT trial_id FROM trials WHERE study_id = ?"
        for table in TABLES_OF_TRIAL:
            self._connection.execute(
                f"DELETE FROM {table} WHERE trial_id IN ({of_study})", (study_id,)
            )
        self._connection.execute("DELETE FROM trials WHERE study_id = ?", (study_id,))

    def _put(self, batch: RowBatch) -> None:
        columns = COLUMN_ORDER[batch.table]
        if batch.is_whole and not self._make_room(batch, "", ()):
            return
        for part in _parts(batch.of_trials):
            where = f" WHERE trial_id IN ({', '.join('?' * len(part))})"
            wanted = set(part)
            of_part = [row for row in batch.rows if row[1] in wanted]
            if self._make_room(RowBatch(batch.table, of_part), where, part):
                self._insert(batch.table, columns, of_part)
        if not batch.of_trials and batch.rows:
            self._insert(batch.table, columns, batch.rows)

    def _make_room(self, batch: RowBatch, where: str, values: Sequence[int]) -> bool:
        """Delete the rows that a batch replaces; False where they are the same as the batch's."""
        # Ids say nothing; some are given here.
        columns = ", ".join(f'"{each}"' for each in COLUMN_ORDER[batch.table][1:])
        there = self._connection.execute(f"SELECT {columns} FROM {batch.table}{where}", values)
        if sorted(map(repr, there)) == sorted(repr(tuple(row[1:])) for row in batch.rows):
            return False
        self._begin()
        self._connection.execute(f"DELETE FROM {batch.table}{where}", values)
        return True

    def _insert(self, table: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        self._begin()
        names, marks = ", ".join(f'"{each}"' for each in columns), ", ".join("?" * len(columns))
        start = f"INSERT OR REPLACE INTO {table} ({names}) VALUES "
        n_grouped = len(rows) - len(rows) % _ROWS_A_STATEMENT
        groups = (
            tuple(chain.from_iterable(rows[at : at + _ROWS_A_STATEMENT]))
            for at in range(0, n_grouped, _ROWS_A_STATEMENT)
        )
        try:
            many = ", ".join([f"({marks})"] * _ROWS_A_STATEMENT)
            self._connection.executemany(start + many, groups)
            self._connection.executemany(f"{start}({marks})", rows[n_grouped:])
        except _UNFIT:
            # Those before it are in, and are replaced by themselves.
            for row in rows:
                self._insert_fit(f"{start}({marks})", row)

    def _insert_fit(self, statement: str, row: Sequence[object]) -> None:
        try:
            self._connection.execute(statement, tuple(map(_fit, row)))
        except _UNFIT:
            self.n_unfit += 1


def _parts(ids: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(ids), _MAX_VARIABLES):
        yield ids[start : start + _MAX_VARIABLES]


def _fit(value: object) -> object:
    """Return a value as SQLite can hold it, as near as there is one."""
    if value is None or isinstance(value, float):
        return value
    if isinstance(value, int):
        return value if abs(value) <= _GREATEST_ID else None
    text = value if isinstance(value, str) else str(value)
    return text.encode("utf-8", "replace").decode("utf-8")

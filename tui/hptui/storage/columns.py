"""A study as columns: read from its file bit by bit, for whoever only looks."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, cast

import numpy as np
import numpy.typing as npt

from hptui.domain.objective import Direction
from hptui.domain.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.cells import NO_NUMBER
from hptui.storage.connection import as_storage_error
from hptui.storage.gate import open_read_only
from hptui.storage.growing_column import FloatArray, GrowingColumn, IntArray
from hptui.storage.param_columns import KnownParams, ParamColumn
from hptui.storage.trial_chunks import NO_STEP, ChunkReader, IdList, IdRange, TrialChunk
from hptui.storage.trial_states import COMPLETE, DAMAGED, RUNNING, WAITING

STUDY_KEY: Final = "hptui:study"
MAX_DAMAGED_LISTED: Final = 1_000
MAX_OBJECTIVES: Final = 100

_FIRST_CHUNK: Final = 1_000
_CHUNK: Final = 20_000
_OPEN_TRIALS_A_CHUNK: Final = 500
_MAX_RESTARTS: Final = 3

Progress = Callable[[int, int], None]
"""Called with how many trials were read and how many there are to read."""


@dataclass(frozen=True, slots=True)
class DamagedTrial:
    """Something in a trial's rows that is not as Optuna writes it."""

    trial_id: int
    number: int
    """NO_NUMBER where it has none."""
    reason: str
    """A sentence."""


@dataclass(frozen=True, slots=True)
class _Identity:
    """What tells a study from another of the same name that took its place."""

    study_id: int
    token: str | None
    first_trial_id: int | None
    first_start: str | None

    def is_same(self, other: _Identity) -> bool:
        if self.token is not None or other.token is not None:
            return (self.study_id, self.token) == (other.study_id, other.token)
        # Optuna gives no token; ids are reused after a deletion, the first start is not.
        return self.study_id == other.study_id and all(
            known in (None, now)
            for known, now in (
                (self.first_trial_id, other.first_trial_id),
                (self.first_start, other.first_start),
            )
        )


class StudyColumns:
    """The trials of one study as NumPy columns, a row a trial, ordered by trial id.

    `refresh` reads what is new: trials added since, and again those that were running or waiting.
    A damaged row never makes the study unreadable: it is listed in `damaged`. Arrays are views
    that hold until the next `refresh`. One thread at a time.
    """

    def __init__(
        self, path: Path, study_name: str, *, on_progress: Progress | None = None
    ) -> None:
        self.path = path
        self.study_name = study_name
        self._on_progress = on_progress
        self._connection: sqlite3.Connection | None = None
        self._file: tuple[int, int] | None = None
        self._data_version: int | None = None
        self._start_over(None, ())

    def _start_over(self, identity: _Identity | None, directions: tuple[Direction, ...]) -> None:
        self._identity = identity
        self._directions = directions
        self._last_id = -1
        self._trial_ids = GrowingColumn(np.int64, 0)
        self._numbers = GrowingColumn(np.int64, NO_NUMBER)
        self._states = GrowingColumn(np.int8, DAMAGED)
        self._starts_s = GrowingColumn(np.float64, np.nan)
        self._completes_s = GrowingColumn(np.float64, np.nan)
        self._values = GrowingColumn(np.float64, np.nan, width=max(1, len(directions)))
        self._violations = GrowingColumn(np.float64, np.nan)
        self._last_steps = GrowingColumn(np.int64, NO_STEP)
        self._last_values = GrowingColumn(np.float64, np.nan)
        self._is_damaged = GrowingColumn(np.bool_, 0)
        self._damaged: list[DamagedTrial] = []
        self._params = KnownParams()

    def __len__(self) -> int:
        """Return how many trials were read."""
        return len(self._trial_ids)

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of each objective; empty before the first `refresh`."""
        return self._directions

    @property
    def trial_ids(self) -> IntArray:
        """Ids in the file, ascending."""
        return self._trial_ids.array

    @property
    def numbers(self) -> IntArray:
        """Numbers within the study, from 0; -1 where a damaged trial has none."""
        return self._numbers.array

    @property
    def states(self) -> npt.NDArray[np.int8]:
        """The numbers of `trial_states`."""
        return self._states.array

    @property
    def starts_s(self) -> FloatArray:
        """Seconds since 1970, UTC; NaN where the trial has not started."""
        return self._starts_s.array

    @property
    def completes_s(self) -> FloatArray:
        """Seconds since 1970, UTC; NaN where the trial has not ended."""
        return self._completes_s.array

    @property
    def values(self) -> FloatArray:
        """A row a trial, a column an objective; NaN where there is none, also infinite.

        A pruned trial has its last report as value, as in Optuna.
        """
        return self._values.array

    @property
    def violations(self) -> FloatArray:
        """By how much constraints are broken: 0 where feasible, NaN where there are none."""
        return self._violations.array

    @property
    def is_feasible(self) -> npt.NDArray[np.bool_]:
        """Whether no constraint is broken; a trial without constraints is feasible."""
        return ~(self.violations > 0)

    @property
    def is_complete(self) -> npt.NDArray[np.bool_]:
        """Whether the trial is complete and has all its values."""
        return (self.states == COMPLETE) & ~np.isnan(self.values).any(axis=1)

    @property
    def last_steps(self) -> IntArray:
        """The greatest step reported; -1 where there is no report."""
        return self._last_steps.array

    @property
    def last_values(self) -> FloatArray:
        """What was reported at the last step; NaN also where that was NaN."""
        return self._last_values.array

    @property
    def params(self) -> Mapping[str, ParamColumn]:
        """The parameters by name, in the order in which they were first seen."""
        return MappingProxyType(self._params.columns)

    @property
    def has_omitted_params(self) -> bool:
        """Whether parameters were left out because there are too many names."""
        return self._params.has_omitted

    @property
    def damaged(self) -> list[DamagedTrial]:
        """What is damaged, at most MAX_DAMAGED_LISTED entries."""
        return list(self._damaged)

    @property
    def damaged_count(self) -> int:
        """How many trials are damaged."""
        return int(self._is_damaged.array.sum())

    def row_of(self, number: int) -> int | None:
        """Return the row of the trial with this number, or None."""
        if 0 <= number < len(self) and self.numbers[number] == number:
            return number
        rows = np.flatnonzero(self.numbers == number)
        return int(rows[0]) if len(rows) else None

    def refresh(self) -> bool:
        """Read what is new and say whether anything was.

        What was read stays when it is interrupted, also by `on_progress` raising an exception.

        Raises:
            StudyFileError: The study or its file is no longer there, or cannot be read.
            StudyBusyError: Another program has locked the file.
        """
        try:
            return self._refresh()
        except sqlite3.Error as error:
            self.close()
            raise as_storage_error(error, self.path) from error

    def close(self) -> None:
        """Let go of the file; the columns stay, and `refresh` opens it again."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._data_version = None

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _refresh(self) -> bool:
        connection = self._connect()
        (version,) = connection.execute("PRAGMA data_version").fetchone()
        if version == self._data_version:
            return False
        for _ in range(_MAX_RESTARTS):
            changed = self._read_all(connection)
            if changed is not None:
                self._data_version = version
                return changed
        raise StudyFileError(
            f"The study {safe_line(self.study_name)!r} is replaced again and again.",
            hint="Look who else writes to its file.",
        )

    def _connect(self) -> sqlite3.Connection:
        try:
            status = self.path.stat()
        except OSError as error:
            self.close()
            raise StudyFileError(
                f"The file {safe_line(str(self.path))} cannot be read: {error.strerror}."
            ) from error
        file = (status.st_dev, status.st_ino)
        if self._connection is None or file != self._file:
            self.close()
            self._connection = open_read_only(self.path)
            self._file = file
        return self._connection

    def _read_all(self, connection: sqlite3.Connection) -> bool | None:
        """Read all that is new; None when the study was replaced on the way."""
        again = self._open_trials()
        done, total = 0, 0
        while True:
            with _snapshot(connection):
                if self._was_replaced(connection):
                    return None
                assert self._identity is not None
                if not done:
                    total = sum(len(selection.ids) for selection in again) + self._count_new(
                        connection
                    )
                selection = again.pop() if again else self._next_new(connection)
                if selection is None:
                    break
                reader = ChunkReader(
                    connection, self._identity.study_id, len(self._directions), self._params
                )
                chunks = reader.read(selection)
            for chunk in chunks:
                self._put(chunk)
                done += len(chunk.trial_ids)
            if self._on_progress is not None:
                self._on_progress(done, total)
        self._note_duplicate_numbers()
        return done > 0

    def _open_trials(self) -> list[IdList]:
        is_open = (self.states == RUNNING) | (self.states == WAITING)
        ids = self.trial_ids[is_open].tolist()
        return [
            IdList(tuple(ids[start : start + _OPEN_TRIALS_A_CHUNK]))
            for start in range(0, len(ids), _OPEN_TRIALS_A_CHUNK)
        ]

    def _count_new(self, connection: sqlite3.Connection) -> int:
        assert self._identity is not None
        (count,) = connection.execute(
            "SELECT COUNT(*) FROM trials WHERE study_id = ? AND trial_id > ?",
            (self._identity.study_id, self._last_id),
        ).fetchone()
        return int(count)

    def _next_new(self, connection: sqlite3.Connection) -> IdRange | None:
        assert self._identity is not None
        study_id = self._identity.study_id
        # The first chunk is small: it teaches the later ones what the parameters are.
        limit = _CHUNK if len(self) else _FIRST_CHUNK
        (high,) = connection.execute(
            "SELECT MAX(trial_id) FROM (SELECT trial_id FROM trials WHERE study_id = ? "
            "AND trial_id > ? ORDER BY trial_id LIMIT ?)",
            (study_id, self._last_id, limit),
        ).fetchone()
        return None if high is None else IdRange(study_id, self._last_id + 1, high)

    def _was_replaced(self, connection: sqlite3.Connection) -> bool:
        """Compare the study with the one that was read; where it is another, start over."""
        identity = _read_identity(connection, self.study_name)
        if identity is None:
            raise _no_such_study(connection, self.path, self.study_name)
        known = self._identity
        if known is not None and known.is_same(identity):
            self._identity = identity
            return False
        self._start_over(identity, _read_directions(connection, identity.study_id, self.path))
        return known is not None

    def _put(self, chunk: TrialChunk) -> None:
        """Append a chunk of new trials, or overwrite trials that were read before."""
        ids = chunk.trial_ids
        if not len(ids):
            return
        is_new = int(ids[0]) > self._last_id
        if is_new:
            rows = np.arange(len(self), len(self) + len(ids))
            self._grow_to(len(self) + len(ids))
            self._last_id = int(ids[-1])
        else:
            rows = np.searchsorted(self.trial_ids, ids)
            again = set(ids.tolist())
            self._damaged = [entry for entry in self._damaged if entry.trial_id not in again]
        for column, cells in (
            (self._trial_ids, ids),
            (self._numbers, chunk.numbers),
            (self._states, chunk.states),
            (self._starts_s, chunk.starts_s),
            (self._completes_s, chunk.completes_s),
            (self._values, chunk.values),
            (self._violations, chunk.violations),
            (self._last_steps, chunk.last_steps),
            (self._last_values, chunk.last_values),
        ):
            column.array[rows] = cells
        self._put_params(chunk, rows, is_new=is_new)
        self._put_damage(chunk, rows)

    def _put_params(self, chunk: TrialChunk, rows: IntArray, *, is_new: bool) -> None:
        for param in self._params.columns.values():
            param.grow_to(len(self))
            if not is_new:
                param.clear(rows)
        for cells in chunk.params:
            cells.column.put(rows[cells.rows], cells.values, cells.spec_indices)

    def _put_damage(self, chunk: TrialChunk, rows: IntArray) -> None:
        self._is_damaged.array[rows] = False
        for trial_id, reason in chunk.damage:
            row = int(np.searchsorted(self.trial_ids, trial_id))
            self._note_damage(row, reason)

    def _note_damage(self, row: int, reason: str) -> None:
        self._is_damaged.array[row] = True
        if len(self._damaged) < MAX_DAMAGED_LISTED:
            trial_id, number = int(self.trial_ids[row]), int(self.numbers[row])
            self._damaged.append(DamagedTrial(trial_id, number, reason))

    def _note_duplicate_numbers(self) -> None:
        numbers = self.numbers
        if len(numbers) < 2 or bool((np.diff(numbers) > 0).all()):  # noqa: PLR2004 - a pair
            return
        found, first, counts = np.unique(numbers, return_index=True, return_counts=True)
        for number in found[(counts > 1) & (found != NO_NUMBER)].tolist():
            reason = f"Its number {number} is used twice."
            for row in np.flatnonzero(numbers == number).tolist():
                if not any(
                    entry.trial_id == self.trial_ids[row] and entry.reason == reason
                    for entry in self._damaged
                ):
                    self._note_damage(row, reason)

    def _grow_to(self, rows: int) -> None:
        for column in (
            self._trial_ids,
            self._numbers,
            self._states,
            self._starts_s,
            self._completes_s,
            self._values,
            self._violations,
            self._last_steps,
            self._last_values,
            self._is_damaged,
        ):
            column.grow_to(rows)

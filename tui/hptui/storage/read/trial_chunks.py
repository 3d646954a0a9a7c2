"""Reads a range of trials from a study file into arrays, with no object for a trial.

Every query here is bounded by trial ids. What is damaged is told, never raised: a study with one
bad row stays readable.
"""

from __future__ import annotations

import sqlite3
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import COMPLETE, DAMAGED, RUNNING, STALE, STORED_STATES
from hptui.errors import StudyFileError
from hptui.storage.files.stale_trials import stale_trials
from hptui.storage.read.cells import Damage, floats, integers, times, trial_numbers
from hptui.storage.read.cells import trial_states as states_of
from hptui.storage.read.constraints import KEY_RANGE, read_constraint, violation_of
from hptui.storage.read.param_columns import MAX_JSON_CHARS, KnownParams, ParamCells
from hptui.storage.sqlite.connection import is_of_a_row
from hptui.storage.sqlite.numbers import number_sql
from hptui.trials import NO_NUMBER, NO_STEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.storage.files.leases import Living
    from hptui.trials import FloatArray, IntArray

_ROWS_A_BLOCK: Final = 50_000

_STATE_CASES: Final = " ".join(
    f"WHEN '{name}' THEN {number}" for number, name in enumerate(STORED_STATES)
)

Rows = list[tuple[Any, ...]]


class Selection(Protocol):
    """Which trials of a study to read."""

    @property
    def condition(self) -> str:
        """SQL on the table of trials."""
        ...

    @property
    def arguments(self) -> tuple[int, ...]:
        """The arguments of the condition."""
        ...

    def halves(self) -> Sequence[Selection]:
        """Return two smaller selections, or nothing where this is one trial."""
        ...


@dataclass(frozen=True, slots=True)
class IdRange:
    """The trials with ids from `low` to `high`."""

    study_id: int
    low: int
    high: int

    @property
    def condition(self) -> str:
        """SQL on the table of trials."""
        return "trials.study_id = ? AND trials.trial_id BETWEEN ? AND ?"

    @property
    def arguments(self) -> tuple[int, ...]:
        """The arguments of the condition."""
        return (self.study_id, self.low, self.high)

    def halves(self) -> Sequence[Selection]:
        """Return two smaller selections, or nothing where this is one trial."""
        if self.low >= self.high:
            return ()
        middle = (self.low + self.high) // 2
        return (replace(self, high=middle), replace(self, low=middle + 1))


@dataclass(frozen=True, slots=True)
class IdList:
    """The trials with these ids; at most a few hundred, for SQLite's limit of arguments."""

    study_id: int
    ids: tuple[int, ...]

    @property
    def condition(self) -> str:
        """SQL on the table of trials."""
        return f"trials.study_id = ? AND trials.trial_id IN ({','.join('?' * len(self.ids))})"

    @property
    def arguments(self) -> tuple[int, ...]:
        """The arguments of the condition."""
        return (self.study_id, *self.ids)

    def halves(self) -> Sequence[Selection]:
        """Return two smaller selections, or nothing where this is one trial."""
        middle = len(self.ids) // 2
        if not middle:
            return ()
        return (replace(self, ids=self.ids[:middle]), replace(self, ids=self.ids[middle:]))


@dataclass(frozen=True, slots=True, eq=False)
class TrialChunk:
    """Some trials as columns, ordered by trial id; `params` give rows within the chunk."""

    trial_ids: IntArray
    numbers: IntArray
    states: npt.NDArray[np.int8]
    starts_s: FloatArray
    completes_s: FloatArray
    values: FloatArray
    violations: FloatArray
    last_steps: IntArray
    last_values: FloatArray
    params: list[ParamCells] = field(default_factory=list[ParamCells])
    damage: Damage = field(default_factory=Damage)

    @classmethod
    def empty(cls, trial_ids: IntArray, n_objectives: int) -> TrialChunk:
        """Return a chunk in which nothing is known of the trials."""
        n = len(trial_ids)
        return cls(
            trial_ids,
            numbers=np.full(n, NO_NUMBER, np.int64),
            states=np.full(n, DAMAGED, np.int8),
            starts_s=np.full(n, np.nan),
            completes_s=np.full(n, np.nan),
            values=np.full((n, n_objectives), np.nan),
            violations=np.full(n, np.nan),
            last_steps=np.full(n, NO_STEP, np.int64),
            last_values=np.full(n, np.nan),
        )


@dataclass(frozen=True, slots=True)
class ChunkReader:
    """Reads chunks of one study over a connection that has a read transaction open."""

    connection: sqlite3.Connection
    study_id: int
    n_objectives: int
    params: KnownParams
    living: Living
    """The runs here that were alive before the transaction began."""

    def read(self, selection: Selection) -> list[TrialChunk]:
        """Return the trials of `selection`: one chunk, or several where a row is damaged.

        Raises:
            sqlite3.Error: The file as a whole cannot be read now.
        """
        try:
            return [self._read(selection)]
        except sqlite3.Error as error:
            if not is_of_a_row(error):
                raise
        halves = selection.halves()
        if not halves:
            return [self._read(selection, bears_damage=True)]
        return [chunk for half in halves for chunk in self.read(half)]

    def _read(self, selection: Selection, *, bears_damage: bool = False) -> TrialChunk:
        chunk = TrialChunk.empty(self._ids(selection), self.n_objectives)
        for fill in (
            self._fill_trials,
            self._fill_stale,
            self._fill_values,
            self._fill_violations,
            self._fill_last_reports,
            self._fill_params,
        ):
            try:
                fill(selection, chunk)
            except sqlite3.Error as error:
                if not (bears_damage and is_of_a_row(error)):
                    raise
                reason = f"{safe_line(error)}."
                chunk.damage.extend((trial_id, reason) for trial_id in chunk.trial_ids.tolist())
        lacking = (chunk.states == COMPLETE) & np.isnan(chunk.values).any(axis=1)
        chunk.damage.extend(
            (trial_id, "It is complete without a value.")
            for trial_id in chunk.trial_ids[lacking].tolist()
        )
        return chunk

    def _ids(self, selection: Selection) -> IntArray:
        rows = self._rows(
            f"SELECT trial_id FROM trials WHERE {selection.condition} ORDER BY trial_id",
            selection.arguments,
        )
        ids = np.fromiter((row[0] for row in rows), np.int64, len(rows))
        if not (np.diff(ids) > 0).all():
            raise disordered_index()
        return ids

    def _fill_trials(self, selection: Selection, chunk: TrialChunk) -> None:
        rows = self._rows(
            f"SELECT trial_id, number, CASE state {_STATE_CASES} ELSE substr(state, 1, 40) END, "
            "substr(datetime_start, 1, 40), substr(datetime_complete, 1, 40) FROM trials "
            f"WHERE {selection.condition} ORDER BY trial_id",
            selection.arguments,
        )
        ids, numbers, states, starts, completes = _columns(rows, 5)
        chunk.numbers[:] = trial_numbers(numbers, ids, chunk.damage)
        chunk.states[:] = states_of(states, ids, chunk.damage)
        chunk.starts_s[:] = times(starts, ids, chunk.damage, "start")
        chunk.completes_s[:] = times(completes, ids, chunk.damage, "end")

    def _fill_stale(self, selection: Selection, chunk: TrialChunk) -> None:
        if not (chunk.states == RUNNING).any():
            return
        stale = stale_trials(
            self.connection, self.study_id, self.living, selection.condition, selection.arguments
        )
        chunk.states[np.isin(chunk.trial_ids, list(stale))] = STALE

    def _fill_values(self, selection: Selection, chunk: TrialChunk) -> None:
        value = number_sql("value")
        rows = self._rows(
            f"SELECT trial_id, objective, {value} FROM trial_values WHERE {_of(selection)}",
            selection.arguments,
        )
        of_trials, objectives, cells = _columns(rows, 3)
        at, columns, values = _rows_of(of_trials, chunk), integers(objectives), floats(cells)
        is_known = (columns >= 0) & (columns < self.n_objectives)
        for row in at[~is_known].tolist():
            chunk.damage.append((int(chunk.trial_ids[row]), "A value belongs to no objective."))
        for row in at[is_known & np.isnan(values)].tolist():
            chunk.damage.append((int(chunk.trial_ids[row]), "A value is not a number."))
        chunk.values[at[is_known], columns[is_known]] = values[is_known]

    def _fill_violations(self, selection: Selection, chunk: TrialChunk) -> None:
        # Where constraints cannot be read, nobody can say that the trial keeps them.
        chunk.violations[:] = np.inf
        blocks = self._blocks(
            f"SELECT trial_id, substr(key, 1, 1000), CASE WHEN length(value_json) <= "
            f"{MAX_JSON_CHARS} THEN value_json END FROM trial_system_attributes "
            f"WHERE {_of(selection)} AND key >= ? AND key < ? ORDER BY trial_id, key",
            (*selection.arguments, *KEY_RANGE),
        )
        row_of = {trial_id: row for row, trial_id in enumerate(chunk.trial_ids.tolist())}
        constraints: dict[int, dict[str, float]] = {}
        for trial_id, key, text in chain.from_iterable(blocks):
            read_constraint(constraints.setdefault(trial_id, {}), str(key), text)
        chunk.violations[:] = np.nan
        for trial_id, by_key in constraints.items():
            if by_key:
                if trial_id not in row_of:
                    raise disordered_index()
                chunk.violations[row_of[trial_id]] = violation_of(by_key)
            if any(value != value for value in by_key.values()):
                chunk.damage.append((trial_id, "A constraint is not a number."))

    def _fill_last_reports(self, selection: Selection, chunk: TrialChunk) -> None:
        value = number_sql("last.intermediate_value")
        rows = self._rows(
            f"SELECT trials.trial_id, last.step, {value} FROM trials "
            "JOIN trial_intermediate_values AS last ON last.trial_intermediate_value_id = ("
            "SELECT trial_intermediate_value_id FROM trial_intermediate_values AS report "
            "WHERE report.trial_id = trials.trial_id ORDER BY report.step DESC LIMIT 1) "
            f"WHERE {selection.condition}",
            selection.arguments,
        )
        of_trials, steps, cells = _columns(rows, 3)
        at = _rows_of(of_trials, chunk)
        chunk.last_steps[at] = integers(steps)
        chunk.last_values[at] = floats(cells)

    def _fill_params(self, selection: Selection, chunk: TrialChunk) -> None:
        expression, arguments = self.params.code_expression()
        # The first trials tell in which order the objective suggests its parameters.
        order = "" if self.params.columns else " ORDER BY param_id"
        blocks = self._blocks(
            f"SELECT trial_id, param_value, {expression} FROM trial_params "
            f"WHERE {_of(selection)}{order}",
            (*arguments, *selection.arguments),
        )
        for block in blocks:
            of_trials, numbers, cells = _columns(block, 3)
            at = _rows_of(of_trials, chunk)
            found, bad = self.params.split(cells, at, floats(numbers))
            chunk.params.extend(found)
            chunk.damage.extend((int(chunk.trial_ids[row]), reason) for row, reason in bad)

    def _rows(self, query: str, arguments: Sequence[int | str]) -> Rows:
        return self.connection.execute(query, tuple(arguments)).fetchall()

    def _blocks(self, query: str, arguments: Sequence[int | str]) -> Iterator[Rows]:
        """Yield rows in blocks: some trials have thousands of rows in one table."""
        cursor = self.connection.execute(query, tuple(arguments))
        while block := cursor.fetchmany(_ROWS_A_BLOCK):
            yield block


def _of(selection: Selection) -> str:
    """Return the condition on the trial ids of another table than that of trials."""
    # A range of ids would do for many files. Where other studies have trials in between, it would
    # read those too, and there may be millions.
    return f"trial_id IN (SELECT trial_id FROM trials WHERE {selection.condition})"


def _columns(rows: Rows, width: int) -> list[Sequence[Any]]:
    return list(zip(*rows, strict=True)) if rows else [()] * width


def _rows_of(of_trials: Sequence[int], chunk: TrialChunk) -> IntArray:
    """Return the rows in `chunk` of cells that belong to these trials.

    Raises:
        StudyFileError: Some belong to others, as a damaged index may have it.
    """
    wanted = np.array(of_trials, np.int64)
    rows = np.searchsorted(chunk.trial_ids, wanted)
    if len(wanted) and not np.array_equal(chunk.trial_ids.take(rows, mode="clip"), wanted):
        raise disordered_index()
    return rows


def disordered_index() -> StudyFileError:
    """Return the error for a file in which an index names other trials than its table."""
    return StudyFileError(
        "The study file is damaged: an index of its trials is not in order.",
        hint="hptui doctor says more.",
    )


def incomplete_index(n_told: int, n_there: int) -> StudyFileError:
    """Return the error for a file in which an index has not as many trials as its table."""
    return StudyFileError(
        f"The study file is damaged: an index names {n_told:,} of {plural(n_there, 'trial')}.",
        hint="hptui doctor says more; sqlite3 FILE REINDEX rebuilds the index.",
    )

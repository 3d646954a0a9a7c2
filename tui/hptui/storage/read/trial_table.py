"""A study's trials in memory: NumPy columns, a row a trial, ordered by trial id."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.trial_states import COMPLETE, DAMAGED
from hptui.storage.read.cells import NO_NUMBER
from hptui.storage.read.growing_column import FloatArray, GrowingColumn, IntArray
from hptui.storage.read.param_columns import KnownParams, ParamColumn
from hptui.storage.read.trial_chunks import NO_STEP, TrialChunk

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.objective import Direction

MAX_DAMAGED_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class DamagedTrial:
    """Something in a trial's rows that is not as Optuna writes it."""

    trial_id: int
    number: int
    """NO_NUMBER where it has none."""
    reason: str
    """A sentence."""


class TrialTable:
    """Trials as columns. The arrays are views that hold until the next change."""

    def __init__(self) -> None:
        self._clear(())

    def _clear(self, directions: tuple[Direction, ...]) -> None:
        """Forget all trials; those to come have a value for each of `directions`."""
        self._directions = directions
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
        self._params_size = 0, 0
        """How many rows the parameters have at least, and how many parameters there are."""
        self._last_id = -1

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
    def is_damaged(self) -> npt.NDArray[np.bool_]:
        """Whether something in the trial's rows is not as Optuna writes it."""
        return self._is_damaged.array

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
        size = len(self), len(self._params.columns)
        if size != self._params_size:
            for param in self._params.columns.values():
                # One that was met in a refresh that failed has no rows yet.
                param.grow_to(len(self))
            self._params_size = size
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
        if number < 0:
            return None
        if number < len(self) and self.numbers[number] == number:
            return number
        rows = np.flatnonzero(self.numbers == number)
        return int(rows[0]) if len(rows) else None

    def put(self, chunk: TrialChunk) -> None:
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

    def note_duplicate_numbers(self) -> None:
        """List trials whose number another one has too."""
        numbers = self.numbers
        if len(numbers) < 2 or bool((np.diff(numbers) > 0).all()):  # noqa: PLR2004 - a pair
            return
        found, counts = np.unique(numbers, return_counts=True)
        twice = found[(counts > 1) & (found != NO_NUMBER)]
        rows = np.flatnonzero(np.isin(numbers, twice) & ~self._is_damaged.array)
        for row in rows.tolist():
            self._note_damage(row, f"Its number {numbers[row]} is used twice.")

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

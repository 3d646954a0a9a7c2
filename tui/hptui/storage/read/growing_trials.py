"""A study's trials as they come from its file, ordered by trial id."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.trial_states import DAMAGED
from hptui.storage.read.growing_column import GrowingColumn
from hptui.storage.read.param_columns import KnownParams
from hptui.trials import NO_NUMBER, NO_STEP, IntArray, Trials

if TYPE_CHECKING:
    from hptui.domain.objective import Direction
    from hptui.storage.read.trial_chunks import TrialChunk

MAX_DAMAGED_LISTED: Final = 1_000


@dataclass(frozen=True, slots=True)
class DamagedTrial:
    """Something in a trial's rows that is not as Optuna writes it."""

    trial_id: int
    number: int
    """NO_NUMBER where it has none."""
    reason: str
    """A sentence."""


class GrowingTrials:
    """Trials that come and change; `trials` is what they are now."""

    def __init__(self) -> None:
        self.clear(())

    def clear(self, directions: tuple[Direction, ...]) -> None:
        """Forget all trials; those to come have a value for each of `directions`."""
        self.directions = directions
        self.params = KnownParams()
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
        self._trials: Trials | None = None
        self.last_id = -1
        """The greatest trial id; -1 where there is no trial."""

    def __len__(self) -> int:
        """Return how many trials there are."""
        return len(self._trial_ids)

    @property
    def trials(self) -> Trials:
        """The trials as they are now; the same object until the next change."""
        if self._trials is None:
            self._trials = Trials(
                self.directions,
                self._trial_ids.share(),
                self._numbers.share(),
                self._states.share(),
                self._starts_s.share(),
                self._completes_s.share(),
                self._values.share(),
                self._violations.share(),
                self._last_steps.share(),
                self._last_values.share(),
                self._is_damaged.share(),
                self.params.share(len(self)),
            )
        return self._trials

    @property
    def damaged(self) -> list[DamagedTrial]:
        """What is damaged, at most MAX_DAMAGED_LISTED entries."""
        return list(self._damaged)

    def put(self, chunk: TrialChunk) -> None:
        """Append a chunk of new trials, or overwrite trials that were read before."""
        ids = chunk.trial_ids
        if not len(ids):
            return
        self._trials = None
        is_new = int(ids[0]) > self.last_id
        if is_new:
            rows = np.arange(len(self), len(self) + len(ids))
            self._grow_to(len(self) + len(ids))
            self.last_id = int(ids[-1])
        else:
            rows = np.searchsorted(self._trial_ids.array, ids)
            again = set(ids.tolist())
            self._damaged = [entry for entry in self._damaged if entry.trial_id not in again]
        self._trial_ids.put(rows, ids)
        self._numbers.put(rows, chunk.numbers)
        self._states.put(rows, chunk.states)
        self._starts_s.put(rows, chunk.starts_s)
        self._completes_s.put(rows, chunk.completes_s)
        self._values.put(rows, chunk.values)
        self._violations.put(rows, chunk.violations)
        self._last_steps.put(rows, chunk.last_steps)
        self._last_values.put(rows, chunk.last_values)
        self.params.put(chunk.params, rows, n_trials=len(self), is_new=is_new)
        self._put_damage(chunk, rows)

    def _put_damage(self, chunk: TrialChunk, rows: IntArray) -> None:
        self._is_damaged.put(rows, np.zeros(len(rows), np.bool_))
        for trial_id, reason in chunk.damage:
            row = int(np.searchsorted(self._trial_ids.array, trial_id))
            self._note_damage(row, reason)

    def _note_damage(self, row: int, reason: str) -> None:
        self._is_damaged.put(np.array([row]), np.ones(1, np.bool_))
        if len(self._damaged) < MAX_DAMAGED_LISTED:
            trial_id, number = int(self._trial_ids.array[row]), int(self._numbers.array[row])
            self._damaged.append(DamagedTrial(trial_id, number, reason))

    def note_duplicate_numbers(self) -> None:
        """List trials whose number another one has too."""
        numbers = self._numbers.array
        if len(numbers) < 2 or bool((np.diff(numbers) > 0).all()):  # noqa: PLR2004 - a pair
            return
        found, counts = np.unique(numbers, return_counts=True)
        twice = found[(counts > 1) & (found != NO_NUMBER)]
        rows = np.flatnonzero(np.isin(numbers, twice) & ~self._is_damaged.array)
        if len(rows):
            self._trials = None
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

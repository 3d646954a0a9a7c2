"""The trials of a study in memory: immutable arrays, a row a trial.

The reader makes `Trials`, a snapshot has one, a filter selects from one, a figure takes one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Final, TypeVar

import numpy as np
import numpy.typing as npt

from hptui.domain.spaces.space import ChoiceParam, IntParam
from hptui.domain.trial_states import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.domain.objective import Direction
    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import ParamSpec

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
StateArray = npt.NDArray[np.int8]
SpecIndices = npt.NDArray[np.int32]

ABSENT: Final = -1
"""In `spec_indices`: the trial does not have the parameter."""
UNKEPT: Final = -2
"""In `spec_indices`: there are too many different spaces to keep this one."""
NO_NUMBER: Final = -1
"""The number of a damaged trial that has none."""
NO_STEP: Final = -1
"""The last step of a trial that reported nothing."""

Other = TypeVar("Other")


@dataclass(frozen=True, slots=True, eq=False)
class ParamColumn:
    """One parameter: a row a trial."""

    name: str
    specs: tuple[ParamSpec, ...]
    """The spaces it was drawn from, in the order in which they were first seen."""
    values: FloatArray
    """The number as stored, NaN where absent: for a choice it is the choice's index."""
    spec_indices: SpecIndices
    """For each row an index into `specs`, or ABSENT or UNKEPT."""

    def has(self, row: int) -> bool:
        """Say whether the trial in `row` has the parameter."""
        return bool(self.spec_indices[row] != ABSENT)

    def value_at(self, row: int) -> ChoiceValue:
        """Return the parameter's value in `row` as the objective received it.

        Raises:
            KeyError: The trial in `row` does not have the parameter.
        """
        if not self.has(row):
            raise KeyError(self.name)
        return self._value(float(self.values[row]), int(self.spec_indices[row]))

    def values_at(self, rows: IntArray, absent: Other) -> list[ChoiceValue | Other]:
        """Return the values in `rows` as `value_at` does, and `absent` where there is none."""
        numbers: list[float] = self.values[rows].tolist()
        indices: list[int] = self.spec_indices[rows].tolist()
        return [
            absent if index == ABSENT else self._value(number, index)
            for number, index in zip(numbers, indices, strict=True)
        ]

    def select(self, rows: IntArray) -> ParamColumn:
        """Return the trials in some rows, in their order."""
        return ParamColumn(self.name, self.specs, self.values[rows], self.spec_indices[rows])

    def _value(self, number: float, spec_index: int) -> ChoiceValue:
        spec = self.specs[spec_index] if spec_index >= 0 else None
        match spec:
            case ChoiceParam(choices):
                return choices[int(number)]
            case IntParam():
                return int(number)
            case _:
                return number


@dataclass(frozen=True, eq=False)
class Trials:
    """Trials of one study, a row a trial: all of them as stored, or a selection."""

    directions: tuple[Direction, ...] = ()
    """The direction of each objective; empty where nothing was read yet."""
    trial_ids: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Ids in the file, ascending as they are read."""
    numbers: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Numbers within the study, from 0; NO_NUMBER where a damaged trial has none."""
    states: StateArray = field(default_factory=lambda: np.zeros(0, np.int8))
    """The numbers of `domain.trial_states`."""
    starts_s: FloatArray = field(default_factory=lambda: np.zeros(0))
    """Seconds since 1970, UTC; NaN where the trial has not started."""
    completes_s: FloatArray = field(default_factory=lambda: np.zeros(0))
    """Seconds since 1970, UTC; NaN where the trial has not ended."""
    values: FloatArray = field(default_factory=lambda: np.zeros((0, 1)))
    """A column an objective; NaN where there is none, also infinite.

    A pruned trial has its last report as value, as in Optuna.
    """
    violations: FloatArray = field(default_factory=lambda: np.zeros(0))
    """By how much constraints are broken: 0 where feasible, NaN where there are none."""
    last_steps: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """The greatest step reported; NO_STEP where there is no report."""
    last_values: FloatArray = field(default_factory=lambda: np.zeros(0))
    """What was reported at the last step; NaN also where that was NaN."""
    is_damaged: BoolArray = field(default_factory=lambda: np.zeros(0, np.bool_))
    """Whether something in the trial's rows is not as Optuna writes it."""
    params: Mapping[str, ParamColumn] = field(default_factory=dict[str, ParamColumn])
    """The parameters by name, in the order in which they were first seen."""

    def __len__(self) -> int:
        return len(self.numbers)

    @cached_property
    def is_feasible(self) -> BoolArray:
        """Whether no constraint is broken; a trial without constraints is feasible."""
        return ~(self.violations > 0)

    @cached_property
    def is_complete(self) -> BoolArray:
        """Whether the trial is complete and has all its values."""
        return (self.states == COMPLETE) & ~np.isnan(self.values).any(axis=1)

    def row_of(self, number: int) -> int | None:
        """Return the row of the trial with this number, or None."""
        if number < 0:
            return None
        if number < len(self) and self.numbers[number] == number:
            return number
        rows = np.flatnonzero(self.numbers == number)
        return int(rows[0]) if len(rows) else None

    def select(self, rows: IntArray | BoolArray) -> Trials:
        """Return some trials, in their order, with the parameters that any of them has.

        `rows` are places, or a cell for each row.
        """
        # One look at a mask, not one for each column.
        places: IntArray = (
            np.flatnonzero(rows) if rows.dtype == np.bool_ else rows.astype(np.int64, copy=False)
        )
        params = {name: param.select(places) for name, param in self.params.items()}
        return Trials(
            self.directions,
            self.trial_ids[places],
            self.numbers[places],
            self.states[places],
            self.starts_s[places],
            self.completes_s[places],
            self.values[places],
            self.violations[places],
            self.last_steps[places],
            self.last_values[places],
            self.is_damaged[places],
            {
                name: param
                for name, param in params.items()
                if bool((param.spec_indices != ABSENT).any())
            },
        )


def complete_rows(trials: Trials) -> IntArray:
    """Return the rows of complete trials with all their values, ordered by number."""
    rows = np.flatnonzero(trials.is_complete & (trials.numbers >= 0))
    return rows[np.argsort(trials.numbers[rows], kind="stable")]


def finite_rows(trials: Trials, objectives: Sequence[int]) -> IntArray:
    """Return the rows of complete trials with finite values in `objectives`, by number."""
    rows = complete_rows(trials)
    return rows[np.isfinite(trials.values[rows][:, list(objectives)]).all(axis=1)]

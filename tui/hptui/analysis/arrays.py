"""A study's trials as arrays: what every analysis is computed from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from hptui.domain.trial_states import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.domain.objective import Direction
    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import ParamSpec

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


class ParamArrays(Protocol):
    """One parameter: a row a trial."""

    name: str
    specs: list[ParamSpec]
    """The spaces it was drawn from."""

    @property
    def values(self) -> FloatArray:
        """The number as stored, NaN where absent: for a choice it is the choice's index."""
        ...

    @property
    def spec_indices(self) -> npt.NDArray[np.int32]:
        """An index into `specs`; -1 where the trial does not have it, -2 where it is not kept."""
        ...

    def has(self, row: int) -> bool:
        """Say whether the trial in `row` has it."""
        ...

    def value_at(self, row: int) -> ChoiceValue:
        """Return its value in `row`, which has it, as the objective received it."""
        ...


class TrialArrays(Protocol):
    """The trials of one study: a row a trial, in any order. Parameters may have more rows."""

    @property
    def numbers(self) -> IntArray:
        """Numbers within the study; below 0 where a damaged trial has none."""
        ...

    @property
    def states(self) -> npt.NDArray[np.int8]:
        """The numbers of `hptui.domain.trial_states`."""
        ...

    @property
    def starts_s(self) -> FloatArray:
        """Seconds since 1970, UTC; NaN where the trial has not started."""
        ...

    @property
    def completes_s(self) -> FloatArray:
        """Seconds since 1970, UTC; NaN where the trial has not ended."""
        ...

    @property
    def values(self) -> FloatArray:
        """A column an objective; NaN where there is none."""
        ...

    @property
    def is_feasible(self) -> BoolArray:
        """Whether no constraint is broken."""
        ...

    @property
    def params(self) -> Mapping[str, ParamArrays]:
        """The parameters by name, in the order of first sight."""
        ...

    @property
    def directions(self) -> tuple[Direction, ...]:
        """The direction of each objective."""
        ...


def complete_rows(trials: TrialArrays) -> IntArray:
    """Return the rows of complete trials with all their values, ordered by number."""
    is_complete = (trials.states == COMPLETE) & ~np.isnan(trials.values).any(axis=1)
    rows = np.flatnonzero(is_complete & (trials.numbers >= 0))
    return rows[np.argsort(trials.numbers[rows], kind="stable")]


def finite_rows(trials: TrialArrays, objectives: Sequence[int]) -> IntArray:
    """Return the rows of complete trials with finite values in `objectives`, by number."""
    rows = complete_rows(trials)
    return rows[np.isfinite(trials.values[rows][:, list(objectives)]).all(axis=1)]

"""The values of trials by one of their parameters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.arrays import complete_rows, finite_rows
from hptui.analysis.param_axis import ParamAxis, build_param

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.arrays import BoolArray, FloatArray, IntArray, TrialArrays
    from hptui.domain.objective import Direction


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """The complete trials that have a parameter and a finite value, ordered by number."""

    param: ParamAxis
    numbers: IntArray
    values: FloatArray
    is_feasible: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The same trials by several parameters."""

    slices: tuple[Slice, ...]
    numbers: IntArray
    """Of all complete trials with a finite value, also those without any of the parameters."""
    values: FloatArray
    best: int | None
    """The number of the best feasible one."""
    n_infinite: int
    """Complete trials that are left out."""


def build_slices(trials: TrialArrays, names: Sequence[str], objective: int) -> Slices:
    """Return one objective by each of the parameters in `names`, which the study has."""
    rows = finite_rows(trials, (objective,))
    values, is_feasible = trials.values[rows, objective], trials.is_feasible[rows]
    numbers = trials.numbers[rows]
    slices: list[Slice] = []
    for name in names:
        param = build_param(trials.params[name], rows)
        has = param.has
        slices.append(Slice(param.where(has), numbers[has], values[has], is_feasible[has]))
    best = best_row(values, is_feasible, trials.directions[objective])
    return Slices(
        tuple(slices),
        numbers,
        values,
        None if best is None else int(numbers[best]),
        n_infinite=len(complete_rows(trials)) - len(rows),
    )


def best_row(values: FloatArray, is_feasible: BoolArray, direction: Direction) -> int | None:
    """Return the row of the best feasible value, the first of equals; None where there is none."""
    rows = np.flatnonzero(is_feasible)
    if not len(rows):
        return None
    losses = values[rows] if direction == "minimize" else -values[rows]
    return int(rows[np.argmin(losses)])

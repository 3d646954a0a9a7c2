"""Trials across all their parameters: a place on the axis of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.arrays import complete_rows, finite_rows
from hptui.analysis.axis import Axis
from hptui.analysis.grid import rank_shares
from hptui.analysis.objectives.pareto import pareto_front
from hptui.analysis.param_axis import ParamAxis, build_param
from hptui.analysis.slice import best_row

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.arrays import BoolArray, IntArray, TrialArrays
    from hptui.domain.objective import Direction

_TOP: Final = 0.1
"""The share of trials that stands out."""


@dataclass(frozen=True, slots=True, eq=False)
class Parallel:
    """The complete trials with finite values, ordered by number."""

    dimensions: tuple[ParamAxis, ...]
    """The objectives first, then the parameters, of which a trial may lack some."""
    n_objectives: int
    numbers: IntArray
    is_feasible: BoolArray
    is_top: BoolArray
    """The best tenth of the feasible ones; with several objectives, the front."""
    best: int | None
    """The number of the best one; None with several objectives."""
    n_infinite: int
    """Complete trials that are left out."""


def build_parallel(
    trials: TrialArrays,
    names: Sequence[str],
    objectives: Sequence[int],
    value_names: Sequence[str],
    *,
    is_log: bool = False,
) -> Parallel:
    """Return the trials across `objectives`, which are called `value_names`, and parameters.

    `is_log` puts those objectives on logarithmic axes that are above 0 throughout.
    """
    rows = finite_rows(trials, objectives)
    values = trials.values[rows][:, list(objectives)]
    is_feasible = trials.is_feasible[rows]
    directions: list[Direction] = [trials.directions[objective] for objective in objectives]
    is_top = np.zeros(len(rows), np.bool_)
    feasible = np.flatnonzero(is_feasible)
    best = None
    if len(objectives) > 1:
        is_top[feasible] = pareto_front(values[feasible], directions)
    elif len(feasible):
        losses = values[feasible, 0] * (1 if directions[0] == "minimize" else -1)
        is_top[feasible] = rank_shares(losses) <= _TOP
        best = best_row(values[:, 0], is_feasible, directions[0])
    axes: list[ParamAxis] = []
    for column, name in enumerate(value_names):
        each = values[:, column]
        each_log = is_log and bool((each > 0).all())
        axis = Axis.around(each, is_log=each_log)
        axes.append(ParamAxis(name, each, None, is_log=each_log, is_whole=False, axis=axis))
    axes.extend(build_param(trials.params[name], rows) for name in names)
    return Parallel(
        tuple(axes),
        len(objectives),
        trials.numbers[rows],
        is_feasible,
        is_top,
        None if best is None else int(trials.numbers[rows[best]]),
        n_infinite=len(complete_rows(trials)) - len(rows),
    )

"""Some trials of a study as columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hptui.storage.read.param_columns import ABSENT, ParamColumn

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.objective import Direction
    from hptui.storage.read.growing_column import FloatArray, IntArray
    from hptui.storage.read.trial_table import TrialTable

    BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class ChosenTrials:
    """The rows of a study's trials that were chosen; each column is what it is there."""

    directions: tuple[Direction, ...]
    trial_ids: IntArray
    numbers: IntArray
    states: npt.NDArray[np.int8]
    starts_s: FloatArray
    completes_s: FloatArray
    values: FloatArray
    is_feasible: BoolArray
    is_complete: BoolArray
    last_steps: IntArray
    last_values: FloatArray
    params: Mapping[str, ParamColumn]
    """Those that any of the chosen trials has."""


def choose_trials(trials: TrialTable | ChosenTrials, is_chosen: BoolArray) -> ChosenTrials:
    """Return the chosen rows, in their order; `is_chosen` has a cell for each row."""
    rows = np.flatnonzero(is_chosen)
    params = {name: _choose(param, rows) for name, param in trials.params.items()}
    return ChosenTrials(
        directions=trials.directions,
        trial_ids=trials.trial_ids[rows],
        numbers=trials.numbers[rows],
        states=trials.states[rows],
        starts_s=trials.starts_s[rows],
        completes_s=trials.completes_s[rows],
        values=trials.values[rows],
        is_feasible=trials.is_feasible[rows],
        is_complete=trials.is_complete[rows],
        last_steps=trials.last_steps[rows],
        last_values=trials.last_values[rows],
        params={name: param for name, param in params.items() if _is_in_any(param)},
    )


def _choose(param: ParamColumn, rows: IntArray) -> ParamColumn:
    chosen = ParamColumn(param.name, param.index)
    chosen.specs.extend(param.specs)
    chosen.grow_to(len(rows))
    chosen.put(np.arange(len(rows)), param.values[rows], param.spec_indices[rows])
    return chosen


def _is_in_any(param: ParamColumn) -> bool:
    return bool((param.spec_indices != ABSENT).any())

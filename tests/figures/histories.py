"""Histories made of a few values, for charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from tests.made_trials import trials_of

from hptui.analysis.history import history_of
from hptui.domain.trial_states import COMPLETE, PRUNED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.history import History
    from hptui.domain.objective import Direction


def source_of(
    values: Sequence[float],
    direction: Direction = "minimize",
    *,
    states: Sequence[int] | None = None,
    infeasible: Sequence[int] = (),
) -> History:
    """The history of trials 0, 1, 2 ... with these values, or with reports where not complete."""
    state = np.array([COMPLETE] * len(values) if states is None else states, np.int8)
    given = np.array(values, np.float64)
    is_complete = state == COMPLETE
    trials = trials_of(
        np.where(is_complete, given, math.nan),
        (direction,),
        states=state.tolist(),
        is_feasible=~np.isin(np.arange(len(values)), infeasible),
        last_values=np.where(is_complete, math.nan, given),
    )
    return history_of(trials, 0)


MIXED_STATES = (COMPLETE, COMPLETE, PRUNED, COMPLETE, PRUNED, RUNNING)

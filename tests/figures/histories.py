"""Histories made of a few values, for charts."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.history import build_history
from hptui.domain.trial_states import COMPLETE, PRUNED, RUNNING
from hptui.figures.history import history_source

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import Direction
    from hptui.figures.history import HistorySource


def source_of(
    values: Sequence[float],
    direction: Direction = "minimize",
    *,
    states: Sequence[int] | None = None,
    infeasible: Sequence[int] = (),
) -> HistorySource:
    """The history of trials 0, 1, 2 ... with these values, or with reports where not complete."""
    numbers = np.arange(len(values))
    state = np.array([COMPLETE] * len(values) if states is None else states, np.int8)
    given = np.array(values, np.float64)
    is_complete = state == COMPLETE
    history = build_history(numbers, given, is_complete, ~np.isin(numbers, infeasible), direction)
    return history_source(history, numbers, state, np.where(is_complete, math.nan, given))


MIXED_STATES = (COMPLETE, COMPLETE, PRUNED, COMPLETE, PRUNED, RUNNING)

"""Snapshots of made-up studies."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.history import build_history
from hptui.domain.trial_states import COMPLETE
from hptui.ui.study.snapshot import StudySnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence


def snapshot_of(
    values: Sequence[float], states: Sequence[int] | None = None, *, revision: int = 1
) -> StudySnapshot:
    """A study of trials 0, 1, 2 ... with these values, or reports where they are not complete."""
    numbers = np.arange(len(values))
    state = np.array([COMPLETE] * len(values) if states is None else states, np.int8)
    given = np.array(values, np.float64)
    is_complete = state == COMPLETE
    is_feasible = np.ones(len(values), np.bool_)
    return StudySnapshot(
        Path("study.db"),
        "study",
        revision,
        directions=("minimize",),
        numbers=numbers,
        states=state,
        values=np.where(is_complete, given, math.nan)[:, None],
        is_feasible=is_feasible,
        last_values=np.where(is_complete, math.nan, given),
        history=build_history(numbers, given, is_complete, is_feasible, "minimize"),
    )

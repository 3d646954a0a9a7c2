"""Snapshots of made-up studies."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tests.made_trials import trials_of

from hptui.analysis.history import history_of
from hptui.domain.trial_states import COMPLETE
from hptui.ui.study.snapshot import StudySnapshot

if TYPE_CHECKING:
    from collections.abc import Sequence


def snapshot_of(
    values: Sequence[float], states: Sequence[int] | None = None, *, revision: int = 1
) -> StudySnapshot:
    """A study of trials 0, 1, 2 ... with these values, or reports where they are not complete."""
    state = np.array([COMPLETE] * len(values) if states is None else states, np.int8)
    given = np.array(values, np.float64)
    is_complete = state == COMPLETE
    trials = trials_of(
        np.where(is_complete, given, math.nan),
        states=state.tolist(),
        last_values=np.where(is_complete, math.nan, given),
    )
    return StudySnapshot(
        Path("study.db"),
        "study",
        revision,
        trials=trials,
        history=history_of(trials, 0),
    )

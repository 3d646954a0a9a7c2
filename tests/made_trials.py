"""Trials from a few arrays, for tests of whatever takes `Trials`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from hptui.domain.trial_states import COMPLETE
from hptui.trials import ABSENT, NO_STEP, ParamColumn, Trials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.objective import Direction
    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import BoolArray, FloatArray, IntArray


def trials_of(
    values: Sequence[float] | Sequence[Sequence[float]] | FloatArray,
    directions: Sequence[Direction] = ("minimize",),
    *,
    numbers: Sequence[int] | IntArray | None = None,
    states: Sequence[int] | None = None,
    starts_s: FloatArray | None = None,
    completes_s: FloatArray | None = None,
    is_feasible: BoolArray | None = None,
    last_values: FloatArray | None = None,
    params: Mapping[str, ParamColumn] | None = None,
) -> Trials:
    """Trials 0, 1, 2 ..., complete and feasible where nothing else is said, without times."""
    given = np.array(values, np.float64).reshape(-1, len(directions))
    n, nothing = len(given), np.full(len(given), np.nan)
    reported = nothing if last_values is None else last_values
    return Trials(
        directions=tuple(directions),
        trial_ids=np.arange(n),
        numbers=np.arange(n) if numbers is None else np.array(numbers, np.int64),
        states=np.full(n, COMPLETE, np.int8) if states is None else np.array(states, np.int8),
        starts_s=nothing if starts_s is None else starts_s,
        completes_s=nothing if completes_s is None else completes_s,
        values=given,
        violations=nothing if is_feasible is None else np.where(is_feasible, 0.0, 1.0),
        last_steps=np.where(np.isnan(reported), NO_STEP, 0),
        last_values=reported,
        is_damaged=np.zeros(n, np.bool_),
        params=dict(params or {}),
    )


def param_of(
    name: str,
    specs: ParamSpec | Sequence[ParamSpec],
    values: Sequence[float] | FloatArray | IntArray,
    spec_indices: Sequence[int] | int = 0,
) -> ParamColumn:
    """A parameter of trials 0, 1, 2 ...; NaN where a trial does not have it."""
    given = np.array(values, np.float64)
    indices = np.where(np.isnan(given), ABSENT, spec_indices).astype(np.int32)
    return ParamColumn(
        name, tuple(specs) if isinstance(specs, Sequence) else (specs,), given, indices
    )

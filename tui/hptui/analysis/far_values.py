"""Values so much worse than most that an axis with them would squash all others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from hptui.trials import BoolArray, FloatArray

_MIN_VALUES_FOR_FAR: Final = 8
_FAR_IN_SPREADS: Final = 3.0
"""How far a value is beyond the worse quarter, in ranges of the middle half, to be far."""
_MIN_GAIN: Final = 2.0
"""How many times more room the others must get for values to be left out."""


def is_far_worse(values: FloatArray, *, is_log: bool, is_above: bool) -> BoolArray:
    """Say which values are far worse than most, where that would squash the others."""
    nothing = np.zeros(len(values), np.bool_)
    if is_log or len(values) < _MIN_VALUES_FOR_FAR:
        return nothing
    # Quarters, so that the difference of the greatest floats is still one.
    losses = values / (4 if is_above else -4)
    lower, upper = np.quantile(losses, (0.25, 0.75))
    fence = upper + _FAR_IN_SPREADS * (upper - lower)
    near = losses[losses <= fence]
    if lower == upper or np.ptp(losses) < _MIN_GAIN * np.ptp(near):
        return nothing
    return losses > fence

"""How much better values were held to be possible in the course of a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.stopping.advice import FEWEST_TRIALS, build_advice
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from hptui.trials import Trials

_N_MOMENTS: Final = 12
"""Each takes up to half a second."""


def regret_history(trials: Trials, objective: int) -> dict[int, float]:
    """Return what might have been left after some complete trials, by their numbers.

    The moments lie closer together in the beginning, where more changes. Those at which it cannot
    be told are left out.
    """
    numbers = np.sort(trials.numbers[complete_rows(trials)])
    if len(numbers) < FEWEST_TRIALS:
        return {}
    places = np.geomspace(FEWEST_TRIALS, len(numbers), _N_MOMENTS).round().astype(int) - 1
    left: dict[int, float] = {}
    for number in np.unique(numbers[places]).tolist():
        found = build_advice(trials, objective, until=number).regret.left
        if found is not None:
            left[number] = found
    return left

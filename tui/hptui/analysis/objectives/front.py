"""Which trials of a study with several objectives are on the Pareto front, as a figure has them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.objectives.pareto import pareto_front
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.objective import Direction
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Front:
    """The complete trials, ordered by number, in the objectives that are looked at."""

    numbers: IntArray
    values: FloatArray
    """A column for each objective that is looked at."""
    on_front: BoolArray
    """In all objectives of the study."""
    is_feasible: BoolArray
    directions: tuple[Direction, ...]
    """Of the columns."""

    def where(self, chosen: BoolArray) -> Front:
        """Return some of the trials."""
        return Front(
            self.numbers[chosen],
            self.values[chosen],
            self.on_front[chosen],
            self.is_feasible[chosen],
            self.directions,
        )


def build_front(trials: Trials, objectives: Sequence[int]) -> Front:
    """Return the front, seen in `objectives`; infinite values count."""
    rows = complete_rows(trials)
    is_feasible = trials.is_feasible[rows]
    on_front = np.zeros(len(rows), np.bool_)
    feasible = np.flatnonzero(is_feasible)
    on_front[feasible] = pareto_front(trials.values[rows[feasible]], trials.directions)
    return Front(
        trials.numbers[rows],
        trials.values[rows][:, list(objectives)],
        on_front,
        is_feasible,
        tuple(trials.directions[objective] for objective in objectives),
    )

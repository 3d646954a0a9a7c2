"""Which trials a page shows where it has no room for all."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.readable import plural
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.figures.request import PlottedStudy
    from hptui.trials import IntArray

_PAIR: Final = 2
_MAX_CELLS: Final = 4_000_000
"""Optuna's contour has a cell for each pair of different values."""
_MOST_CHOSEN: Final = 1_000
"""Their cells are a quarter of these, some megabytes of a page."""


def within_cells(
    study: PlottedStudy, names: Sequence[str], objective: int
) -> tuple[PlottedStudy, tuple[str, ...]]:
    """Return a study that Optuna's contour has room for, and what is left out, as a sentence.

    Half of the trials are then the best ones, since there a contour is looked at closely, and the
    others stand at even distances among the rest.
    """
    trials = study.trials
    rows = complete_rows(trials)
    counts = sorted(len(np.unique(trials.params[name].values[rows])) for name in names)
    if counts[-1] * counts[-_PAIR] <= _MAX_CELLS:
        return study, ()
    chosen = trials.select(np.sort(_choose(study, rows, objective)))
    n_best = _MOST_CHOSEN // 2
    return replace(study, trials=chosen), (
        f"Optuna's contour draws a cell for each pair of values, here {counts[-1]:,} by "
        f"{counts[-_PAIR]:,}. It therefore shows {_MOST_CHOSEN:,} of "
        f"{plural(len(rows), 'complete trial')}: the best {n_best}, and others evenly spaced. "
        "hptui plot contour shows all.",
    )


def _choose(study: PlottedStudy, rows: IntArray, objective: int) -> IntArray:
    trials = study.trials
    values = trials.values[rows, objective]
    sign = 1.0 if trials.directions[objective] == "minimize" else -1.0
    # Feasible ones first.
    order = rows[np.lexsort((sign * values, ~trials.is_feasible[rows]))]
    best, rest = order[: _MOST_CHOSEN // 2], np.sort(order[_MOST_CHOSEN // 2 :])
    at = np.linspace(0, len(rest) - 1, _MOST_CHOSEN - len(best)).astype(np.int64)
    return np.concatenate([best, rest[at]])

"""Which parameters the values follow most, fast enough for every figure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.param_axis import build_param
from hptui.trials import finite_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.trials import FloatArray, IntArray, Trials

_MOST_BINS: Final = 10
_TRIALS_A_BIN: Final = 5
_FEWEST_BINS: Final = 2


def by_effect(trials: Trials, objective: int, names: Sequence[str]) -> list[str]:
    """Return parameters by how much of the order of the values each explains by itself.

    That is the share of the variance of ranks between bins of a parameter, less what as many bins
    would explain by chance (epsilon squared, Kelley 1935), times the share of trials that have it.
    Equals keep their order. It knows of no interaction; the figure of importance does.
    """
    rows = finite_rows(trials, (objective,))
    _, which, counts = np.unique(
        trials.values[rows, objective], return_inverse=True, return_counts=True
    )
    # Equal values share the middle of their ranks.
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[which.ravel()]
    effects = {name: _effect(trials, name, rows, ranks) for name in names}
    return sorted(names, key=lambda name: -effects[name])


def _effect(trials: Trials, name: str, rows: IntArray, ranks: FloatArray) -> float:
    param = build_param(trials.params[name], rows)
    values, among = param.values[param.has], ranks[param.has]
    n_bins = min(_MOST_BINS, len(values) // _TRIALS_A_BIN)
    if n_bins < _FEWEST_BINS:
        return 0.0
    bins = values if param.choices is not None else _binned(values, n_bins)
    _, which, counts = np.unique(bins, return_inverse=True, return_counts=True)
    spread = float(among.var())
    if len(counts) < _FEWEST_BINS or len(counts) == len(values) or spread == 0:
        return 0.0
    means = np.bincount(which.ravel(), among) / counts
    between = float(((means - among.mean()) ** 2 * counts).sum()) / len(among) / spread
    chance = (len(counts) - 1) / (len(values) - 1)
    explained = (between - chance) / (1 - chance)
    return max(0.0, explained) * len(values) / len(rows)


def _binned(values: FloatArray, n_bins: int) -> IntArray:
    """Return bins with about as many values each; equal values are in the same one."""
    bounds = np.quantile(values, np.arange(1, n_bins) / n_bins)
    return np.searchsorted(bounds, values, side="left")

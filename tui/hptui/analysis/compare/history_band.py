"""The history of several studies together: what is usual, and how far they are apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.arrays import FloatArray, IntArray
    from hptui.analysis.history import History


@dataclass(frozen=True, slots=True, eq=False)
class HistoryBand:
    """Means and standard deviations over studies, for each trial number with a feasible value."""

    numbers: IntArray
    means: FloatArray
    """Of the feasible finite values; NaN where there are only infinite ones, as the others."""
    deviations: FloatArray
    best_means: FloatArray
    """Of the best so far, of those studies that have so many trials."""
    best_deviations: FloatArray
    n_studies: int
    """How many have a feasible value."""


def build_band(histories: Sequence[History]) -> HistoryBand:
    """Return the band of one objective over studies."""
    # A damaged trial may have any number, so only those that there are get a place.
    known = np.unique(
        np.concatenate([np.zeros(0, np.int64), *(each.numbers for each in histories)])
    )
    shape = len(histories), len(known)
    values, bests = np.full(shape, np.nan), np.full(shape, np.nan)
    has_value = np.zeros(shape, np.bool_)
    for row, each in enumerate(histories):
        at = np.searchsorted(known, each.numbers)
        is_counted = each.is_feasible & ~np.isnan(each.values)
        has_value[row, at] = is_counted
        values[row, at] = np.where(is_counted, each.values, np.nan)
        bests[row, at] = each.best
    is_shown = has_value.any(axis=0)
    means, deviations = _mean_and_deviation(values[:, is_shown])
    best_means, best_deviations = _mean_and_deviation(bests[:, is_shown])
    n_studies = int(has_value.any(axis=1).sum())
    return HistoryBand(known[is_shown], means, deviations, best_means, best_deviations, n_studies)


def _mean_and_deviation(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both for each column, over finite values; NaN where there is none."""
    is_finite = np.isfinite(values)
    counts = is_finite.sum(axis=0)
    # Of a size at which squares are numbers.
    size = max(1.0, float(np.abs(values[is_finite]).max(initial=0.0)))
    scaled = np.where(is_finite, values, 0.0) / size
    some = np.maximum(1, counts)
    means = scaled.sum(axis=0) / some
    squares = np.where(is_finite, (scaled - means) ** 2, 0.0).sum(axis=0) / some
    is_known = counts > 0
    return np.where(is_known, means * size, np.nan), np.where(
        is_known, np.sqrt(squares) * size, np.nan
    )

"""Intermediate values: the median of many trials at each step, and lines thin enough to draw."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.trials import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """What a trial, or several in the middle, reported at which step; ordered by step."""

    steps: IntArray
    values: FloatArray

    @classmethod
    def empty(cls) -> Curve:
        """Return a curve without reports."""
        return cls(np.zeros(0, np.int64), np.zeros(0))

    @classmethod
    def of_reports(cls, reports: Sequence[tuple[int, float]]) -> Curve:
        """Return the curve of steps and values, by step."""
        steps, values = zip(*reports, strict=True) if reports else ((), ())
        return cls(np.array(steps, np.int64), np.array(values, np.float64))


def median_curve(curves: Sequence[Curve]) -> Curve:
    """Return the median at each step of those curves that have a number there."""
    if not curves:
        return Curve.empty()
    steps = np.concatenate([curve.steps for curve in curves])
    values = np.concatenate([curve.values for curve in curves])
    is_number = ~np.isnan(values)
    steps, values = steps[is_number], values[is_number]
    order = np.lexsort((values, steps))
    steps, values = steps[order], values[order]
    found, first, counts = np.unique(steps, return_index=True, return_counts=True)
    lower, upper = values[first + (counts - 1) // 2], values[first + counts // 2]
    # Halves first: the sum of the greatest floats is none. Infinities of both signs have no middle.
    with np.errstate(invalid="ignore"):
        middles = np.where(lower == upper, lower, lower / 2 + upper / 2)
    return Curve(found, middles)

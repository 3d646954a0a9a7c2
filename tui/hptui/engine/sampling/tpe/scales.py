"""Numeric parameters on a scale from 0 to 1, on which Optuna's kernels are Gaussians cut off there.

Optuna has half a step more at both ends of a grid, and takes the logs of what is logarithmic.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.engine.sampling.tpe.gauss import log_mass

if TYPE_CHECKING:
    from optuna.distributions import FloatDistribution, IntDistribution

    from hptui.trials import FloatArray

LEAST_WIDTH: Final = 0.01
"""Of a kernel, where there are a hundred of them or more."""
_ROUNDING: Final = 1e-9


class ForeignValueError(Exception):
    """A value that a parameter cannot have now."""


class Scale:
    """The scale of one parameter."""

    def __init__(self, distribution: FloatDistribution | IntDistribution) -> None:
        self.distribution = distribution
        self.is_log = distribution.log
        self.half_step = 0.0 if distribution.step is None else distribution.step / 2
        low, high = distribution.low - self.half_step, distribution.high + self.half_step
        self.low, self.high = (math.log(low), math.log(high)) if self.is_log else (low, high)
        self.width = self.high - self.low

    def scaled(self, values: FloatArray) -> FloatArray:
        """Return internal values on the scale.

        Raises:
            ForeignValueError: One is not between the bounds.
        """
        scaled = ((np.log(values) if self.is_log else values) - self.low) / self.width
        if not np.all((scaled >= -_ROUNDING) & (scaled <= 1 + _ROUNDING)):
            raise ForeignValueError
        return scaled

    def scaled_kernels(self, mu: FloatArray, sigma: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return the middles and widths of kernels of Optuna's on the scale.

        Raises:
            ForeignValueError: One is not between the bounds.
        """
        middles = (mu - self.low) / self.width
        if not np.all((middles >= -_ROUNDING) & (middles <= 1 + _ROUNDING)):
            raise ForeignValueError
        return middles, sigma / self.width

    def log_of_cells(
        self, values: FloatArray, middles: FloatArray, widths: FloatArray
    ) -> FloatArray:
        """Return the log probability of values of a grid (rows) under kernels (columns)."""
        low, high = values - self.half_step, values + self.half_step
        if self.is_log:
            low, high = np.log(low), np.log(high)
        low, high = (low - self.low) / self.width, (high - self.low) / self.width
        of_cells = log_mass((low[:, None] - middles) / widths, (high[:, None] - middles) / widths)
        return of_cells - log_mass(-middles / widths, (1 - middles) / widths)

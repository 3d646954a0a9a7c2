"""The kernels of a continuous parameter.

They gain that a kernel's width, which depends on its neighbours alone, is computed when these
change: Optuna sorts all values for each trial. The log of a kernel is a parabola, so all kernels
at all candidates are one product of matrices.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np
from optuna.samplers._tpe import _erf

from hptui.engine.sampling.tpe.columns import with_room
from hptui.engine.sampling.tpe.gauss import SQRT2
from hptui.engine.sampling.tpe.scales import LEAST_WIDTH, ForeignValueError

if TYPE_CHECKING:
    from optuna.samplers._tpe.probability_distributions import (
        _BatchedTruncLogNormDistributions,
        _BatchedTruncNormDistributions,
    )

    from hptui.engine.sampling.tpe.scales import Scale
    from hptui.trials import BoolArray, FloatArray, IntArray

    NumericKernels = _BatchedTruncNormDistributions | _BatchedTruncLogNormDistributions

_LOG_MASS_OF_PRIOR: Final = math.log(math.erf(0.5 / SQRT2))
_FEW: Final = 48
"""Changes that are cheaper to work in than to sort all values."""


class Curve:
    """The kernels of one continuous parameter, by the trials' places."""

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self._scaled = np.zeros(0)
        self._widths = np.zeros(0)
        self._order: IntArray = np.zeros(0, dtype=np.int64)
        """The places of the members, by rising value."""
        self._ordered = np.zeros(0)
        """Their values."""
        self._is_tied = True
        """Whether values may be equal, whose order Optuna's sort decides; at first they may."""

    def change(
        self, values: FloatArray, added: IntArray, removed: IntArray, members: BoolArray
    ) -> tuple[IntArray, FloatArray]:
        """Take in and out trials; return the places of kernels that have changed, as parabolas.

        Args:
            values: The internal values by place.
            added: Places that come in.
            removed: Places that go out; one that gets another value does both.
            members: A mask of those that are in then.

        Raises:
            ForeignValueError: A value is not between the bounds.
        """
        size = len(members)
        self._scaled, self._widths = with_room(self._scaled, size), with_room(self._widths, size)
        gone = self._scaled[removed]
        come = self._scaled[added] = self.scale.scaled(values[added])
        self._widths[added] = 0.0
        if self._is_tied or len(gone) + len(come) > _FEW:
            return self._sort(members)
        at = self._ordered.searchsorted(gone)
        ordered, order = np.delete(self._ordered, at), np.delete(self._order, at)
        by_value = np.argsort(come)
        come, added = come[by_value], added[by_value]
        at = ordered.searchsorted(come)
        self._ordered, self._order = np.insert(ordered, at, come), np.insert(order, at, added)
        near = self._ordered.searchsorted(np.concatenate([gone, come]))
        near = np.unique(np.clip(near[:, None] + (-1, 0, 1), 0, len(self._order) - 1))
        gaps = self._gaps(near)
        if self._has_ties(near, *gaps):
            return self._sort(members)
        return self._renewed(near, *gaps)

    def _sort(self, members: BoolArray) -> tuple[IntArray, FloatArray]:
        places = np.flatnonzero(members)
        # The very call of Optuna's, which is not stable: it decides which of equal values is wide.
        order = np.argsort(self._scaled[places])
        self._order = places[order]
        self._ordered = self._scaled[self._order]
        every = np.arange(len(places))
        gaps = self._gaps(every)
        self._is_tied = self._has_ties(every, *gaps)
        return self._renewed(every, *gaps)

    def _gaps(self, at: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the distances to the values before and behind; 0 at an end."""
        values = self._ordered
        before = values[np.maximum(at - 1, 0)]
        behind = values[np.minimum(at + 1, len(values) - 1)]
        return values[at] - before, behind - values[at]

    def _has_ties(self, at: IntArray, before: FloatArray, behind: FloatArray) -> bool:
        last = len(self._ordered) - 1
        return bool(np.any((before == 0) & (at > 0) | (behind == 0) & (at < last)))

    def _renewed(
        self, at: IntArray, before: FloatArray, behind: FloatArray
    ) -> tuple[IntArray, FloatArray]:
        """Return those of some kernels whose width is another than it was."""
        widths = np.clip(np.maximum(before, behind), LEAST_WIDTH, 1.0)
        places = self._order[at]
        is_new = widths != self._widths[places]
        places, widths = places[is_new], widths[is_new]
        self._widths[places] = widths
        return places, parabolas(self._scaled[places], widths)

    def n_inside(self) -> int:
        """Return how many of the values are not at a bound, as far as rounding lets tell."""
        low, high = self._ordered.searchsorted((1e-12, 1 - 1e-12))
        return int(high - low)

    def placed(self, values: FloatArray) -> FloatArray:
        """Return candidates on the scale, the middle at 0, where the prior's kernel is.

        Raises:
            ForeignValueError: One is beyond a bound, be it by a rounding: Optuna has no density
                for it.
        """
        at = np.log(values) if self.scale.is_log else values
        if not np.all((at >= self.scale.low) & (at <= self.scale.high)):
            raise ForeignValueError
        return (at - self.scale.low) / self.scale.width - 0.5

    def log_prior(self, at: FloatArray) -> FloatArray:
        """Return the log of the prior's kernel at candidates that were `placed`."""
        return -0.5 * at * at - _LOG_MASS_OF_PRIOR

    def log_of_few(self, kernels: NumericKernels, at: FloatArray) -> FloatArray:
        """Return the logs of Optuna's kernels but the prior's (columns) at candidates (rows)."""
        middles, widths = self.scale.scaled_kernels(kernels.mu[:-1], kernels.sigma[:-1])
        squares, lines, rest = parabolas(middles, widths)
        return np.outer(at * at, squares) + np.outer(at, lines) + rest


def parabolas(middles: FloatArray, widths: FloatArray) -> FloatArray:
    """Return the factors of x**2, x and 1 in the logs of kernels, x being 0 at the scale's middle.

    A kernel is a Gaussian whose mass between the bounds is 1.
    """
    mu = middles - 0.5
    reach = widths * SQRT2
    mass = 0.5 * (_erf.erf((0.5 - mu) / reach) - _erf.erf((-0.5 - mu) / reach))
    precision = 1.0 / (widths * widths)
    return np.array(
        [-0.5 * precision, mu * precision, -0.5 * mu * mu * precision - np.log(widths * mass)]
    )

"""The mass of a Gaussian in an interval, right to some digits of a double far into its tails.

It gains that whole arrays are computed at once: Optuna goes number by number in the tails.
"""

from __future__ import annotations

import math
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from hptui.trials import FloatArray

SQRT2: Final = math.sqrt(2.0)
_STEP: Final = 1 / 64
_STOP: Final = 28.0
_DEGREE: Final = 5
_ASYMPTOTIC: Final = 5.0


def log_mass(low: FloatArray, high: FloatArray) -> FloatArray:
    """Return the log of the standard normal's mass between `low` < `high`.

    Where both are beyond 39 on one side, what is returned is some number below -700.
    """
    # By symmetry the bound that is nearer to 0 is the upper one.
    is_right = low + high > 0
    low, high = np.where(is_right, -high, low), np.where(is_right, -low, high)
    of_low, of_high = _erfcx(low / -SQRT2), _erfcx(np.abs(high) / SQRT2)
    with np.errstate(all="ignore"):
        in_tail = -0.5 * high * high + np.log(
            0.5 * (of_high - np.exp(0.5 * (high * high - low * low)) * of_low)
        )
        around_0 = np.log1p(
            -0.5 * (np.exp(-0.5 * low * low) * of_low + np.exp(-0.5 * high * high) * of_high)
        )
    return np.where(high <= 0, in_tail, around_0)


def _erfcx(y: FloatArray) -> FloatArray:
    """Return exp(y**2) * erfc(y) for y >= 0, by Taylor's polynomial; beyond 28 as at 28."""
    taylor = _taylor_of_erfcx()
    at = np.minimum((y * (1 / _STEP)).astype(np.intp), taylor.shape[1] - 1)
    off = np.minimum(y, _STOP) - (at + 0.5) * _STEP
    total = taylor[_DEGREE][at]
    for row in taylor[_DEGREE - 1 :: -1]:
        total = total * off + row[at]
    return total


@cache
def _taylor_of_erfcx() -> FloatArray:
    """Return the coefficients around the middles of a grid: a row a degree, a column a middle."""
    columns: list[list[float]] = []
    for index in range(int(_STOP / _STEP)):
        y = (index + 0.5) * _STEP
        f = math.exp(y * y) * math.erfc(y) if y < _ASYMPTOTIC else _erfcx_of_much(y)
        # f' = 2 y f - 2 / sqrt(pi), and so on.
        derivatives = [f, 2 * y * f - 2 / math.sqrt(math.pi)]
        for k in range(1, _DEGREE):
            derivatives.append(2 * y * derivatives[k] + 2 * k * derivatives[k - 1])
        columns.append([each / math.factorial(k) for k, each in enumerate(derivatives)])
    return np.array(columns).T.copy()


def _erfcx_of_much(y: float) -> float:
    """Return exp(y**2) * erfc(y) for a large y, by its asymptotic series."""
    total = term = 1.0
    k = 0
    while True:
        following = -term * (2 * k + 1) / (2 * y * y)
        if abs(following) > abs(term) or abs(following) < 1e-18:  # noqa: PLR2004 - below rounding
            return total / (y * math.sqrt(math.pi))
        term = following
        total += term
        k += 1

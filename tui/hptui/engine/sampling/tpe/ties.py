"""Which of several candidates wins where hardly any trial is, as Optuna's roundings decide it.

There the prior's kernel is by far the largest, so candidates differ in the last bits alone. This
is so for a tenth to a quarter of all trials, and gains that Optuna's mixture need not be made then.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from optuna.samplers._tpe import _truncnorm
from optuna.samplers._tpe.sampler import default_weights

from hptui.engine.sampling.tpe.curves import Curve
from hptui.engine.sampling.tpe.grids import Choices, Grid
from hptui.engine.sampling.tpe.mixture import LEAST_LOG

if TYPE_CHECKING:
    from hptui.engine.sampling.tpe.mixture import Candidates, Mixture
    from hptui.trials import FloatArray, IntArray

MOST_DENSITY: Final = 1e-6
"""Of the other kernels beside the prior's, up to which this can decide."""
_SWALLOWED: Final = 2.0**-55
"""What is added to 1 without changing it."""
_LEAST: Final = 2 * np.exp(LEAST_LOG)
_MANY: Final = 2000
"""From that many values on, Optuna computes erf in another way."""


def log_pdf_in_the_void(
    mixture: Mixture, candidates: Candidates, which: IntArray, density: FloatArray, error: float
) -> FloatArray | None:
    """Return what Optuna's `log_pdf` returns for some candidates, to the last bit.

    Args:
        mixture: The mixture.
        candidates: Points.
        which: Those that are asked for.
        density: That of the kernels but the prior's at each of these, at most `MOST_DENSITY`.
        error: The largest relative error of the densities.

    Returns:
        None where it cannot be told.
    """
    log_prior = _log_pdf_of_prior(mixture, candidates, which)
    if log_prior is None:
        return None
    total = np.ones(len(which))
    if density.max() > _SWALLOWED:
        # A sum of rounded numbers grows with each of them: where both bounds have one sum, Optuna
        # has it, since it adds as many numbers in the same order.
        shares = mixture.shares(candidates, which)
        least, most = np.ones((2, len(which), shares.shape[1] + 1))
        least[:, :-1] = np.where(shares > _LEAST, shares * (1 - error), 0.0)
        most[:, :-1] = shares * (1 + error)
        total = least.sum(axis=1)
        if np.any(total != most.sum(axis=1)):
            return None
    return np.log(total) + log_prior


def _log_pdf_of_prior(
    mixture: Mixture, candidates: Candidates, which: IntArray
) -> FloatArray | None:
    """Return the log of the prior's kernel with its weight, in the operations of Optuna.

    They are those of `_MixtureOfProductDistribution.log_pdf`, for the last kernel alone.
    """
    total = np.zeros(len(which))
    curves: list[tuple[Curve, FloatArray]] = []
    for name, axis in mixture.axes.items():
        x = candidates.samples[name][which]
        if isinstance(axis, Curve):
            curves.append((axis, x))
        elif isinstance(axis, Choices):
            weights = np.full((2, axis.n_values), 1.0 / (mixture.n + 1))
            weights /= weights.sum(axis=1, keepdims=True)
            total += np.log(weights[0, x.astype(np.int64)])
        else:
            different = axis.n_different(mixture.members)
            is_many = _is_many(different[0] + 1, different[1] + 1)
            if is_many is None:
                return None
            _add_grid(total, axis, x, is_many=is_many)
    if curves:
        inside = sum(curve.n_inside() + 1 for curve, _ in curves)
        is_many = _is_many(inside, (mixture.n + 1) * len(curves))
        if is_many is None:
            return None
        total += _log_pdf_of_curves(curves, is_many=is_many)
    weights = np.append(default_weights(mixture.n), [1.0])
    weights /= weights.sum()
    return total + np.log(weights[-1:])


def _is_many(fewest: int, most: int) -> bool | None:
    """Say whether Optuna computes erf in the way for many; None where it cannot be told."""
    return None if fewest < _MANY <= most else fewest >= _MANY


def _prior(axis: Curve | Grid) -> tuple[FloatArray, FloatArray]:
    """Return middle and width of the prior's kernel as Optuna computes them."""
    distribution = axis.scale.distribution
    low, high = distribution.low, distribution.high
    if distribution.step is not None:
        low -= distribution.step / 2
        high += distribution.step / 2
    if distribution.log:
        low, high = np.log(low), np.log(high)
    return np.array([0.5 * (low + high)]), np.array([high - low])


def _add_grid(total: FloatArray, axis: Grid, x: FloatArray, *, is_many: bool) -> None:
    mu, sigma = _prior(axis)
    left, right = x - axis.scale.half_step, x + axis.scale.half_step
    if axis.scale.is_log:
        left, right = np.log(left), np.log(right)
    # Few kernels have their middle in the cell of a candidate, and only of those is erf taken.
    total += _log_gauss_mass((left - mu) / sigma, (right - mu) / sigma, is_many=False)
    low, high = (axis.scale.low - mu) / sigma, (axis.scale.high - mu) / sigma
    total -= _log_gauss_mass(low, high, is_many=is_many)


def _log_pdf_of_curves(curves: list[tuple[Curve, FloatArray]], *, is_many: bool) -> FloatArray:
    # Two of the kernel, since NumPy adds the parameters up in another order where there is one.
    priors = [_prior(curve) for curve, _ in curves]
    mus = np.asarray([np.repeat(mu, 2) for mu, _ in priors]).T
    sigmas = np.asarray([np.repeat(sigma, 2) for _, sigma in priors]).T
    x = np.asarray([np.log(x) if curve.scale.is_log else x for curve, x in curves])
    a = (np.asarray([curve.scale.low for curve, _ in curves]) - mus) / sigmas
    b = (np.asarray([curve.scale.high for curve, _ in curves]) - mus) / sigmas
    scaled = (x.T[:, np.newaxis, :] - mus) / sigmas
    log_pdf = _truncnorm._norm_logpdf(scaled)
    log_pdf = log_pdf - _log_gauss_mass(a, b, is_many=is_many) - np.log(sigmas)
    # As there, which has the order of what is added up.
    scaled, a, b = np.broadcast_arrays(scaled, a, b)
    is_outside = (scaled < a) | (scaled > b)
    log_pdf = np.select([a == b, is_outside], [np.nan, -np.inf], default=log_pdf)
    return log_pdf.sum(axis=-1)[:, 0]


def _log_gauss_mass(a: FloatArray, b: FloatArray, *, is_many: bool) -> FloatArray:
    """Return what Optuna's function of this name does, among few values or among many."""
    if not is_many:
        return _truncnorm._log_gauss_mass(a, b)
    others = np.full(_MANY, 1.0)
    among_many = _truncnorm._log_gauss_mass(
        np.concatenate([a.ravel(), -others]), np.concatenate([b.ravel(), others])
    )
    return among_many[: a.size].reshape(a.shape)

"""A Gaussian process over the space of parameters: what a study's trials say about the rest of it.

Matérn 5/2 with a relevance for each parameter, a scale and noise, fitted to the greatest posterior
with the priors of Optuna's own sampler. Choices are alike or not. At most some hundred points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from hptui.trials import BoolArray, FloatArray

_LEAST_NOISE: Final = 1e-6
_STEPS: Final = 60
_BOUND: Final = 12.0
"""Of the logarithms that are fitted."""


@dataclass(frozen=True, slots=True, eq=False)
class GaussianProcess:
    """One that was fitted to values with mean 0 and deviation 1."""

    points: FloatArray
    is_choice: BoolArray
    relevance: FloatArray
    scale: float
    noise: float
    """Its variance."""
    root: FloatArray
    """The lower Cholesky factor of the covariance."""
    weights: FloatArray
    """The covariance's inverse times the values."""

    @classmethod
    def fitted(
        cls, points: FloatArray, values: FloatArray, is_choice: BoolArray
    ) -> GaussianProcess:
        """Fit one to values at points, whose columns go from 0 to 1 or are choices."""
        distances = _distances(points, points, is_choice)
        logs = _climb(distances, values)
        relevance, scale, noise = _parts(logs)
        kernel, _ = _matern(np.tensordot(relevance, distances, 1))
        covariance = scale * kernel + noise * np.eye(len(values))
        root = np.asarray(np.linalg.cholesky(covariance), np.float64)
        weights = np.asarray(np.linalg.solve(covariance, values), np.float64)
        return cls(points, is_choice, relevance, scale, noise, root, weights)

    def at(self, points: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Return mean and deviation of the values at other points, without the noise."""
        distances = _distances(points, self.points, self.is_choice)
        kernel, _ = _matern(np.tensordot(self.relevance, distances, 1))
        kernel *= self.scale
        seen = np.linalg.solve(self.root, kernel.T)
        variance = np.maximum(self.scale - np.einsum("ij,ij->j", seen, seen), 0.0)
        return kernel @ self.weights, np.sqrt(variance)


def _distances(one: FloatArray, other: FloatArray, is_choice: BoolArray) -> FloatArray:
    """Return the squared distances in each column; 1 between choices that differ."""
    difference = one.T[:, :, None] - other.T[:, None, :]
    squares = difference**2
    squares[is_choice] = difference[is_choice] != 0
    return squares


def _matern(squares: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the kernel, and its derivative by the squared distance."""
    reach = np.sqrt(5.0 * squares)
    decay = np.exp(-reach)
    return decay * (1.0 + reach + reach**2 / 3.0), -5.0 / 6.0 * decay * (1.0 + reach)


def _parts(logs: FloatArray) -> tuple[FloatArray, float, float]:
    return np.exp(logs[:-2]), math.exp(logs[-2]), math.exp(logs[-1]) + _LEAST_NOISE


def _climb(distances: FloatArray, values: FloatArray) -> FloatArray:
    """Return the logarithms of relevance, scale and noise with the greatest posterior.

    Each goes its own steps, longer while its slope keeps its sign (Rprop).
    """
    logs = np.zeros(len(distances) + 2)
    logs[-1] = math.log(0.1)
    steps, before = np.full(len(logs), 0.5), np.zeros(len(logs))
    best, best_height = logs, -math.inf
    for _ in range(_STEPS):
        height, slope = _posterior(distances, values, logs)
        if height > best_height:
            best, best_height = logs, height
        turned = slope * before
        steps = np.clip(steps * np.where(turned > 0, 1.2, np.where(turned < 0, 0.5, 1.0)), 1e-3, 1)
        before = np.where(turned < 0, 0.0, slope)
        logs = np.clip(logs + np.sign(before) * steps, -_BOUND, _BOUND)
    return best


def _posterior(
    distances: FloatArray, values: FloatArray, logs: FloatArray
) -> tuple[float, npt.NDArray[np.float64]]:
    """Return the logarithm of the posterior, but for a constant, and its slope."""
    relevance, scale, noise = _parts(logs)
    kernel, by_square = _matern(np.tensordot(relevance, distances, 1))
    covariance = scale * kernel
    covariance[np.diag_indices(len(values))] += noise
    root = np.linalg.cholesky(covariance)
    inverse = np.linalg.inv(covariance)
    weights = inverse @ values
    height = -0.5 * float(values @ weights) - float(np.log(np.diag(root)).sum())
    pull = 0.5 * (np.outer(weights, weights) - inverse)
    by_relevance = np.tensordot(distances, pull * by_square, 2) * scale * relevance
    by_scale = float((pull * kernel).sum()) * scale
    own_noise = noise - _LEAST_NOISE
    by_noise = float(np.trace(pull)) * own_noise
    # Gamma(2, 1) for the scale, Gamma(1.1, 30) for the noise; relevance is neither 0 nor endless.
    height += math.log(scale) - scale + 0.1 * math.log(own_noise) - 30 * own_noise
    height -= 0.1 * float((1 / relevance + relevance).sum())
    slope = np.append(by_relevance + 0.1 / relevance - 0.1 * relevance, [by_scale, by_noise])
    slope[-2] += 1 - scale
    slope[-1] += 0.1 - 30 * own_noise
    return height, slope

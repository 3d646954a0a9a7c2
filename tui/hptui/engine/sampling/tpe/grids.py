"""The kernels of parameters with few values: choices, and numbers with a step.

They gain that kernels of one middle and width are one class: the log probability of a candidate is
looked up by class. Optuna computes it number by number.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.engine.sampling.tpe.columns import with_room
from hptui.engine.sampling.tpe.scales import LEAST_WIDTH, ForeignValueError

if TYPE_CHECKING:
    from optuna.samplers._tpe.probability_distributions import (
        _BatchedCategoricalDistributions,
        _BatchedDiscreteTruncLogNormDistributions,
        _BatchedDiscreteTruncNormDistributions,
    )

    from hptui.engine.sampling.tpe.scales import Scale
    from hptui.trials import BoolArray, FloatArray, IntArray

    GridKernels = _BatchedDiscreteTruncNormDistributions | _BatchedDiscreteTruncLogNormDistributions

_NOTHING: Final = -120.0
"""The log of a probability that counts for nothing."""
_MOST_REMEMBERED: Final = 2_000_000
_KINDS: Final = 3


class Choices:
    """The kernels of a categorical parameter: one class for each choice."""

    def __init__(self, n_choices: int) -> None:
        self.n_values = n_choices
        self.classes: IntArray = np.zeros(0, dtype=np.int64)
        """The class of each kernel, by the trial's place."""

    def change(
        self, values: FloatArray, added: IntArray, removed: IntArray, members: BoolArray
    ) -> None:
        """Take in and out trials, as `Curve.change` does."""
        del removed
        self.classes = with_room(self.classes, len(members))
        self.classes[added] = values[added].astype(np.int64)

    def table(self, values: FloatArray, n_kernels: int) -> FloatArray:
        """Return the log probabilities of candidates (rows) by class, given all kernels' number."""
        little = 1.0 / n_kernels
        whole = 1.0 + self.n_values * little
        table = np.full((len(values), self.n_values), math.log(little / whole))
        table[np.arange(len(values)), values.astype(int)] = math.log((1.0 + little) / whole)
        return table

    def log_prior(self, values: FloatArray) -> FloatArray:
        """Return the log of the prior's kernel at candidates."""
        return np.full(len(values), -math.log(self.n_values))

    def log_of_few(
        self, kernels: _BatchedCategoricalDistributions, values: FloatArray
    ) -> FloatArray:
        """Return the logs of Optuna's kernels but the prior's (columns) at candidates (rows)."""
        return np.log(kernels.weights[:-1, values.astype(int)]).T


class Grid:
    """The kernels of numbers with a step; a class is a value and one of three kinds.

    Of kernels at one value, the one that Optuna's sort puts first is as wide as the gap to the
    value before (kind 1), the last one as that to the value behind (2), others as narrow as can be
    (0). One that is alone is of kind 1 and has the wider gap.
    """

    def __init__(self, scale: Scale) -> None:
        self.scale = scale
        self._first, self._step = float(scale.distribution.low), 2 * scale.half_step
        self.n_values = n_values_of(scale)
        self.classes: IntArray = np.zeros(0, dtype=np.int64)
        """The class of each kernel, by the trial's place."""
        self._middles = scale.scaled(self._first + np.arange(float(self.n_values)) * self._step)
        self._counts: IntArray = np.zeros(self.n_values, dtype=np.int64)
        self._wide: IntArray = np.zeros(0, dtype=np.int64)
        """The places of kernels that are not of kind 0."""
        self._widths = np.zeros(_KINDS * self.n_values)
        """The widths by class; 0 where there is no such value."""
        self._rows: dict[float, FloatArray] = {}
        """Log probabilities by class, of values that were candidates, under these widths."""

    def change(
        self, values: FloatArray, added: IntArray, removed: IntArray, members: BoolArray
    ) -> None:
        """Take in and out trials, as `Curve.change` does.

        Raises:
            ForeignValueError: A value is not on the grid.
        """
        self.classes = with_room(self.classes, len(members))
        self.classes[self._wide] %= self.n_values
        np.subtract.at(self._counts, self.classes[removed], 1)
        at = self._on_grid(values[added])
        np.add.at(self._counts, at, 1)
        self.classes[added] = at
        gaps = self._set_widths()
        self._wide = np.zeros(0, dtype=np.int64)
        if np.any(gaps > LEAST_WIDTH * (1 + 1e-9)):
            self._set_kinds(values, np.flatnonzero(members))

    def _on_grid(self, values: FloatArray) -> IntArray:
        exact = (values - self._first) / self._step
        at = np.rint(exact)
        if not np.all((np.abs(exact - at) < 1e-6) & (at >= 0) & (at < self.n_values)):  # noqa: PLR2004
            raise ForeignValueError
        return at.astype(np.int64)

    def _set_widths(self) -> FloatArray:
        """Compute the widths of all classes; return the gaps between the values that occur."""
        present = np.flatnonzero(self._counts)
        gaps = np.diff(self._middles[present])
        before, behind = np.append(0.0, gaps), np.append(gaps, 0.0)
        is_alone = self._counts[present] == 1
        widths = np.zeros((_KINDS, self.n_values))
        widths[0, present] = LEAST_WIDTH
        widths[1, present] = np.where(is_alone, np.maximum(before, behind), before)
        widths[2, present] = behind
        widths[:, present] = np.clip(widths[:, present], LEAST_WIDTH, 1.0)
        if not np.array_equal(widths.ravel(), self._widths):
            self._widths = widths.ravel()
            self._rows = {}
        return gaps

    def _set_kinds(self, values: FloatArray, places: IntArray) -> None:
        # Optuna's very call, which is not stable: it decides which of equal values are wide. Of
        # logs it takes logs, which are in the same order.
        order = np.argsort(values[places])
        counts = self._counts[self._counts > 0]
        ends = np.cumsum(counts)
        first, last = places[order[ends - counts]], places[order[ends - 1]]
        last = last[counts > 1]
        self.classes[first] += self.n_values
        self.classes[last] += 2 * self.n_values
        self._wide = np.concatenate([first, last])

    def table(self, values: FloatArray, n_kernels: int) -> FloatArray:
        """Return the log probabilities of candidates (rows) by class."""
        del n_kernels
        wanted: list[float] = values.tolist()
        missing = [value for value in dict.fromkeys(wanted) if value not in self._rows]
        if (len(self._rows) + len(missing)) * _KINDS * self.n_values > _MOST_REMEMBERED:
            self._rows, missing = {}, list(dict.fromkeys(wanted))
        if missing:
            used = np.flatnonzero(self._widths)
            new = np.full((len(missing), _KINDS * self.n_values), _NOTHING)
            new[:, used] = self.scale.log_of_cells(
                np.array(missing), self._middles[used % self.n_values], self._widths[used]
            )
            self._rows.update(zip(missing, new, strict=True))
        return np.array([self._rows[value] for value in wanted])

    def n_different(self, members: BoolArray) -> tuple[int, int]:
        """Return between what numbers that of different kernels is, by middle and width."""
        classes = np.unique(self.classes[: len(members)][members])
        return len(np.unique(classes % self.n_values)), len(classes)

    def log_prior(self, values: FloatArray) -> FloatArray:
        """Return the log of the prior's kernel at candidates."""
        return self.scale.log_of_cells(values, np.array([0.5]), np.array([1.0]))[:, 0]

    def log_of_few(self, kernels: GridKernels, values: FloatArray) -> FloatArray:
        """Return the logs of Optuna's kernels but the prior's (columns) at candidates (rows)."""
        middles, widths = self.scale.scaled_kernels(kernels.mu[:-1], kernels.sigma[:-1])
        return self.scale.log_of_cells(values, middles, widths)


def n_values_of(scale: Scale) -> int:
    """Return how many values a grid has."""
    distribution = scale.distribution
    return round((distribution.high - distribution.low) / (2 * scale.half_step)) + 1

"""The mixture of the trials that are not good ones, kept from one trial to the next.

It gains that a candidate's density takes one product of matrices and one exponential a kernel, and
that what has not changed is not computed again. Densities are relative to the prior's kernel and
right to about 1e-11.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers._tpe.sampler import default_weights

from hptui.engine.sampling.tpe.columns import with_room
from hptui.engine.sampling.tpe.curves import Curve
from hptui.engine.sampling.tpe.grids import Choices, Grid, n_values_of
from hptui.engine.sampling.tpe.scales import ForeignValueError, Scale

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.samplers._tpe.probability_distributions import _MixtureOfProductDistribution

    from hptui.engine.sampling.tpe.columns import Columns
    from hptui.trials import BoolArray, FloatArray, IntArray

LEAST_LOG: Final = -60.0
"""What is smaller than e to this adds nothing to 1, but its underflow would cost ten times the
rest."""
_BLOCK: Final = 4096
"""So many kernels at a time stay in the processor's cache."""
_STRETCH: Final = 4 * _BLOCK
"""So many kernels are taken in before candidates that are behind are left out."""
_PROMISING: Final = 3
_MOST_JOINT: Final = 10_000
_MOST_VALUES: Final = 10_000
"""A grid of more values is left to Optuna."""
_CLOSE: Final = 1e-3
"""Far more than any error of the log of a density."""


def axis_of(distribution: BaseDistribution) -> Curve | Grid | Choices:
    """Return how a parameter takes part in a mixture.

    Raises:
        ForeignValueError: It has a grid of too many values, or bounds without a number between.
    """
    if isinstance(distribution, CategoricalDistribution):
        return Choices(len(distribution.choices))
    assert isinstance(distribution, (FloatDistribution, IntDistribution))
    scale = Scale(distribution)
    if not (0 < scale.width < math.inf):
        raise ForeignValueError
    if distribution.step is None:
        return Curve(scale)
    if n_values_of(scale) > _MOST_VALUES:
        raise ForeignValueError
    return Grid(scale)


class Candidates:
    """Points between which a mixture decides."""

    def __init__(
        self, axes: Mapping[str, Curve | Grid | Choices], samples: Mapping[str, FloatArray]
    ) -> None:
        self.samples = samples
        self.n = len(next(iter(samples.values())))
        columns: list[FloatArray] = []
        prior = np.zeros(self.n)
        self.placed: dict[str, FloatArray] = {}
        """Their values by parameter; of a continuous one from the middle of its scale."""
        for name, axis in axes.items():
            at = self.placed[name] = samples[name]
            if isinstance(axis, Curve):
                at = self.placed[name] = axis.placed(at)
                columns += [at * at, at]
            prior += axis.log_prior(at)
        self.log_prior: FloatArray = prior
        # What they are multiplied with: the parabolas, 1 for a kernel, what its parabolas end with.
        self.rows: FloatArray = np.array([*columns, -prior, np.ones(self.n)]).T

    def are_one_point(self, which: IntArray) -> bool:
        """Say whether some of them are the same point."""
        first = which[0]
        return all(bool(np.all(each[which] == each[first])) for each in self.samples.values())


class Mixture:
    """The kernels of some trials, by the trials' places."""

    def __init__(self, space: Mapping[str, BaseDistribution]) -> None:
        self.axes = {name: axis_of(each) for name, each in space.items()}
        every = list(enumerate(self.axes.items()))
        self._curves = [(row, axis) for row, (_, axis) in every if isinstance(axis, Curve)]
        self._tables = [
            (row, name, axis) for row, (name, axis) in every if not isinstance(axis, Curve)
        ]
        n_curves = len(self._curves)
        self.n = 0
        """How many kernels there are, without the prior's."""
        self.members: BoolArray = np.zeros(0, dtype=bool)
        self._factors = np.zeros((2 * n_curves + 2, 0))
        """What candidates' rows are multiplied with; all 0 where there is no kernel."""
        self._rests = np.zeros((n_curves, 0))

    @property
    def curves(self) -> list[Curve]:
        """The continuous parameters."""
        return [curve for _, curve in self._curves]

    def follow(self, columns: Columns, wanted: BoolArray) -> None:
        """Make these trials the members.

        Raises:
            ForeignValueError: A value is not between the bounds; the mixture is of no use then.
        """
        size = len(wanted)
        before = with_room(self.members, size)[:size]
        self._factors = with_room(self._factors, size)
        self._rests = with_room(self._rests, size)
        is_other = np.zeros(size, dtype=bool)
        if columns.rewritten:
            is_other[list(columns.rewritten)] = True
            columns.rewritten.clear()
        removed = np.flatnonzero(before & (~wanted | is_other))
        added = np.flatnonzero(wanted & (~before | is_other))
        self.members, self.n = wanted, int(np.count_nonzero(wanted))
        if not len(removed) and not len(added):
            return
        self._factors[:, removed] = 0.0
        self._factors[-2, added] = 1.0
        touched = [added]
        for k, (row, curve) in enumerate(self._curves):
            places, factors = curve.change(columns.values[row], added, removed, wanted)
            self._factors[2 * k : 2 * k + 2, places] = factors[:2]
            self._rests[k, places] = factors[2]
            touched.append(places)
        every = np.concatenate(touched)
        self._factors[-1, every] = self._rests[:, every].sum(axis=0)
        for row, _, table in self._tables:
            table.change(columns.values[row], added, removed, wanted)

    def density(self, candidates: Candidates, log_of_good: FloatArray) -> FloatArray:
        """Return the density of the kernels at each candidate.

        For candidates that cannot win, given the log of the density that they are compared with,
        too low a number may be returned.
        """
        tables = self._tables_for(candidates)
        size = len(self.members)
        weights = self._weights()
        n_joint = math.prod(table.shape[1] for table in tables)
        if not self._curves and n_joint <= max(_MOST_JOINT, size // 4):
            return self._density_by_class(candidates, tables, weights, n_joint)
        rows = candidates.rows
        if size < 2 * _STRETCH:
            return self._sum(rows, tables, weights, 0, size)
        # With more kernels a value only falls. So a few that are promising by the newest kernels,
        # which have most weight, are computed in full, and others until they are behind.
        stop = size - _BLOCK
        total = self._sum(rows, tables, weights, stop, size)
        in_full = total * (weights.sum() / weights[stop:].sum())
        first = np.argsort(np.log1p(in_full) - log_of_good)[:_PROMISING]
        total[first] += self._sum(rows[first], [t[first] for t in tables], weights, 0, stop)
        best = np.max((log_of_good - np.log1p(total))[first])
        is_open = np.ones(candidates.n, dtype=bool)
        is_open[first] = False
        while stop > 0:
            is_open &= log_of_good - np.log1p(total) > best - _CLOSE
            which = np.flatnonzero(is_open)
            if not len(which):
                break
            start = max(0, stop - _STRETCH)
            of_which = [table[which] for table in tables]
            total[which] += self._sum(rows[which], of_which, weights, start, stop)
            stop = start
        return total

    def shares(self, candidates: Candidates, which: IntArray) -> FloatArray:
        """Return what each kernel (columns, in the order of trials) adds at some candidates."""
        places = np.flatnonzero(self.members)
        logs = candidates.rows[which] @ self._factors[:, places]
        for (_, _, axis), table in zip(self._tables, self._tables_for(candidates), strict=True):
            logs += table[which].take(axis.classes[places], axis=1)
        return np.exp(np.maximum(logs, LEAST_LOG)) * default_weights(self.n)

    def _tables_for(self, candidates: Candidates) -> list[FloatArray]:
        n_kernels = self.n + 1
        samples = candidates.samples
        return [axis.table(samples[name], n_kernels) for _, name, axis in self._tables]

    def _weights(self) -> FloatArray:
        """Return the weights by place; that of the prior's kernel is 1."""
        weights = np.zeros(len(self.members))
        weights[self.members] = default_weights(self.n)
        return weights

    def _sum(
        self,
        rows: FloatArray,
        tables: list[FloatArray],
        weights: FloatArray,
        start: int,
        stop: int,
    ) -> FloatArray:
        """Return the density of the kernels at some places."""
        total = np.zeros(len(rows))
        room = np.empty((len(rows), _BLOCK))
        for first in range(start, stop, _BLOCK):
            last = min(stop, first + _BLOCK)
            block = room[:, : last - first]
            np.matmul(rows, self._factors[:, first:last], out=block)
            for (_, _, axis), table in zip(self._tables, tables, strict=True):
                block += table.take(axis.classes[first:last], axis=1)
            np.maximum(block, LEAST_LOG, out=block)
            np.exp(block, out=block)
            total += block @ weights[first:last]
        return total

    def _density_by_class(
        self,
        candidates: Candidates,
        tables: list[FloatArray],
        weights: FloatArray,
        n_joint: int,
    ) -> FloatArray:
        """Return the density where kernels differ in few ways: all of one way are one."""
        joint: IntArray = np.zeros(len(weights), dtype=np.int64)
        logs = -candidates.log_prior[:, None]
        for (_, _, axis), table in zip(self._tables, tables, strict=True):
            joint = joint * table.shape[1] + axis.classes[: len(weights)]
            logs = (logs[:, :, None] + table[:, None, :]).reshape(len(logs), -1)
        mass: FloatArray = np.bincount(joint, weights, minlength=n_joint).astype(np.float64)
        used = np.flatnonzero(mass)
        return np.exp(np.maximum(logs[:, used], LEAST_LOG)) @ mass[used]


def density_of_few(
    axes: Mapping[str, Any],
    mixture: _MixtureOfProductDistribution,
    candidates: Candidates,
) -> FloatArray:
    """Return the density of a small mixture of Optuna's, as `Mixture.density` does.

    Raises:
        ForeignValueError: A kernel is not between the bounds.
    """
    if len(mixture.weights) == 1:
        return np.zeros(candidates.n)
    logs = -candidates.log_prior[:, None]
    for (name, axis), kernels in zip(axes.items(), mixture.distributions, strict=True):
        logs = logs + axis.log_of_few(kernels, candidates.placed[name])
    return np.exp(np.maximum(logs, LEAST_LOG)) @ (mixture.weights[:-1] / mixture.weights[-1])

"""Which candidate wins, where that is certain.

A candidate's value is the log of its density under the good trials' mixture less that under the
others'. One wins for certain when it is ahead by more than all errors together.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.engine.sampling.tpe.columns import Columns
from hptui.engine.sampling.tpe.mixture import Candidates, Mixture, density_of_few
from hptui.engine.sampling.tpe.scales import ForeignValueError
from hptui.engine.sampling.tpe.ties import MOST_DENSITY, log_pdf_in_the_void

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution
    from optuna.samplers._tpe.parzen_estimator import _ParzenEstimator

    from hptui.analysis.arrays import BoolArray, FloatArray
    from hptui.engine.sampling.tpe.history import History

_LEAST_KERNELS: Final = 150
"""From 100 on widths do not depend on their number; of fewer than this Optuna is as fast."""
_ERROR: Final = 1e-8
"""Of densities, relative: a thousand times what they are off by."""
_ROUNDING: Final = 1e-12
"""Of Optuna's and of our own logs, by parameter."""
_ROUNDING_OF_GRID: Final = 1e-14
"""Of Optuna's log of a cell's mass, by the number of cells."""


@dataclass(slots=True)
class Tally:
    """How winners were found."""

    certain: int = 0
    in_the_void: int = 0
    close: int = 0
    """Left to Optuna, because they are closer together than the errors."""
    others: int = 0
    """Left to Optuna, because the trials are few or values unusual."""


class Judge:
    """Decides between candidates in one search space, whose columns it follows."""

    def __init__(self, columns: Columns, tally: Tally) -> None:
        self.columns = columns
        self._tally = tally
        self._mixture: Mixture | None = None
        try:
            self._mixture = Mixture(columns.space)
        except ForeignValueError:
            return
        sizes = [getattr(axis, "n_values", 0) for axis in self._mixture.axes.values()]
        self._rounding = _ROUNDING * (5 + len(sizes)) + _ROUNDING_OF_GRID * max(sizes)

    def winner(
        self,
        others: BoolArray,
        samples: Mapping[str, FloatArray],
        good: _ParzenEstimator,
    ) -> int | None:
        """Return which candidate wins, or None where Optuna's mixture must decide.

        Args:
            others: A mask of the trials that are not good ones.
            samples: The candidates.
            good: The mixture of the good trials.
        """
        mixture = self._mixture
        if mixture is not None and np.count_nonzero(others) >= _LEAST_KERNELS:
            with np.errstate(all="ignore"):
                try:
                    candidates = Candidates(mixture.axes, samples)
                    of_good = density_of_few(mixture.axes, good._mixture_distribution, candidates)
                except ForeignValueError:
                    self._tally.others += 1
                    return None
                try:
                    mixture.follow(self.columns, others)
                except ForeignValueError:
                    # What it has taken in by halves is of no use, and such values stay.
                    self._mixture = None
                else:
                    return self._certain_winner(mixture, candidates, of_good, good)
        self._tally.others += 1
        return None

    def _certain_winner(
        self,
        mixture: Mixture,
        candidates: Candidates,
        of_good: FloatArray,
        good: _ParzenEstimator,
    ) -> int | None:
        log_of_good = np.log1p(of_good)
        of_others = mixture.density(candidates, log_of_good)
        values = log_of_good - np.log1p(of_others)
        errors = self._rounding + _ERROR * (of_good / (1 + of_good) + of_others / (1 + of_others))
        best = int(np.argmax(values))
        rivals = np.flatnonzero(values + errors >= values[best] - errors[best])
        if not np.all(np.isfinite(values)):
            self._tally.close += 1
            return None
        if candidates.are_one_point(rivals):
            self._tally.certain += 1
            return int(rivals[0])
        of_rivals = of_others[rivals]
        if of_rivals.max() <= MOST_DENSITY:
            log_pdf = log_pdf_in_the_void(mixture, candidates, rivals, of_rivals, _ERROR)
            if log_pdf is not None:
                self._tally.in_the_void += 1
                exact = good.log_pdf(dict(candidates.samples))[rivals] - log_pdf
                return int(rivals[np.argmax(exact)])
        self._tally.close += 1
        return None


_MOST: Final = 256
"""Where names depend on values there is no end of spaces."""


class Spaces:
    """A judge, with its columns, for each of the last spaces."""

    def __init__(self) -> None:
        self._by_names: OrderedDict[tuple[str, ...], Judge] = OrderedDict()
        self.tally = Tally()
        """How winners were found in all of them."""

    def judge(self, space: Mapping[str, BaseDistribution], history: History) -> Judge:
        """Return the judge of a space; it is made anew where the bounds differ from before."""
        names = tuple(space)
        judge = self._by_names.get(names)
        if judge is None or not judge.columns.fits(space, history):
            judge = self._by_names[names] = Judge(Columns(space, history), self.tally)
            while len(self._by_names) > _MOST:
                self._by_names.popitem(last=False)
        self._by_names.move_to_end(names)
        return judge

"""The empirical distribution of a study's values: which share of trials is at most so good."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from hptui.trials import FloatArray, IntArray, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Edf:
    """The values of one objective of the complete trials, infeasible ones too."""

    values: FloatArray
    """Finite and ascending."""
    numbers: IntArray
    """Of the trials, in the order of the values."""
    n_infinite: int = 0
    """Left out."""

    @property
    def shares(self) -> FloatArray:
        """At each value, the share of the trials that is at most so great."""
        return self.share_at(self.values)

    def share_at(self, values: FloatArray) -> FloatArray:
        """Return which share of the trials is at most each of `values`, from 0 to 1.

        There must be a trial.
        """
        return np.searchsorted(self.values, values, side="right") / len(self.values)

    def value_at(self, share: float) -> float:
        """Return the least value that this share of the trials, above 0, is at most."""
        return float(self.values[int(np.ceil(share * len(self.values))) - 1])

    def above_zero(self) -> Edf:
        """Return the trials that a log axis can show; the shares are those among them."""
        is_above = self.values > 0
        return Edf(self.values[is_above], self.numbers[is_above], self.n_infinite)


def build_edf(trials: Trials, objective: int) -> Edf:
    """Return the distribution of one objective."""
    rows = finite_rows(trials, (objective,))
    rows = rows[np.argsort(trials.values[rows, objective], kind="stable")]
    values, numbers = trials.values[rows, objective], trials.numbers[rows]
    return Edf(values, numbers, len(complete_rows(trials)) - len(rows))

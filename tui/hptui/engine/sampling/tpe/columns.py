"""The values of one search space's parameters, by trial.

They gain that each value is converted once: Optuna converts those of all trials each time.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.distributions import BaseDistribution

    from hptui.engine.sampling.tpe.history import History
    from hptui.trials import BoolArray, FloatArray, IntArray

_LEAST_ROOM: Final = 1024
_Any = TypeVar("_Any", bound=np.generic)


def with_room(array: npt.NDArray[_Any], size: int) -> npt.NDArray[_Any]:
    """Return the array, or a longer copy padded with zeros, with `size` places in its last axis."""
    have = array.shape[-1]
    if size <= have:
        return array
    new = max(_LEAST_ROOM, size + size // 2) - have
    return np.pad(array, [(0, 0)] * (array.ndim - 1) + [(0, new)])


class Columns:
    """The internal values of the parameters of a space, for the trials that have all of them.

    A trial's place is that in the study's list.
    """

    def __init__(self, space: Mapping[str, BaseDistribution], history: History) -> None:
        self.space = dict(space)
        self.history = history
        self.values: FloatArray = np.zeros((len(space), 0))
        """A row a parameter, a column a trial; only columns of trials of a side mean something."""
        self.rewritten: set[int] = set()
        """Places whose values are others than they were; whoever follows them clears it."""
        self._has: BoolArray = np.zeros(0, dtype=bool)
        self._n_read = 0
        self._given: dict[int, list[float]] = {}
        """What the columns hold of trials that were seen running, until they have ended."""

    def fits(self, space: Mapping[str, BaseDistribution], history: History) -> bool:
        """Say whether these are the columns of a space and of a history."""
        return self.history is history and self.space == space

    def sides(self, running: Iterable[tuple[int, Mapping[str, Any]]]) -> tuple[IntArray, BoolArray]:
        """Return the places of the good trials, and a mask of the others, running ones included.

        Args:
            running: The parameters of running trials, with their places.
        """
        history = self.history
        size = len(history.trials)
        self.values, self._has = with_room(self.values, size), with_room(self._has, size)
        self._take_settled()
        others = self._has[:size].copy()
        good = history.good()
        good = good[others[good]]
        others[good] = False
        for index, params in running:
            row = self._row(params)
            if row is not None:
                self._take_running(index, row)
                others[index] = True
        return good, others

    def observations(self, places: IntArray) -> dict[str, FloatArray]:
        """Return the values of some trials as Optuna's mixtures want them."""
        return {name: self.values[row, places] for row, name in enumerate(self.space)}

    def _take_settled(self) -> None:
        history = self.history
        new = history.settled[self._n_read :]
        self._n_read = len(history.settled)
        places: list[int] = []
        rows: list[list[float]] = []
        for index in new:
            row = self._row(history.trials[index]._params)
            if row is None:
                continue
            given = self._given.pop(index, row)
            if given != row:
                self.rewritten.add(index)
            places.append(index)
            rows.append(row)
        if places:
            self._has[places] = True
            self.values[:, places] = np.array(rows).T
        for index in [each for each in self._given if history.trials[each].state.is_finished()]:
            del self._given[index]

    def _row(self, params: Mapping[str, Any]) -> list[float] | None:
        if not self.space.keys() <= params.keys():
            return None
        return [each.to_internal_repr(params[name]) for name, each in self.space.items()]

    def _take_running(self, index: int, row: list[float]) -> None:
        given = self._given.get(index)
        if given == row:
            return
        if given is not None:
            self.rewritten.add(index)
        self._given[index] = row
        self.values[:, index] = row

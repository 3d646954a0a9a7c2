"""The search spaces that were drawn from of late."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from hptui.engine.sampling.tpe.columns import Columns
from hptui.engine.sampling.tpe.winner import Judge, Tally

if TYPE_CHECKING:
    from collections.abc import Mapping

    from optuna.distributions import BaseDistribution

    from hptui.engine.sampling.tpe.history import History

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

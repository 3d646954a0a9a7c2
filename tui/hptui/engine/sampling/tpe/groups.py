"""The groups of parameters that occur together, for grouped TPE.

It gains that each trial is grouped once: Optuna goes through all of them for each new one.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

from typing import TYPE_CHECKING

from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup

from hptui.engine.sampling.reader import Reader
from hptui.engine.sampling.tpe.history import SETTLED

if TYPE_CHECKING:
    import optuna


class GrowingGroups(_GroupDecomposedSearchSpace):
    """Optuna's groups, grown by the trials that have ended since.

    A trial that was grouped before changes nothing when Optuna adds it again. Whoever sets
    `_search_space` to an empty group has all trials grouped anew.
    """

    def __init__(self) -> None:
        super().__init__(include_pruned=True)
        self._reader = Reader()
        self._grown: _SearchSpaceGroup | None = None

    def calculate(self, study: optuna.Study, use_cache: bool = False) -> _SearchSpaceGroup:
        """Return the groups; they are the sampler's own, so nobody may change them."""
        groups = self._search_space
        trials = study._get_trials(deepcopy=False, use_cache=use_cache)
        ended = self._reader.read(trials) if groups is self._grown else None
        if ended is None:
            self._reader = Reader()
            ended = self._reader.read(trials) or []
        self._grown = groups
        for index in sorted(ended):
            if trials[index].state in SETTLED:
                groups.add_distributions(trials[index]._distributions)
        return groups

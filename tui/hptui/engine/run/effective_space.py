"""The distributions in effect: what the objective asks, with the study's edits applied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from hptui.domain.spaces.edits import ParamEdit, apply_edit
from hptui.storage.sqlite.distributions import dump_distribution, from_optuna, to_optuna

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from optuna.distributions import BaseDistribution

_MAX_CACHED = 10_000


class View(Protocol):
    """The sampler's view of the history, told when an edited parameter's distribution is known."""

    def edit(self, name: str, distribution: BaseDistribution) -> None:
        """Take `distribution` as the current one of `name`."""
        ...


class EditedSpace:
    """Applies the edits of a run, and tells the sampler's view what is in effect."""

    def __init__(
        self, edits: Mapping[str, ParamEdit], ever_edited: frozenset[str], view: View
    ) -> None:
        self._edits = edits
        self._watched = ever_edited | set(edits)
        self._view = view
        self._known: dict[tuple[str, str], BaseDistribution] = {}
        self._told: dict[str, BaseDistribution] = {}
        self.asked: dict[str, BaseDistribution] = {}
        """What the objective asked last for each parameter that is or was edited."""

    @property
    def edits(self) -> Mapping[str, ParamEdit]:
        """What is in force."""
        return self._edits

    def replace(self, edits: Mapping[str, ParamEdit], changed: Iterable[str]) -> None:
        """Put other edits in force; `changed` names those that the view was not told of."""
        self._edits = edits
        self._watched = self._watched | set(changed)
        self._known.clear()
        self._told.clear()

    def is_edited(self, name: str) -> bool:
        """Say whether `name` is or was edited."""
        return name in self._watched

    def effective(self, name: str, asked: BaseDistribution) -> BaseDistribution:
        """Return the distribution for `name`; `asked` itself when nothing is edited.

        Raises:
            SpaceError: The edit does not suit what the objective asks.
        """
        if name not in self._watched:
            return asked
        self.asked[name] = asked
        key = (name, dump_distribution(asked))
        found = self._known.get(key)
        if found is None:
            edit = self._edits.get(name)
            found = asked if edit is None else to_optuna(apply_edit(name, from_optuna(asked), edit))
            if found == asked:
                found = asked
            if len(self._known) < _MAX_CACHED:
                self._known[key] = found
        if self._told.get(name) != found:
            self._told[name] = found
            self._view.edit(name, found)
        return found

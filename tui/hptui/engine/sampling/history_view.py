"""A study's past trials, seen through the search space of now."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import copy
import hashlib
import json
import math
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

from optuna.distributions import BaseDistribution, FloatDistribution, IntDistribution
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.attribute_keys import FIXED_KEY
from hptui.domain.spaces.choices import choice_key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from hptui.domain.spaces.space import ChoiceValue

CMA_PREFIXES = ("cma:", "sepcma:", "cmawm:")
GENERATION_KEYS = ("NSGAIISampler:generation", "NSGAIIISampler:generation")
_RELATIVE_KEYS = ("tpe:relative_params:", "gp:relative_params:")
_LEARNED_FROM = (TrialState.COMPLETE, TrialState.PRUNED)
_RELATIVE_ULPS = 1e-12


class SpaceView:
    """How the trials of a study look under the distributions in force.

    A trial whose values of all edited parameters may be suggested now counts with the
    distributions of now; others are set aside. Nothing that is stored changes. State that a
    sampler left in trials up to the newest one from another space (a CMA-ES optimizer, a
    generation) belongs to that space and is hidden.

    Finished trials are translated once, until the next change.

    Args:
        edited: Names of parameters that were ever edited.
        current: The effective distributions of those.
        fixed: The values that are fixed.
        carried_to: The number of the newest trial that was carried over from another study, whose
            sampler's state is not here; -1 where there is none.
    """

    def __init__(
        self,
        edited: Iterable[str] = (),
        current: Mapping[str, BaseDistribution] | None = None,
        fixed: Mapping[str, ChoiceValue] | None = None,
        transferred_to: int = -1,
    ) -> None:
        self._edited = set(edited)
        self._current = dict(current or {})
        self._fixed = dict(fixed or {})
        self._watched: dict[str, BaseDistribution] = {}
        self._transferred_to = transferred_to
        self._revision = 0
        self._changed()

    @property
    def edited(self) -> frozenset[str]:
        """Names ever edited in this study."""
        return frozenset(self._edited)

    @property
    def current(self) -> Mapping[str, BaseDistribution]:
        """The effective distributions of now, by name."""
        return self._current

    @property
    def fixed(self) -> Mapping[str, ChoiceValue]:
        """The values that are fixed now, by name."""
        return self._fixed

    @property
    def is_needed(self) -> bool:
        """Say whether anything was ever edited, is fixed, or was carried over."""
        return bool(self._edited or self._fixed) or self._transferred_to >= 0

    @property
    def revision(self) -> int:
        """A number that grows with each change."""
        return self._revision

    @property
    def stamp(self) -> str:
        """What stands under `FIXED_KEY` in a trial of now; empty when nothing is fixed."""
        return self._stamp

    @property
    def since(self) -> int:
        """The number of the newest trial from another space, -1 when there is none."""
        return self._since

    def edit(self, name: str, distribution: BaseDistribution) -> None:
        """Put an edited distribution in force; the same one again changes nothing."""
        if name in self._edited and self._current.get(name) == distribution:
            return
        self._edited.add(name)
        self._current[name] = distribution
        self._changed()

    def fix(self, name: str, value: ChoiceValue) -> None:
        """Fix a parameter to one value; what is stored keeps its distribution."""
        # 1, 1.0 and True are equal, and yet a choice may tell them apart.
        if name in self._fixed and choice_key(self._fixed[name]) == choice_key(value):
            return
        self._edited.add(name)
        self._fixed[name] = value
        self._changed()

    def release(self, name: str) -> None:
        """Let a fixed parameter vary again."""
        if name in self._fixed:
            del self._fixed[name]
            self._changed()

    def counts(self) -> tuple[int, int]:
        """Return how many complete and pruned trials count now, and how many are set aside.

        It knows the trials that a sampler has looked at, and those given to `scan`.
        """
        return self._kept, self._set_aside

    def scan(self, trials: Sequence[FrozenTrial]) -> bool:
        """Take in the trials of the study; say whether any of them is from another space."""
        if not self.is_needed:
            return False
        start = self._settled_in(trials)
        since = self._since
        settled = True
        for index in range(start, len(trials)):
            trial = trials[index]
            settled = settled and trial.state.is_finished()
            if settled:
                self._n_settled, self._last_settled = index + 1, trial._trial_id
            if trial._trial_id in self._seen or trial.state is TrialState.WAITING:
                continue
            if self._deviates(trial):
                since = max(since, trial.number)
            if trial.state.is_finished():
                self._take(trial)
        if since > self._since:
            # Which sampler state is hidden depends on it, so all is translated again.
            self._since = since
            self._forget_views()
        return self._since >= 0

    def history(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials as a sampler may see them; `scan` has seen them before."""
        views, shown = self._views, self._shown
        for index in range(self._n_shown, self._n_settled):
            view = self._view(trials[index])
            if view is not None:
                shown.append(view)
        self._n_shown = self._n_settled
        seen = list(shown)
        for index in range(self._n_settled, len(trials)):
            trial = trials[index]
            key = trial._trial_id
            view = views[key] if key in views else self._view(trial)
            if view is not None:
                seen.append(view)
        return seen

    def _settled_in(self, trials: Sequence[FrozenTrial]) -> int:
        """Return how many trials at the start have ended and were taken in."""
        settled = self._n_settled
        if settled:
            grown = len(trials) >= settled
            if not grown or trials[settled - 1]._trial_id != self._last_settled:
                # Not the list of before: the study was made again, and ids are reused.
                self._changed()
        return self._n_settled

    def _forget_views(self) -> None:
        self._views: dict[int, FrozenTrial | None] = {}
        self._shown: list[FrozenTrial] = []
        self._n_shown = 0

    def _changed(self) -> None:
        self._revision += 1
        self._seen: set[int] = set()
        self._n_settled, self._last_settled = 0, -1
        self._forget_views()
        self._kept = self._set_aside = 0
        self._since = self._transferred_to
        self._watched = {
            name: self._current[name] for name in self._edited if name in self._current
        }
        spelled = json.dumps(self._fixed, sort_keys=True) if self._fixed else ""
        self._stamp = hashlib.sha256(spelled.encode()).hexdigest()[:16] if spelled else ""

    def _take(self, trial: FrozenTrial) -> None:
        self._seen.add(trial._trial_id)
        if trial.state in _LEARNED_FROM:
            if self._values_now(trial) is None:
                self._set_aside += 1
            else:
                self._kept += 1

    def _deviates(self, trial: FrozenTrial) -> bool:
        recorded = trial.distributions
        if any(name in recorded and recorded[name] != now for name, now in self._watched.items()):
            return True
        attrs = trial.system_attrs
        return attrs.get(FIXED_KEY, "") != self._stamp and any(
            key.startswith(CMA_PREFIXES) for key in attrs
        )

    def _view(self, trial: FrozenTrial) -> FrozenTrial | None:
        if trial.state is TrialState.WAITING:
            return trial
        values = self._values_now(trial)
        if trial.state.is_finished():
            view = None if values is None else self._translated(trial, values)
            self._views[trial._trial_id] = view
            return view
        if values is None or not self._relative_inside(trial):
            return _blank(trial)
        return self._translated(trial, values)

    def _values_now(self, trial: FrozenTrial) -> dict[str, Any] | None:
        """Return the edited parameters' values on today's grid, or None where one is outside."""
        values: dict[str, Any] = {}
        recorded = trial.distributions
        for name, now in self._watched.items():
            if name not in recorded or recorded[name] == now:
                continue
            value = value_under(now, trial.params[name])
            if value is None:
                return None
            values[name] = value
        return values

    def _translated(self, trial: FrozenTrial, values: dict[str, Any]) -> FrozenTrial:
        attrs = trial.system_attrs
        stale = trial.number <= self._since and any(
            key.startswith(CMA_PREFIXES) or key in GENERATION_KEYS for key in attrs
        )
        if not values and not stale:
            return trial
        view = copy.copy(trial)
        if values:
            view.params = trial.params | values
            now = {name: self._watched[name] for name in values}
            view.distributions = trial.distributions | now
        if stale:
            view.system_attrs = _without_state(attrs)
        return view

    def _relative_inside(self, trial: FrozenTrial) -> bool:
        """Say whether the values that a running trial was given jointly may be suggested now."""
        attrs = trial.system_attrs
        for prefix in _RELATIVE_KEYS:
            chunks: list[str] = []
            while isinstance(chunk := attrs.get(f"{prefix}{len(chunks)}"), str):
                chunks.append(chunk)
            try:
                given = cast("dict[str, Any]", json.loads("".join(chunks))) if chunks else {}
            except ValueError:
                return False
            for name, now in self._watched.items():
                if name in given and value_under(now, given[name]) is None:
                    return False
        return True


def value_under(distribution: BaseDistribution, value: Any) -> Any | None:  # noqa: ANN401 - Optuna's own type
    """Return `value` as `distribution` would suggest it, or None where it would not."""
    try:
        inner = distribution.to_internal_repr(value)
    except (ValueError, TypeError):
        return None
    if isinstance(distribution, FloatDistribution):
        inner = _at_bound(distribution, inner)
    if not distribution._contains(inner):
        return None
    if isinstance(distribution, FloatDistribution) and distribution.step is not None:
        steps = round((inner - distribution.low) / distribution.step)
        return float(Decimal(repr(distribution.low)) + steps * Decimal(repr(distribution.step)))
    if isinstance(distribution, (FloatDistribution, IntDistribution)):
        return distribution.to_external_repr(inner)
    return value


def _at_bound(distribution: FloatDistribution, value: float) -> float:
    for bound in (distribution.low, distribution.high):
        if math.isclose(value, bound, rel_tol=_RELATIVE_ULPS):
            return bound
    return value


def _without_state(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """Drop CMA-ES state; put carried trials into the first generation of a genetic sampler."""
    return {
        key: 0 if key in GENERATION_KEYS else value
        for key, value in attrs.items()
        if not key.startswith(CMA_PREFIXES)
    }


def _blank(trial: FrozenTrial) -> FrozenTrial:
    """Return a running trial without what it was given: it still runs, but somewhere outside."""
    view = copy.copy(trial)
    view.params = {}
    view.distributions = {}
    view.system_attrs = {
        key: value
        for key, value in trial.system_attrs.items()
        if not key.startswith((*CMA_PREFIXES, *_RELATIVE_KEYS))
    }
    return view

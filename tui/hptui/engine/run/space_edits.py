"""Editing the search space of a run: what would count, and putting it in force."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from optuna.samplers import PartialFixedSampler

from hptui.domain.spaces.edits_since import edits_since
from hptui.domain.spaces.resolved_space import ResolvedSpace, resolve_space
from hptui.engine.sampling.known_grid import KnownGridSampler
from hptui.engine.sampling.samplers import build_sampler
from hptui.engine.sampling.space_view import SpaceView
from hptui.storage.sqlite.distributions import from_optuna, to_optuna
from hptui.storage.sqlite.next_run import spell_edits

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import optuna
    from optuna.samplers import BaseSampler
    from optuna.trial import FrozenTrial

    from hptui.domain.methods.asked_methods import SamplerSpec
    from hptui.domain.spaces.edits import (
        ParamEdit,
    )
    from hptui.domain.spaces.space import ChoiceValue, ParamSpec
    from hptui.engine.run.effective_space import EditedSpace
    from hptui.engine.sampling.space_view import SpaceViewSampler
    from hptui.storage.sqlite.storage import SqliteStorage

_TRIALS_LOOKED_AT = 200


@dataclass(frozen=True, slots=True)
class SpaceChange:
    """What an edit of the search space means for the trials there are."""

    kept: int
    """Complete and pruned trials that the sampler goes on learning from."""
    set_aside: int
    """Those outside the new space; they stay in the study."""


def _at_once(action: Callable[[], None]) -> None:
    action()


@dataclass(slots=True, eq=False)
class SpaceEdits:
    """The edits of a running study and all that has to follow when they change."""

    study: optuna.Study
    storage: SqliteStorage
    """That of the study."""
    sampler: SpaceViewSampler
    sampler_spec: SamplerSpec
    seed: int | None
    edited: EditedSpace
    known: Mapping[str, ParamSpec]
    """The parameters as the objective has them, as far as they were known at the start."""
    grid: Mapping[str, Sequence[ChoiceValue]] | None = None
    """The values of a grid that a script names."""
    since: Mapping[str, int] = field(default_factory=dict[str, int])
    """The first trial for which an edit holds, where that is known."""
    when_idle: Callable[[Callable[[], None]], None] = _at_once
    """Calls back while the sampler draws nothing: now, or when it has drawn."""
    _edits: Mapping[str, ParamEdit] = field(init=False)
    _named: set[str] = field(default_factory=set[str])
    """Parameters that were edited in this run; the sampler may not know of the latest yet."""

    def __post_init__(self) -> None:
        self._edits = self.edited.edits

    def asked(self) -> dict[str, ParamSpec]:
        """Return the parameters without edits: as the objective last asked for them."""
        space = dict(self.known)
        ever_edited = self._ever_edited()
        for trial in self._trials()[-_TRIALS_LOOKED_AT:]:
            for name, distribution in trial.distributions.items():
                if name not in ever_edited or name not in space:
                    space[name] = from_optuna(distribution)
        # A copy: the sampler's thread may add to it.
        space |= {name: from_optuna(each) for name, each in self.edited.asked.copy().items()}
        return space

    def resolved(self) -> ResolvedSpace:
        """Return the parameters with the edits in force."""
        return resolve_space(self.asked(), self.edits)

    def _trials(self) -> list[FrozenTrial]:
        return self.study._storage.get_all_trials(self.study._study_id, deepcopy=False)

    def _ever_edited(self) -> set[str]:
        return set(self.sampler.view.edited) | self._named | set(self._edits)

    @property
    def edits(self) -> Mapping[str, ParamEdit]:
        """What is in force now, or as soon as the sampler has drawn what it is drawing."""
        return self._edits

    def change(self, edits: Mapping[str, ParamEdit], *, dry: bool = False) -> SpaceChange:
        """Replace the edits of the named parameters and return what the history is worth then.

        An empty edit takes the earlier one back. With `dry` nothing changes.

        Raises:
            SpaceError: An edit does not suit its parameter, or what the study holds of it.
        """
        plan = self._check(edits)
        view = SpaceView(
            edited=self._ever_edited() | set(edits),
            current={name: to_optuna(spec) for name, spec in plan.effective.items()},
            fixed=plan.fixed,
        )
        view.scan(self._trials())
        change = SpaceChange(*view.counts())
        if not dry:
            self._put_in_force(plan, edits)
        return change

    def _check(self, edits: Mapping[str, ParamEdit]) -> ResolvedSpace:
        stored = {name: spec for name in edits if (spec := self._stored(name)) is not None}
        return resolve_space(self.asked(), self.edits, edits, stored=stored)

    def _stored(self, name: str) -> ParamSpec | None:
        for trial in reversed(self._trials()):
            if name in trial.distributions:
                return from_optuna(trial.distributions[name])
        return None

    def _put_in_force(self, plan: ResolvedSpace, edits: Mapping[str, ParamEdit]) -> None:
        base: BaseSampler | None = None
        if self.sampler_spec.name == "grid":
            base = build_sampler(
                self.sampler_spec,
                seed=self.seed,
                space=plan.effective,
                fixed=plan.fixed,
                n_objectives=len(self.study.directions),
                grid=self.grid,
            )
            if isinstance(base, PartialFixedSampler):
                base = base._base_sampler
            if isinstance(base, KnownGridSampler):
                self.storage.set_ended_attrs(self.study._study_id, base.learn(self._trials()))
        self._named |= set(edits)
        self.since = edits_since(self.edits, self.since, plan.edits, len(self._trials()))
        self._edits = plan.edits
        # A sampler that draws at this moment finishes what it has begun in the space of before.
        self.when_idle(partial(self._tell_sampler, plan, edits, base))
        self.store()

    def _tell_sampler(
        self, plan: ResolvedSpace, edits: Mapping[str, ParamEdit], base: BaseSampler | None
    ) -> None:
        if base is not None:
            self.sampler.base = base
        view = self.sampler.view
        self.edited.replace(plan.edits, edits)
        for name in edits:
            view.edit(name, to_optuna(plan.effective[name]))
            if name in plan.fixed:
                view.fix(name, plan.fixed[name])
            else:
                view.release(name)

    def store(self) -> None:
        """Write the edits, and what the objective asks for of edited parameters, to the study."""
        ever = frozenset(self._ever_edited())
        if not ever:
            return
        storage, study_id = self.study._storage, self.study._study_id
        for key, value in spell_edits(self.edits, ever, self.since, self.asked()).items():
            storage.set_study_system_attr(study_id, key, cast("Any", value))

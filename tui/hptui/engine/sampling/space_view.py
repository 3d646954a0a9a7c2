"""A sampler that sees a study's history through the current search space."""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import copy
import warnings
from typing import TYPE_CHECKING, Any, cast

from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, PartialFixedSampler
from optuna.search_space import IntersectionSearchSpace
from optuna.search_space.group_decomposed import _GroupDecomposedSearchSpace, _SearchSpaceGroup
from optuna.study._study_direction import StudyDirection
from optuna.study.study import _ThreadLocalStudyAttribute
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.attribute_keys import AFTER_PREFIX, FIXED_KEY
from hptui.domain.texts.text import safe_line
from hptui.engine.run.outcome import describe_exception
from hptui.engine.sampling.history_view import SpaceView
from hptui.errors import HptuiError, SamplerError, StudyBusyError, StudyFileError

if TYPE_CHECKING:
    from collections.abc import Container, Sequence
    from types import TracebackType

    import optuna
    from optuna.distributions import BaseDistribution
    from optuna.storages import BaseStorage

__all__ = ["SpaceView", "SpaceViewSampler"]

_HINT = "The trials that have ended are stored; engine.log in the study's folder has the traceback."
_NOT_ITS_OWN = (SamplerError, StudyBusyError, StudyFileError, UpdateFinishedTrialError)
PARENT_PREFIXES = ("NSGAIISampler:parent:", "NSGAIIISampler:parent:")


class SpaceViewSampler(BaseSampler):
    """Hands `base` a study whose past trials count under the distributions of now.

    While no stored trial is from another space, `base` gets the study itself, so that every
    number it draws is Optuna's own. Values that `view` fixes are taken as they are, as
    `optuna.samplers.PartialFixedSampler` does; one around `base` is taken over.
    """

    def __init__(self, base: BaseSampler, view: SpaceView) -> None:
        if isinstance(base, PartialFixedSampler):
            for name, value in base._fixed_params.items():
                view.fix(name, value)
            base = base._base_sampler
        self._view = view
        self._set_base(base)

    @property
    def base(self) -> BaseSampler:
        """The sampler that draws; set another one to go on with it."""
        return self._base

    @base.setter
    def base(self, sampler: BaseSampler) -> None:
        self._set_base(sampler)

    @property
    def view(self) -> SpaceView:
        """How the history is seen; edits made to it count from the next trial on."""
        return self._view

    def __str__(self) -> str:
        """Return the name of the sampler that draws."""
        return str(self._base)

    def counts(self, study: optuna.Study) -> tuple[int, int]:
        """Return how many complete and pruned trials count now, and how many are set aside."""
        self._view.scan(_trials_of(study))
        return self._view.counts()

    def reseed_rng(self) -> None:
        """Reseed the sampler that draws."""
        self._base.reseed_rng()

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the joint search space of the view."""
        with self._blamed():
            return self._drawing.infer_relative_search_space(self._seen_by(study), trial)

    def sample_relative(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        search_space: dict[str, BaseDistribution],
    ) -> dict[str, Any]:
        """Draw the joint parameters from the view."""
        if self._view.stamp and isinstance(self._base, CmaEsSampler):
            study._storage.set_trial_system_attr(
                trial._trial_id, FIXED_KEY, cast("Any", self._view.stamp)
            )
        with self._blamed():
            return self._drawing.sample_relative(self._seen_by(study), trial, search_space)

    def sample_independent(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:  # noqa: ANN401 - Optuna's own type
        """Draw one parameter from the view, or take its fixed value."""
        with self._blamed():
            return self._drawing.sample_independent(
                self._seen_by(study), trial, param_name, param_distribution
            )

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Tell the sampler that a trial begins."""
        with self._blamed():
            self._drawing.before_trial(self._seen_by(study), trial)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """Tell the sampler that a trial has ended."""
        with self._blamed():
            self._drawing.after_trial(self._seen_by(study), trial, state, values)

    def _blamed(self) -> _Blamed:
        return _Blamed(self._base)

    def _set_base(self, base: BaseSampler) -> None:
        self._base = base
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ExperimentalWarning)
            # The dictionary is the view's own: what is fixed later counts at once.
            self._drawing = PartialFixedSampler(self._view._fixed, base)
        self._last: tuple[int, bool] | None = None

    def _seen_by(self, study: optuna.Study) -> optuna.Study:
        """Return the study, or the view of it once a trial is from another space."""
        view = self._view
        active = view.is_needed and view.scan(_trials_of(study))
        now = (view.revision, active)
        if now != self._last:
            _forget_search_space(self._base)
            self._last = now
        return _study_through(study, view) if active else study


class _Blamed:
    """Around what a sampler does: whatever it raises becomes a `SamplerError`.

    Errors that say that a trial or the file cannot be written are not its own.
    """

    __slots__ = ("_sampler",)

    def __init__(self, sampler: BaseSampler) -> None:
        self._sampler = sampler

    def __enter__(self) -> None:
        pass

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None or isinstance(error, _NOT_ITS_OWN):
            return
        what = describe_exception(error)
        raised, told, hint = type(error).__name__, what.summary, _HINT
        if isinstance(error, HptuiError):
            raised, told, hint = RuntimeError.__name__, error.message, error.hint or _HINT
        name = str(self._sampler).removesuffix("Sampler")
        raise SamplerError(
            f"The sampler ({safe_line(name)}) failed. {safe_line(told, max_chars=400)}",
            hint=hint,
            detail=what.traceback,
            answer=[raised, what.message],
        ) from error


class _ViewStorage:
    """A storage whose trials are seen through a view; all else is the storage's own."""

    def __init__(self, storage: BaseStorage, view: SpaceView, study_id: int) -> None:
        self._storage = storage
        self._view = view
        self._study_id = study_id

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the storage has
        return getattr(self._storage, name)

    def get_all_trials(
        self,
        study_id: int,
        deepcopy: bool = True,
        states: Container[TrialState] | None = None,
    ) -> list[FrozenTrial]:
        trials = self._storage.get_all_trials(study_id, deepcopy=False)
        self._view.scan(trials)
        seen = self._view.history(trials)
        if states is not None:
            seen = [trial for trial in seen if trial.state in states]
        return copy.deepcopy(seen) if deepcopy else seen

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        complete = self.get_all_trials(study_id, deepcopy=False, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("No trials are completed yet.")
        maximize = self._storage.get_study_directions(study_id)[0] is StudyDirection.MAXIMIZE
        return (max if maximize else min)(complete, key=lambda trial: cast("float", trial.value))

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the attributes, with the genetic samplers' parents of this space only."""
        attrs = self._storage.get_study_system_attrs(study_id)
        own = self._namespace()
        return {
            key.removeprefix(own): value
            for key, value in attrs.items()
            if not key.startswith(PARENT_PREFIXES)
        }

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:  # noqa: ANN401
        stored = self._namespace() + key if key.startswith(PARENT_PREFIXES) else key
        self._storage.set_study_system_attr(study_id, stored, value)

    def carried_trials(self) -> list[FrozenTrial]:
        """Return the complete trials that the view carries over from earlier spaces."""
        since = self._view.since
        return [
            trial
            for trial in self.get_all_trials(self._study_id, deepcopy=False)
            if trial.state is TrialState.COMPLETE and trial.number <= since
        ]

    def _namespace(self) -> str:
        return f"{AFTER_PREFIX}{self._view.since}:"


def _trials_of(study: optuna.Study) -> list[FrozenTrial]:
    return study._storage.get_all_trials(study._study_id, deepcopy=False)


def _study_through(study: optuna.Study, view: SpaceView) -> optuna.Study:
    """Return a study like `study`, a bracket of Hyperband included, that reads through `view`."""
    seen = object.__new__(type(study))
    attrs: dict[str, Any] = dict(object.__getattribute__(study, "__dict__"))
    attrs["_storage"] = _ViewStorage(study._storage, view, study._study_id)
    # Its own, since the study's holds a cache of what is stored.
    attrs["_thread_local"] = _ThreadLocalStudyAttribute()
    attrs["stop"] = study.stop
    object.__getattribute__(seen, "__dict__").update(attrs)
    return seen


def _forget_search_space(sampler: BaseSampler) -> None:
    """Clear what a sampler remembers of the search space between trials."""
    for part in vars(sampler).values():
        if isinstance(part, IntersectionSearchSpace):
            part._cached_trial_number = -1
            part._search_space = None
        elif isinstance(part, _GroupDecomposedSearchSpace):
            part._search_space = _SearchSpaceGroup()
        elif isinstance(part, BaseSampler):
            _forget_search_space(part)
    if isinstance(sampler, GPSampler):
        # Kernel parameters of another scale would only be a bad start of the fit.
        sampler._gprs_cache_list = None
        sampler._constraints_gprs_cache_list = None

"""Optuna's grid, which knows the points that were tried under another grid or in another study."""

# pyright: reportPrivateUsage=false, reportIncompatibleMethodOverride=false
from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from optuna.samplers import GridSampler
from optuna.trial import TrialState

from hptui.domain.attribute_keys import ENQUEUED_KEY
from hptui.domain.spaces.choices import hashable_choice
from hptui.engine.sampling.reader import Follower

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import optuna
    from optuna.trial import FrozenTrial

    from hptui.domain.spaces.choices import ChoiceValue

_HAS_RESULT = (TrialState.COMPLETE, TrialState.PRUNED)

Point = tuple[object, ...]


class KnownGridSampler(GridSampler):
    """A grid that does not try again what has a result.

    Optuna knows a point by a mark in its trial: its place in the grid of then, in the order that a
    seed gives. So it does not know those that were carried over to a fork with another space, that
    were imported, or tried before an edit; and the first trials of a study get the places of their
    numbers, whatever has been tried. Without such trials, all is as Optuna has it.
    """

    _search_space: dict[str, list[ChoiceValue]]
    _all_grids: list[tuple[ChoiceValue, ...]]

    def __init__(
        self, search_space: Mapping[str, Sequence[ChoiceValue]], seed: int | None = None
    ) -> None:
        super().__init__(cast("Mapping[str, Sequence[Any]]", search_space), seed)
        self._known: dict[int, int | None] = {}
        """The places of trials that had ended when they were learned of, by number."""
        self._forget_marks()

    def _forget_marks(self) -> None:
        self._follower = Follower()
        self._visited = {place for place in self._known.values() if place is not None}
        """The places of all trials that have ended."""

    @staticmethod
    def _check_value(param_name: str, param_value: object) -> None:
        """Let lists and objects pass without Optuna's warning: they are JSON here."""

    def learn(self, trials: Iterable[FrozenTrial]) -> dict[int, dict[str, Any]]:
        """Take in the trials that have ended.

        Returns:
            The marks, by the ids of the trials that lack them, by which Optuna's own sampler knows
            them too, where its grid is this one in the order of this seed.
        """
        ended = [trial for trial in trials if trial.state.is_finished()]
        marks: dict[int, dict[str, Any]] = {}
        elsewhere: list[tuple[FrozenTrial, int | None, Point]] = []
        for trial in ended:
            mark = self._mark_of(trial)
            point = self._point_of(trial)
            # A failed trial counts where Optuna counts it.
            is_tried = mark is not None or trial.state in _HAS_RESULT
            if is_tried and point is not None and not self._is_at(point, mark):
                elsewhere.append((trial, mark, point))
            else:
                self._known[trial.number] = mark
        places = self._places(point for _, _, point in elsewhere)
        taken = set(self._known.values())
        for trial, mark, point in elsewhere:
            # Choices that are equal, as 1 and True, have a place each.
            place = min(places.get(point, ()), key=lambda each: each in taken, default=mark)
            taken.add(place)
            self._known[trial.number] = place
            if place is not None and place != mark:
                marks[trial._trial_id] = {"search_space": self._search_space, "grid_id": place}
        self._forget_marks()
        return marks

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Give a trial its place."""
        is_first = 0 <= trial.number < self._n_min_trials
        is_given = "grid_id" in trial.system_attrs or ENQUEUED_KEY in trial.system_attrs
        if not is_first or is_given or not self._known:
            super().before_trial(study, trial)
            return
        left = self._get_unvisited_grid_ids(study)
        if trial.number in left:
            place = trial.number
        else:
            place = int(self._rng.rng.choice(left or range(self._n_min_trials)))
        storage, trial_id = study._storage, trial._trial_id
        storage.set_trial_system_attr(trial_id, "search_space", cast("Any", self._search_space))
        storage.set_trial_system_attr(trial_id, "grid_id", place)

    def after_trial(
        self,
        study: optuna.Study,
        trial: FrozenTrial,
        state: TrialState,
        values: Sequence[float] | None,
    ) -> None:
        """End the study when nothing is left; a trial that was enqueued has no place."""
        running = self._look(study)
        if self._n_min_trials - len(self._visited) - len(running - self._visited) > 1:
            return
        if "grid_id" in study._storage.get_trial_system_attrs(trial._trial_id):
            super().after_trial(study, trial, state, values)
        elif not self._get_unvisited_grid_ids(study):
            study.stop()

    def _get_unvisited_grid_ids(self, study: optuna.Study) -> list[int]:
        running = self._look(study)
        # As Optuna does: what runs may still fail to end. The order of the sets is part of it.
        everything = set(range(self._n_min_trials))
        return list(everything - self._visited - running) or list(everything - self._visited)

    def _look(self, study: optuna.Study) -> set[int]:
        """Take in the places of trials that have ended since, and return those that run."""
        trials = study._storage.get_all_trials(study._study_id, deepcopy=False)
        ended, is_other = self._follower.ended(trials)
        if is_other:
            self._forget_marks()
            ended, _ = self._follower.ended(trials)
        self._visited |= self._places_of(ended)
        open_trials = self._follower.open_trials()
        return self._places_of(each for each in open_trials if each.state is TrialState.RUNNING)

    def _places_of(self, trials: Iterable[FrozenTrial]) -> set[int]:
        marks = (self._mark_of(trial) for trial in trials if trial.number not in self._known)
        return {mark for mark in marks if mark is not None and 0 <= mark < self._n_min_trials}

    def _mark_of(self, trial: FrozenTrial) -> int | None:
        """Return the place that is stored with a trial, if it is one in this grid."""
        place, space = (trial.system_attrs.get(key) for key in ("grid_id", "search_space"))
        if not isinstance(place, int) or not isinstance(space, dict):
            return None
        values = cast("dict[str, Any]", space)
        if values == self._search_space:
            return place
        is_of_lists = all(isinstance(each, list) for each in values.values())
        return place if is_of_lists and self._same_search_space(values) else None

    def _point_of(self, trial: FrozenTrial) -> Point | None:
        params = trial.params
        if not self._param_names or any(name not in params for name in self._param_names):
            return None
        return _point(params[name] for name in self._param_names)

    def _is_at(self, point: Point, place: int | None) -> bool:
        if place is None or not 0 <= place < len(self._all_grids):
            return False
        return _point(self._all_grids[place]) == point

    def _places(self, points: Iterable[Point]) -> dict[Point, list[int]]:
        places: dict[Point, list[int]] = {point: [] for point in points}
        for place, values in enumerate(self._all_grids if places else ()):
            point = _point(values)
            if point in places:
                places[point].append(place)
        return places


def _point(values: Iterable[ChoiceValue]) -> Point:
    """Return values as they are compared: a fork, or a step, may have moved one by an ulp."""
    return tuple(
        hashable_choice(float(f"{each:.12g}") if isinstance(each, float) else each)
        for each in values
    )

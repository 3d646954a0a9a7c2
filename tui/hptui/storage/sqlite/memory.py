"""The studies of a file in memory, as Optuna's frozen objects.

A trial that was handed out never changes: the first write after that goes to a copy.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

from bisect import bisect
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.best import is_better

if TYPE_CHECKING:
    from collections.abc import Container, Iterable, Mapping

    from optuna.distributions import BaseDistribution

    from hptui.storage.sqlite.rows import StoredStudy

_FINISHED: Final = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})
_WAITING: Final = (TrialState.WAITING,)


def detached_copy(trial: FrozenTrial) -> FrozenTrial:
    """Return a copy that can be changed without changing the original."""
    copied = FrozenTrial.__new__(FrozenTrial)
    vars(copied).update(vars(trial))
    copied._params = trial._params.copy()
    copied._distributions = trial._distributions.copy()
    copied._user_attrs = trial._user_attrs.copy()
    copied._system_attrs = trial._system_attrs.copy()
    copied.intermediate_values = trial.intermediate_values.copy()
    return copied


@dataclass(frozen=True, slots=True)
class Seen:
    """Up to where somebody has followed the trials that end."""

    n_ended: int
    n_rewritten: int
    """How often trials had been changed after their end."""


class StudyInMemory:
    """One study with its trials in the order of their ids."""

    def __init__(self, row: StoredStudy, trials: Iterable[FrozenTrial] = ()) -> None:
        self.row = row
        self.trials: list[FrozenTrial] = []
        self.distributions: dict[str, BaseDistribution] = {}
        """The first distribution seen of each parameter, which later ones must fit."""
        self.best: FrozenTrial | None = None
        self.unfinished: set[int] = set()
        """Positions of the trials that can still change."""
        self._waiting: set[int] = set()
        # Positions in the order in which the trials ended; None until somebody asks.
        self._ended: list[int] | None = None
        self._n_rewritten = 0
        self._position_of: dict[int, int] = {}
        # Finished trials by the states asked for, each with the positions that sort it.
        self._views: dict[frozenset[TrialState], tuple[list[int], list[FrozenTrial]]] = {}
        # Counts the times that trials which can still change were handed out, and what it was when
        # each of them was last copied: many thousands of reports must not copy all earlier ones.
        self._times_shown = 0
        self._copied_at: dict[int, int] = {}
        for trial in trials:
            self.put(trial)

    def get(self, trial_id: int) -> FrozenTrial:
        """Return a trial by its id."""
        return self.trials[self._position_of[trial_id]]

    def numbered(self, number: int) -> FrozenTrial:
        """Return the trial of this number.

        Raises:
            KeyError: There is none.
        """
        if 0 <= number < len(self.trials) and self.trials[number].number == number:
            return self.trials[number]
        for trial in self.trials:
            if trial.number == number:
                return trial
        raise KeyError(
            f"No trial with number {number} exists in the study with study_id {self.row.study_id}."
        )

    def put(self, trial: FrozenTrial) -> None:
        """Add a trial, or replace the one of the same id."""
        position = self._position_of.get(trial._trial_id)
        if position is None:
            self._position_of[trial._trial_id] = len(self.trials)
            self._copied_at[trial._trial_id] = self._times_shown
            self.trials.append(trial)
            self._account_for(len(self.trials) - 1, trial)
            return
        before = self.trials[position].state
        self.trials[position] = trial
        self._copied_at[trial._trial_id] = self._times_shown
        if before in _FINISHED:
            self._forget_finished()
        if before is not trial.state:
            self._account_for(position, trial)

    def annotate(
        self,
        user_attrs: Mapping[int, Mapping[str, Any]],
        system_attrs: Mapping[int, Mapping[str, Any]] | None = None,
    ) -> None:
        """Set attributes of trials, by their ids; of finished ones, too."""
        is_any_finished = False
        of_system = system_attrs or {}
        for trial_id in {**user_attrs, **of_system}:
            position = self._position_of[trial_id]
            trial = detached_copy(self.trials[position])
            trial._user_attrs.update(user_attrs.get(trial_id, {}))
            trial._system_attrs.update(of_system.get(trial_id, {}))
            self.trials[position] = trial
            is_any_finished |= trial.state in _FINISHED
        if is_any_finished:
            self._forget_finished()

    def writable(self, trial_id: int) -> FrozenTrial:
        """Return a trial that is not finished, to be changed in place, except its state."""
        position = self._position_of[trial_id]
        trial = self.trials[position]
        if self._copied_at.get(trial_id) != self._times_shown:
            self._copied_at[trial_id] = self._times_shown
            self.trials[position] = trial = detached_copy(trial)
        return trial

    def set_state(self, trial_id: int, state: TrialState) -> None:
        """Set the state of a trial, when its other fields are those that go with it."""
        trial = self.writable(trial_id)
        trial.state = state
        self._account_for(self._position_of[trial_id], trial)

    def has(self, trial_id: int) -> bool:
        """Say whether the study has this trial."""
        return trial_id in self._position_of

    def remember_distributions(self, trial: FrozenTrial) -> None:
        """Note the distributions of parameters that the study has not had."""
        known = self.distributions
        for name, distribution in trial._distributions.items():
            if name not in known:
                known[name] = distribution

    def matching(self, states: Container[TrialState] | None) -> list[FrozenTrial]:
        """Return a new list of the trials in `states`, by id; None means all."""
        if states == _WAITING:
            waiting = [self.trials[position] for position in sorted(self._waiting)]
            self._times_shown += bool(waiting)
            return waiting
        wanted = (
            None if states is None else frozenset(each for each in TrialState if each in states)
        )
        if wanted is not None and wanted <= _FINISHED:
            return self._view(wanted)[1].copy()
        self._times_shown += 1
        if wanted is None:
            return self.trials.copy()
        if not wanted & _FINISHED:
            unfinished = (self.trials[position] for position in sorted(self.unfinished))
            return [trial for trial in unfinished if trial.state in wanted]
        return [trial for trial in self.trials if trial.state in wanted]

    def ended_since(self, seen: Seen | None) -> tuple[list[FrozenTrial], Seen, bool]:
        """Return the trials that have ended since `seen`, and what is seen now.

        The flag says that all is handed out anew, since some had changed after their end.
        """
        if self._ended is None:
            finished = (each for each in enumerate(self.trials) if each[1].state in _FINISHED)
            self._ended = [position for position, _ in finished]
        is_other = seen is not None and seen.n_rewritten != self._n_rewritten
        start = 0 if seen is None or is_other else seen.n_ended
        found = [self.trials[position] for position in self._ended[start:]]
        return found, Seen(len(self._ended), self._n_rewritten), is_other

    def _view(self, wanted: frozenset[TrialState]) -> tuple[list[int], list[FrozenTrial]]:
        view = self._views.get(wanted)
        if view is None:
            positions = [
                position for position, trial in enumerate(self.trials) if trial.state in wanted
            ]
            view = positions, [self.trials[position] for position in positions]
            self._views[wanted] = view
        return view

    def _account_for(self, position: int, trial: FrozenTrial) -> None:
        state = trial.state
        if state is TrialState.WAITING:
            self._waiting.add(position)
        else:
            self._waiting.discard(position)
        if state not in _FINISHED:
            self.unfinished.add(position)
            return
        self.unfinished.discard(position)
        if self._ended is not None:
            self._ended.append(position)
        self._copied_at.pop(trial._trial_id, None)
        for wanted, (positions, trials) in self._views.items():
            if state in wanted:
                index = bisect(positions, position)
                positions.insert(index, position)
                trials.insert(index, trial)
        if state is TrialState.COMPLETE:
            self._compare_with_best(trial)

    def _forget_finished(self) -> None:
        """Start the views anew, after another program changed how a trial of ours ended."""
        self._views.clear()
        self._ended = None
        self._n_rewritten += 1
        self.best = None
        for trial in self.trials:
            if trial.state is TrialState.COMPLETE:
                self._compare_with_best(trial)

    def _compare_with_best(self, trial: FrozenTrial) -> None:
        if len(self.row.directions) != 1 or not trial._values:
            return
        if self.best is None or not self.best._values:
            self.best = trial
            return
        new, best = trial._values[0], self.best._values[0]
        maximize = self.row.directions[0] is StudyDirection.MAXIMIZE
        if is_better(new, best, maximize=maximize) or (
            new == best and trial.number < self.best.number
        ):
            self.best = trial


class Memory:
    """All studies of a file."""

    def __init__(self) -> None:
        self.studies: dict[int, StudyInMemory] = {}
        self._study_of_trial: dict[int, StudyInMemory] = {}

    def study(self, study_id: int) -> StudyInMemory:
        """Return a study.

        Raises:
            KeyError: There is none with this id.
        """
        study = self.studies.get(study_id)
        if study is None:
            raise KeyError(f"No study with study_id {study_id} exists.")
        return study

    def study_named(self, name: str) -> StudyInMemory | None:
        """Return the study of this name, or None."""
        return next((study for study in self.studies.values() if study.row.name == name), None)

    def study_of(self, trial_id: int) -> StudyInMemory:
        """Return the study that a trial belongs to.

        Raises:
            KeyError: There is no trial with this id.
        """
        study = self._study_of_trial.get(trial_id)
        if study is None:
            raise KeyError(f"No trial with trial_id {trial_id} exists.")
        return study

    def has(self, trial_id: int) -> bool:
        """Say whether there is a trial with this id."""
        return trial_id in self._study_of_trial

    def trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial.

        Raises:
            KeyError: There is none with this id.
        """
        return self.study_of(trial_id).get(trial_id)

    def add_study(self, row: StoredStudy) -> StudyInMemory:
        """Add a study that has no trials yet."""
        study = self.studies[row.study_id] = StudyInMemory(row)
        return study

    def drop_study(self, study_id: int) -> None:
        """Forget a study and its trials."""
        study = self.studies.pop(study_id)
        for trial in study.trials:
            del self._study_of_trial[trial._trial_id]

    def put(self, study: StudyInMemory, trial: FrozenTrial) -> None:
        """Add a trial to a study, or replace the one of the same id."""
        study.put(trial)
        self._study_of_trial[trial._trial_id] = study

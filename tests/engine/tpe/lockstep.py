"""Optuna's TPE and the quick one in lockstep: every value and every attribute must be the same.

Workers are interleaved: a trial may begin, ask and end while others are at any place.
"""

# pyright: reportPrivateUsage=false
from __future__ import annotations

import struct
import warnings
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.samplers import BaseSampler, PartialFixedSampler, TPESampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState
from tests.engine.tpe.cases import MIXED, Case, Space, asking, drawn, outcome, past

from hptui.engine.sampling.space_view import SpaceView, SpaceViewSampler
from hptui.engine.sampling.tpe.sampler import QuickTPESampler

if TYPE_CHECKING:
    from collections.abc import Generator

    from optuna.storages import BaseStorage

_EDITS: list[Space] = [
    MIXED,
    {**MIXED, "x": FloatDistribution(-2, 2)},
    {**MIXED, "x": FloatDistribution(-1, 4), "n": optuna.distributions.IntDistribution(8, 40)},
    {**MIXED, "lr": FloatDistribution(1e-4, 1e-2, log=True)},
    {**MIXED, "n": optuna.distributions.IntDistribution(2, 64, step=2)},
]
_SLOW_START = 60
"""Trials before the first edit."""


@dataclass(slots=True)
class Live:
    """A trial that runs in both studies."""

    twins: list[optuna.Trial]
    asking: Generator[tuple[str, BaseDistribution], Any]
    last: Any = None
    """What the objective was given last, which it is sent next."""


@dataclass(slots=True)
class Pair:
    """Two studies, the first drawn by Optuna."""

    case: Case
    seed: int
    quick: Any
    storage: BaseStorage | None = None
    """Where the second study is; else in memory, like the first."""
    stock: BaseSampler | None = None
    """Optuna's sampler; by default TPE with the case's options."""
    before: list[FrozenTrial] | None = None
    """Trials at the begin, in place of the case's."""
    stops: list[list[int]] = field(default_factory=lambda: [[], []])
    """The trials after which each study was to end, which goes on all the same."""
    n_compared: int = 0
    n_edits: int = 0
    studies: list[optuna.Study] = field(default_factory=list[optuna.Study])
    views: list[SpaceView] = field(default_factory=list[SpaceView])
    live: list[Live] = field(default_factory=list[Live])
    now: Space = field(default_factory=dict[str, BaseDistribution])
    random: np.random.RandomState = field(default_factory=np.random.RandomState)

    def __post_init__(self) -> None:
        """Make the studies."""
        case, seed = self.case, self.seed
        self.random = random = np.random.RandomState(seed)
        self.now = dict(case.space)
        each = [StudyDirection.MINIMIZE, StudyDirection.MAXIMIZE]
        directions = [each[random.randint(2)] for _ in range(case.n_objectives)]
        n_before = case.n_before
        if n_before is None:
            n_before = int(random.choice([0, 110, 180, 300, 700]))
        before = self.before
        if before is None:
            before = past(case, n_before, seed) if case.space else []
        stock = self.stock or TPESampler(seed=seed, **case.options)
        for sampler, storage in ((stock, None), (self.quick, self.storage)):
            study = optuna.create_study(
                storage=storage,
                sampler=self._wrapped(sampler),
                directions=directions,
                study_name="same",
                pruner=case.pruner(),
            )
            study.add_trials(before)
            self._listen_for_stop(study, self.stops[len(self.studies)])
            self.studies.append(study)

    def _listen_for_stop(self, study: optuna.Study, stops: list[int]) -> None:
        vars(study)["stop"] = lambda: stops.append(len(study.get_trials(deepcopy=False)))

    def _wrapped(self, sampler: BaseSampler) -> BaseSampler:
        if self.case.is_edited:
            self.views.append(SpaceView())
            return SpaceViewSampler(sampler, self.views[-1])
        if self.case.fixed:
            return PartialFixedSampler(dict(self.case.fixed), sampler)
        return sampler

    def run(self) -> None:
        """Play the case to its end.

        Raises:
            AssertionError: The two differ; the text says where.
        """
        random, case = self.random, self.case
        n_workers = int(random.choice([1, 1, 4, 12]))
        n_done = 0
        while n_done < case.n_asked:
            if case.is_edited and n_done > min(_SLOW_START, case.n_asked // 3):
                self._maybe_edit()
            if not self.live or (len(self.live) < n_workers and random.rand() < 0.5):
                self._begin()
            else:
                n_done += self._step(self.live[random.randint(len(self.live))])
        ended = [study.get_trials(deepcopy=False) for study in self.studies]
        for ours, theirs in zip(*ended, strict=True):
            assert _what_counts(ours) == _what_counts(theirs), self._where(ours.number)
        assert self.stops[0] == self.stops[1], self._where(len(ended[0]))

    def _begin(self) -> None:
        random, case = self.random, self.case
        if case.is_enqueued and random.rand() < 0.15:
            self._enqueue()
        if case.has_dead and random.rand() < 0.03:
            name, distribution = next(iter(case.space.items()))
            for study in self.studies:
                study.ask()._suggest(name, distribution)
        twins = [study.ask() for study in self.studies]
        self.live.append(Live(twins, asking(case, twins[0].number)))

    def _enqueue(self) -> None:
        """Enqueue a trial with some values, often at bounds, so that values are equal."""
        kind = self.random.randint(3)
        params: dict[str, Any] = {}
        for name, each in self.case.space.items():
            if self.random.rand() < 0.2:
                continue
            if isinstance(each, CategoricalDistribution):
                params[name] = each.choices[0]
            else:
                again = np.random.RandomState(self.seed)
                at: Any = each
                params[name] = [at.low, at.high, drawn(each, again, None)][kind]
        for study in self.studies:
            study.enqueue_trial(params)

    def _maybe_edit(self) -> None:
        random = self.random
        if random.rand() < 0.03:
            new = _EDITS[random.randint(len(_EDITS))]
            for name, distribution in new.items():
                if distribution != self.now[name]:
                    for view in self.views:
                        view.edit(name, distribution)
            self.now = dict(new)
            self.n_edits += 1
        if random.rand() < 0.01:
            for view in self.views:
                view.fix("c", "b")
        elif random.rand() < 0.01:
            for view in self.views:
                view.release("c")

    def _step(self, live: Live) -> bool:
        """Have a trial ask its next parameter, or end; say whether it has ended."""
        try:
            name, distribution = live.asking.send(live.last)
        except StopIteration:
            self._end(live, None)
            return True
        drawn_by = [self._suggested(trial, name, distribution) for trial in live.twins]
        assert _bits(drawn_by[0]) == _bits(drawn_by[1]), self._where(
            live.twins[0].number, name, drawn_by
        )
        self.n_compared += 1
        if isinstance(drawn_by[0], ValueError):
            self._end(live, TrialState.FAIL)
            return True
        live.last = drawn_by[0]
        return False

    def _suggested(self, trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
        asked = self.now.get(name, distribution) if self.case.is_edited else distribution
        try:
            return trial._suggest(name, asked)
        except ValueError as error:
            return error

    def _end(self, live: Live, state: TrialState | None) -> None:
        self.live.remove(live)
        number = live.twins[0].number
        end = outcome(self.case, number, live.twins[0].params)
        state = state or end.state
        errors: list[str] = []
        for trial, study in zip(live.twins, self.studies, strict=True):
            for step, value in end.reports.items():
                if self.case.n_objectives == 1:
                    trial.report(value, step)
            for name, value in end.constraints.items():
                trial.set_constraint(name, value)
            values = end.values if state is TrialState.COMPLETE else None
            try:
                study.tell(trial, values, state=state)
            except ValueError as error:
                errors.append(str(error))
        assert len(errors) in (0, 2), self._where(number, "ends", errors)
        assert len(set(errors)) <= 1, self._where(number, "ends", errors)

    def _where(self, number: int, name: str = "", values: object = "") -> str:
        return f"seed {self.seed}: trial {number} {name} {values}"


def _bits(value: object) -> object:
    if isinstance(value, float):
        return struct.pack("<d", value)
    return str(value) if isinstance(value, ValueError) else (type(value), value)


def _what_counts(trial: FrozenTrial) -> tuple[object, ...]:
    return trial.number, trial.state, trial.params, trial.distributions, trial.system_attrs


def play(case: Case, seed: int, storage: BaseStorage | None = None) -> Pair:
    """Play a case; return the two studies, the second one in `storage`.

    Raises:
        AssertionError: They differ.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.filterwarnings("error", message="TPE runs at Optuna's own speed")
        pair = Pair(case, seed, QuickTPESampler(seed=seed, **case.options), storage)
        pair.run()
    return pair

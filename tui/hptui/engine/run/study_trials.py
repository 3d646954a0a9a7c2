"""The study side of a run: asks, answers and tells with Optuna's own study, and nothing else."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import contextlib
import logging
import random
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol, cast

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.exceptions import UpdateFinishedTrialError
from optuna.pruners import HyperbandPruner, _filter_study
from optuna.study import StudyDirection
from optuna.study._tell import _check_state_and_values, _check_values_are_feasible
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.attribute_keys import (
    ANSWERED_KEY,
    ENQUEUED_KEY,
    ERROR_KEY,
    MEMORY_KEY,
    OWN_PREFIX,
    PLACE_KEY,
    PRUNED_KEY,
    REPEATS_KEY,
    RUN_KEY,
    SEAT_KEY,
)
from hptui.domain.best import is_as_good, is_better
from hptui.domain.repeats import Repeats
from hptui.domain.spaces.choices import place_of
from hptui.domain.trial_queue import WITHDRAWN, WaitingTrial, read_waiting
from hptui.engine.pruning.prune_reason import PruneReason, why_pruned
from hptui.engine.run.clock import now
from hptui.engine.run.outcome import CommonError, TrialError
from hptui.engine.workers.machine.peak_memory import peak_of
from hptui.engine.workers.trial_messages import checked_step, spell_params
from hptui.errors import SamplerError, SpaceError
from hptui.storage.read.constraints import KEY_RANGE, is_feasible
from hptui.storage.read.constraints import OLD_KEY as CONSTRAINTS_KEY
from hptui.storage.sqlite.attribute_values import value_of_json
from hptui.storage.sqlite.distributions import categorical, dump_distribution

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.engine.ipc.protocol import Message
    from hptui.engine.run.start.changed_space import CodeWatch
    from hptui.engine.run.tried_params import TriedParams

_log = logging.getLogger("hptui.engine")

ENDED_BY_OTHERS = "Another program ended the trial."


class EffectiveSpace(Protocol):
    """Gives the distribution in effect for what an objective asks."""

    def effective(self, name: str, asked: BaseDistribution) -> BaseDistribution:
        """Return `asked` with the edits of `name` applied."""
        ...

    def is_edited(self, name: str) -> bool:
        """Say whether `name` is or was edited."""
        ...


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """A trial that has ended, as it is announced once it is in the file."""

    number: int
    state: str
    values: tuple[float, ...] | None
    params: Mapping[str, Any]
    duration_s: float
    is_feasible: bool = True
    is_best: bool = False
    error: TrialError | None = None


@dataclass(slots=True, eq=False)
class LiveTrial:
    """A trial that a slot runs."""

    trial_id: int
    number: int
    started_s: float
    """Monotonic."""
    slot: int | None = None
    """Where it runs; None for one that was asked for ahead."""
    known: optuna.Trial | None = None
    """The trial, once the sampler has been told of it."""
    asked_s: float | None = None
    """Since when the sampler has owed it an answer; monotonic."""
    end: TrialEnd | None = None
    """How it has ended, once that is known."""
    is_stored: bool = False
    """Whether the study has been told how it has ended."""
    prune_reason: PruneReason | None = None
    last_step: int | None = None
    last_value: float | None = None
    answered_by: int | None = None
    """The earlier trial whose values it gets."""

    @property
    def trial(self) -> optuna.Trial:
        """The trial that the objective uses."""
        assert self.known is not None
        return self.known


@dataclass(frozen=True, slots=True)
class TrialEnd:
    """How a trial has ended, as the study is told."""

    frozen: FrozenTrial
    """The trial before."""
    state: TrialState
    values: Sequence[float] | None
    error: TrialError | None


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What came of asking for a parameter."""

    name: str
    answer: Message
    effective: BaseDistribution | None = None
    error: Exception | None = None


class _SharedCache:
    """What Optuna keeps of a study for each thread; here the threads take turns at the sampler."""

    in_optimize_loop = True
    """As in `Study.optimize`: samplers stop a study when they are exhausted."""
    cached_all_trials: list[FrozenTrial] | None = None


@dataclass(slots=True)
class Best:
    """The best trial so far of a study with one objective."""

    number: int
    value: float


@dataclass(slots=True)
class Counts:
    """How many trials of a run have ended, by state."""

    complete: int = 0
    pruned: int = 0
    fail: int = 0

    @property
    def ended(self) -> int:
        return self.complete + self.pruned + self.fail


class StudyTrials:
    """The trials of one run, on an Optuna study whose storage gathers writes.

    What may take long are `meet`, `suggest`, `relative_params` and `hear_end` (the sampler's) and
    `should_prune` (the pruner's). They run beside the engine's loop, one of the sampler's and one
    of the pruner's at a time, and change nothing but the trial, the storage and what is theirs; all
    else is the loop's.
    """

    def __init__(
        self,
        study: optuna.Study,
        *,
        space: EffectiveSpace,
        run_id: str,
        seed: int | None,
        target: float | None,
        watch: CodeWatch,
        repeat: int = 1,
        tried: TriedParams | None = None,
        draws_ahead: bool = False,
    ) -> None:
        self.study = study
        self._storage = study._storage
        self._space = space
        self._run_id = run_id
        self._seed = random.randrange(2**32) if seed is None else seed
        self._repeat_seeds = _seeds(seed, repeat) if repeat > 1 else []
        self._target = target
        self.watch = watch
        self._tried = tried
        """What is not to be tried again; None where anything is."""
        self.n_answered = 0
        """How many trials had parameters that were tried."""
        self.directions = [each.name.lower() for each in study.directions]
        self.counts = Counts()
        self.live: dict[int, LiveTrial] = {}
        self.best = self._best_of_history()
        self.common_error = CommonError()
        self._draws_ahead = draws_ahead
        """Whether joint parameters are drawn at once, not when the objective asks for the first."""
        self._asked: dict[tuple[Any, ...], BaseDistribution] = {}
        study._thread_local = cast("Any", _SharedCache())
        study._stop_flag = False

    @property
    def is_exhausted(self) -> bool:
        """Whether the sampler has stopped the study: it has nothing left to try."""
        return self.study._stop_flag

    def _best_of_history(self) -> Best | None:
        if len(self.directions) > 1:
            return None
        best: Best | None = None
        for trial in self._storage.get_all_trials(
            self.study._study_id, deepcopy=False, states=(TrialState.COMPLETE,)
        ):
            if trial.values and is_feasible(trial.system_attrs):
                best = self._better(best, trial.number, trial.values[0])
        return best

    def _better(self, best: Best | None, number: int, value: float) -> Best:
        if best is None or is_better(value, best.value, maximize=self._is_maximized):
            return Best(number, value)
        return best

    @property
    def _is_maximized(self) -> bool:
        return self.study.direction is StudyDirection.MAXIMIZE

    def seed_of(self, number: int) -> int:
        """Return the seed for `random` and NumPy in trial `number`, 0 to 2**32 - 1."""
        return random.Random(f"{self._seed}:{number}").getrandbits(32)

    def begin(self) -> LiveTrial:
        """Take the next waiting trial or create one; the sampler has to `meet` it.

        Raises:
            StudyBusyError: The file does not take a new trial now; nothing has changed.
        """
        trial_id = self._pop_waiting()
        if trial_id is None:
            trial_id = self._storage.create_new_trial(self.study._study_id)
        self._storage.set_trial_system_attr(trial_id, RUN_KEY, self._run_id)
        return LiveTrial(trial_id, self._storage.get_trial_number_from_id(trial_id), now())

    def waiting(self) -> list[WaitingTrial]:
        """Return the trials that wait."""
        return [waiting_of(trial) for trial in self._waiting()]

    def _waiting(self) -> list[FrozenTrial]:
        return self._storage.get_all_trials(
            self.study._study_id, deepcopy=False, states=(TrialState.WAITING,)
        )

    def _pop_waiting(self) -> int | None:
        """Take up the first trial of the line, as Optuna does where nobody has a seat."""
        for trial in sorted(self._waiting(), key=lambda each: waiting_of(each).place):
            if self._take_up(trial._trial_id):
                return trial._trial_id
        return None

    def _take_up(self, trial_id: int) -> bool:
        """Let a waiting trial run; False where another program has taken it up or ended it."""
        try:
            return self._storage.set_trial_state_values(trial_id, TrialState.RUNNING)
        except UpdateFinishedTrialError:
            return False

    def seat(self, seats: Mapping[int, int]) -> None:
        """Give waiting trials their seats, by number."""
        for trial in self._waiting():
            if trial.number in seats:
                self._storage.set_trial_system_attr(trial._trial_id, SEAT_KEY, seats[trial.number])

    def cancel(self, number: int) -> bool:
        """Store a waiting trial as failed, since numbers have no gaps; False where it has begun."""
        found = next((each for each in self._waiting() if each.number == number), None)
        if found is None or not self._take_up(found._trial_id):
            return False
        error = TrialError("interrupted", "", WITHDRAWN)
        self._storage.set_trial_system_attr(found._trial_id, ERROR_KEY, error.to_json())
        return self._storage.set_trial_state_values(found._trial_id, TrialState.FAIL)

    def meet(self, live: LiveTrial) -> optuna.Trial:
        """Tell the sampler of a new trial, as `Study.ask` does, and return it for `known`.

        Raises:
            SamplerError: The sampler has failed.
        """
        self.study._thread_local.cached_all_trials = None
        trial = optuna.Trial(self.study, live.trial_id)
        if self._draws_ahead:
            _ = trial.relative_params
        return trial

    def note_place(self, live: LiveTrial, place: Mapping[str, Any]) -> None:
        """Store which devices and cores a trial has."""
        self._storage.set_trial_system_attr(live.trial_id, PLACE_KEY, dict(place))

    def order(self, live: LiveTrial) -> Message:
        """Return what a worker must know of a trial."""
        trial = live.trial
        # One that was asked for ahead begins later than it was made.
        stored = self._storage.get_trial(live.trial_id) if self._draws_ahead else trial
        started = stored.datetime_start
        return {
            "op": "run",
            "n": live.number,
            "seed": self._repeat_seeds[0] if self._repeat_seeds else self.seed_of(live.number),
            "repeat": self._repeat_seeds,
            "trial_id": trial._trial_id,
            "study_id": self.study._study_id,
            "study_name": self.study.study_name,
            "directions": self.directions,
            "user_attrs": trial._cached_frozen_trial.user_attrs,
            "started": started.timestamp() if started else time.time(),
        }

    def take(self, live: LiveTrial, message: Message) -> None:
        """Take what a running trial tells of itself."""
        match message.get("op"):
            case "report":
                self.report(live, message["value"], message["step"])
            case "attr":
                live.trial.set_user_attr(str(message["key"]), value_of_json(message["json"]))
            case "constraint":
                if str(message["key"]) not in live.trial.constraints:
                    live.trial.set_constraint(str(message["key"]), message["value"])
            case other:
                _log.warning("a worker sent %r", other)

    def suggest(self, live: LiveTrial, name: str, fields: Message) -> Suggestion:
        """Do a `suggest_*` call: the value (of a choice its index), or the error it raises.

        Raises:
            SamplerError: The sampler has failed.
        """
        effective: BaseDistribution | None = None
        try:
            asked = self._distribution(fields)
            effective = self._space.effective(name, asked)
            value = live.trial._suggest(name, effective)
            live.trial._check_distribution(name, effective)
            if isinstance(asked, CategoricalDistribution):
                # The worker has the choices that the objective asked with, in their order. Optuna
                # takes the first that is equal, of 1 and True too.
                place = place_of(value, asked.choices)
                value = int(asked.to_internal_repr(value)) if place is None else place
        except SamplerError:
            raise
        except Exception as error:  # noqa: BLE001 - it is the trial's, as in Optuna
            if not isinstance(error, (SpaceError, ValueError, UpdateFinishedTrialError)):
                _log.exception("suggest %r in trial %d", name, live.number)
            answer = {"error": [type(error).__name__, str(error)]}
            return Suggestion(name, answer, effective, error)
        if effective is asked:
            return Suggestion(name, {"v": value})
        return Suggestion(name, {"v": value, "d": dump_distribution(effective)})

    def suggested(self, live: LiveTrial, suggestion: Suggestion) -> Message:
        """Take note of what came of asking for a parameter, and return what to answer."""
        name, error = suggestion.name, suggestion.error
        if error is None:
            self.watch.unseen.discard(name)
            if self._tried is not None:
                live.answered_by = self._tried.find(live.trial._cached_frozen_trial)
                if live.answered_by is not None:
                    # An objective that asks by its parameters has asked for all of them now.
                    text = f"Trial {live.answered_by} had the same parameters."
                    return {"stop": text, "n": live.number}
        elif isinstance(error, SpaceError):
            self.watch.unfit(live.number, name, error)
        elif isinstance(error, ValueError) and suggestion.effective is not None:
            self.watch.refused(live.number, name, suggestion.effective, str(error))
        return suggestion.answer

    def needs_sampler(self, live: LiveTrial, name: str, fields: Message) -> bool:
        """Say whether a parameter has to be drawn; else its value is there without the sampler."""
        trial = live.trial
        if self._space.is_edited(name):
            return True
        if name in trial._cached_frozen_trial.distributions or name in trial._fixed_params:
            return False
        try:
            asked = self._distribution(fields)
            if asked.single():
                return False
            return trial._relative_params is None or not trial._is_relative_param(name, asked)
        except ValueError:
            return True

    def _distribution(self, fields: Message) -> BaseDistribution:
        kind = fields["k"]
        if kind == "c":
            return categorical(fields["choices"])
        key = (kind, fields["low"], fields["high"], fields["log"], fields["step"])
        known = self._asked.get(key)
        if known is None:
            make = FloatDistribution if kind == "f" else IntDistribution
            known = make(fields["low"], fields["high"], log=fields["log"], step=fields["step"])
            if len(self._asked) < 10_000:  # noqa: PLR2004 - bounds that differ in each trial
                self._asked[key] = known
        return known

    def report(self, live: LiveTrial, value: float, step: int) -> None:
        """Take an intermediate value; of those that several processes report, the first.

        Raises:
            ValueError: The step is negative.
            OverflowError: No study file holds the step.
        """
        step = checked_step(step)
        if step in live.trial._cached_frozen_trial.intermediate_values:
            return
        live.trial.report(value, step)
        if live.last_step is None or step >= live.last_step:
            live.last_step, live.last_value = step, value

    @property
    def is_pruning_shared(self) -> bool:
        """Whether the pruner is about to change what the sampler reads, too."""
        pruner = self.study.pruner
        return isinstance(pruner, HyperbandPruner) and not pruner._pruners

    def should_prune(self, live: LiveTrial) -> Message:
        """Do a `should_prune` call, and keep why when it says yes."""
        try:
            verdict = live.trial.should_prune()
        except Exception as error:  # noqa: BLE001 - a pruner's error is the trial's, as in Optuna
            _log.exception("should_prune in trial %d", live.number)
            return {"error": [type(error).__name__, str(error)]}
        if verdict:
            frozen = live.trial._get_latest_trial()
            live.prune_reason = why_pruned(self.study, frozen)
        return {"v": bool(verdict)}

    def relative_params(self, live: LiveTrial) -> Message:
        """Return what the sampler has chosen for a trial before it was asked.

        Raises:
            SamplerError: The sampler has failed.
        """
        try:
            params = live.trial.relative_params
            space = live.trial.relative_search_space or {}
            known = {name: value for name, value in params.items() if name in space}
            return {"v": spell_params(known, space)}
        except SamplerError:
            raise
        except Exception as error:  # noqa: BLE001 - it is the trial's, as in Optuna
            _log.exception("relative_params in trial %d", live.number)
            return {"error": [type(error).__name__, str(error)]}

    def answered(self, live: LiveTrial) -> Message:
        """Give a trial what an earlier one with its parameters has, and return its end."""
        assert live.answered_by is not None
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(
            self.study._study_id, live.answered_by
        )
        earlier = self._storage.get_trial(trial_id)
        for key, value in earlier.user_attrs.items():
            if not key.startswith(OWN_PREFIX):
                live.trial.set_user_attr(key, value)
        first, end = KEY_RANGE
        for key, value in earlier.system_attrs.items():
            if first <= key < end:
                self._storage.set_trial_system_attr(live.trial._trial_id, key, value)
        self._storage.set_trial_system_attr(live.trial._trial_id, ANSWERED_KEY, live.answered_by)
        self.n_answered += 1
        return {"state": "complete", "values": list(earlier.values)}

    def ending(self, live: LiveTrial, ended: Message) -> TrialEnd | None:
        """Return how a trial has ended, with what belongs to it stored; the sampler has to hear it.

        Args:
            live: The trial.
            ended: `state` (`complete`, `pruned` or `failed`) with `values`, `message` or `error`.

        Returns:
            None where another program has finished the trial, which keeps the end it has.

        Raises:
            ValueError: That is no end of a trial; also TypeError and KeyError.
        """
        trial_id = live.trial_id
        try:
            state, error = self._state_and_error(live, ended)
        except UpdateFinishedTrialError:
            return None
        frozen = self._storage.get_trial(trial_id)
        if frozen.state.is_finished():
            return None
        told: Any = ended["values"] if state is TrialState.COMPLETE else None
        _check_state_and_values(state, told)
        if state is TrialState.PRUNED and frozen.last_step is not None:
            # As in Optuna, its last report is its value.
            last = [frozen.intermediate_values[frozen.last_step]]
            told = last if _check_values_are_feasible(self.study, last) is None else None
        elif state is TrialState.COMPLETE:
            problem = _check_values_are_feasible(self.study, told)
            if problem is not None:
                raise ValueError(problem)
        values = None if told is None else [float(value) for value in told]
        return TrialEnd(frozen, state, values, error)

    def _state_and_error(
        self, live: LiveTrial, ended: Message
    ) -> tuple[TrialState, TrialError | None]:
        trial_id = live.trial_id
        error: TrialError | None = None
        if ended["state"] == "complete":
            state = TrialState.COMPLETE
        elif ended["state"] == "pruned":
            state = TrialState.PRUNED
            reason = live.prune_reason or PruneReason.by_objective(live, ended.get("message", ""))
            self._storage.set_trial_system_attr(trial_id, PRUNED_KEY, reason.to_json())
        else:
            state = TrialState.FAIL
            error = TrialError(
                **{each: cast("Any", str(text)) for each, text in ended["error"].items()}
            )
            self._storage.set_trial_system_attr(trial_id, ERROR_KEY, cast("Any", error.to_json()))
        repeats = Repeats.read({"values": ended.get("repeats")})
        if repeats is not None:
            told = cast("Any", repeats.to_json())
            self._storage.set_trial_system_attr(trial_id, REPEATS_KEY, told)
        if peak := peak_of(ended):
            self._storage.set_trial_system_attr(trial_id, MEMORY_KEY, peak)
        constraints = ended.get("constraints")
        if constraints is not None and state is not TrialState.FAIL:
            # As Optuna's samplers store what their `constraints_func` says.
            stored: Any = [float(value) for value in constraints]
            self._storage.set_trial_system_attr(trial_id, CONSTRAINTS_KEY, stored)
        return state, error

    def hear_end(self, end: TrialEnd) -> None:
        """Tell the sampler that a trial has ended, as `Study.tell` does before it stores that.

        Raises:
            SamplerError: The sampler has failed.
        """
        self.study._thread_local.cached_all_trials = None
        study = _filter_study(self.study, end.frozen)
        study.sampler.after_trial(study, end.frozen, end.state, end.values)

    def finish(self, live: LiveTrial) -> TrialRecord:
        """Store how a trial has ended and return what to announce after the commit."""
        error, end = None, live.end
        if end is not None:
            error = end.error
            # Another program may have finished it while the sampler heard of the end.
            with contextlib.suppress(UpdateFinishedTrialError):
                self._storage.set_trial_state_values(live.trial_id, end.state, end.values)
        self.live.pop(live.number, None)
        frozen = self._storage.get_trial(live.trial_id)
        if self._tried is not None:
            self._tried.add(frozen)
        return self._record(live, frozen, error or _error_of_others(frozen))

    def corrected(self, record: TrialRecord) -> TrialRecord:
        """Return what to announce of a trial that another program may have finished before."""
        study_id = self.study._study_id
        trial_id = self._storage.get_trial_id_from_study_id_trial_number(study_id, record.number)
        frozen = self._storage.get_trial(trial_id)
        state = frozen.state.name.lower()
        values = tuple(frozen.values) if frozen.values else None
        if (state, values) == (record.state, record.values):
            return record
        self._count(record.state, -1)
        self._count(state, 1)
        self.best = self._best_of_history()
        return replace(
            record,
            state=state,
            values=values,
            params=frozen.params,
            is_feasible=is_feasible(frozen.system_attrs),
            is_best=False,
            error=_error_of_others(frozen),
        )

    def _count(self, state: str, change: int) -> None:
        setattr(self.counts, state, getattr(self.counts, state) + change)

    def _record(
        self, live: LiveTrial, frozen: FrozenTrial, error: TrialError | None
    ) -> TrialRecord:
        state = frozen.state.name.lower()
        self._count(state, 1)
        if error is not None:
            self.common_error.add(error)
        feasible = is_feasible(frozen.system_attrs)
        values = frozen.values
        is_best = False
        if frozen.state is TrialState.COMPLETE and feasible and len(self.directions) == 1:
            assert values is not None
            best = self._better(self.best, frozen.number, values[0])
            is_best = best is not self.best
            self.best = best
        return TrialRecord(
            number=frozen.number,
            state=state,
            values=tuple(values) if values else None,
            params=frozen.params,
            duration_s=max(0.0, now() - live.started_s),
            is_feasible=feasible,
            is_best=is_best,
            error=error,
        )

    def reaches_target(self, record: TrialRecord) -> bool:
        """Say whether a trial is complete, feasible and as good as the run's target."""
        if self._target is None or record.state != "complete" or not record.is_feasible:
            return False
        assert record.values is not None
        return is_as_good(record.values[0], self._target, maximize=self._is_maximized)


def _seeds(seed: int | None, count: int) -> list[int]:
    """Return seeds of repetitions, the same for all trials and all runs with this seed."""
    return [random.Random(f"{seed or 0}:repeat:{at}").getrandbits(32) for at in range(count)]


def _error_of_others(frozen: FrozenTrial) -> TrialError | None:
    return TrialError("killed", "", ENDED_BY_OTHERS) if frozen.state is TrialState.FAIL else None


def waiting_of(trial: FrozenTrial) -> WaitingTrial:
    """Return a trial that waits, as a line has it."""
    attributes = trial.system_attrs
    return read_waiting(trial.number, attributes.get(ENQUEUED_KEY), attributes.get(SEAT_KEY))

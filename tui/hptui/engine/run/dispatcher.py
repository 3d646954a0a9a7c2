"""Where slots and study meet: asks for trials, answers what they ask, tells how they ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from optuna.exceptions import UpdateFinishedTrialError

from hptui.domain.attribute_keys import RETRY_KEY
from hptui.engine.run.clock import now
from hptui.engine.run.events import (
    AskRefused,
    ExtendRequested,
    NoWorker,
    StopRequested,
    Tick,
    TrialFinished,
    TrialStarted,
)
from hptui.engine.run.outcome import TrialError, failed
from hptui.engine.run.storage_answers import StorageAnswers
from hptui.engine.run.study_trials import ENDED_BY_OTHERS
from hptui.engine.workers.machine.peak_memory import peak_of
from hptui.engine.workers.scratch import clear_scratch
from hptui.errors import HptuiError, SamplerError, StudyBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.engine.ipc.protocol import Channel, Message
    from hptui.engine.run.background import Lane
    from hptui.engine.run.commits import Commits
    from hptui.engine.run.events import Event
    from hptui.engine.run.observer import Pace
    from hptui.engine.run.open_run import Run
    from hptui.engine.run.study_trials import LiveTrial
    from hptui.engine.workers.worker_manager import Death, Slot, WorkerManager

_log = logging.getLogger("hptui.engine")

_UNSENDABLE = (ValueError, TypeError, RecursionError)
_REFRESH_S = 0.02
"""Rows of other programs are noticed this much later at most; looking costs 60 us a time."""
_HAS_ENDED: Final = "The trial has been ended."
_NOT_BEGUN: Final = "The run ended before this trial, which was asked for ahead, had begun."


@dataclass(slots=True, eq=False)
class Dispatcher:
    """Serves the slots of one run with trials of its study.

    What the sampler and the pruner do goes into a lane each, and may take as long as it likes.
    """

    run: Run
    worker_manager: WorkerManager
    commits: Commits
    pace: Pace
    sampler: Lane
    pruner: Lane
    feed: Callable[[Event], None]
    """Tells the rules what has happened."""
    fail: Callable[[HptuiError], None]
    """Ends the run with an error, after what is running."""
    release: Callable[[Slot], None]
    """Makes a slot free after its trial."""
    goes_on: Callable[[], bool] = lambda: False
    """Says whether the run still starts trials."""
    storage: StorageAnswers = field(init=False)
    _ahead: LiveTrial | None = None
    """The trial that was asked for ahead, for the next slot that is free."""
    _refresh_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.storage = StorageAnswers(self.run.storage, self.run.trials)

    # -- asking

    def ask(self, index: int) -> TrialStarted | AskRefused | NoWorker:
        """Take a trial for a slot, if the study file gives one now; it begins once it is asked."""
        slot = self.worker_manager.slots.get(index)
        if slot is None or slot.worker is None:
            return NoWorker(index)
        live = self._take_ahead()
        if live is None:
            live = self._begin()
            if live is None:
                return AskRefused(index)
            self._meet(live)
        slot.number, live.slot = live.number, index
        slot.log = self.run.log_of(live.number)
        self.run.trials.live[live.number] = live
        place = slot.worker.process.place
        if place is not None:
            self.run.trials.note_place(live, place.to_json())
        if live.known is not None:
            self._send_order(slot, live)
        self.commits.touch()
        return TrialStarted(index, live.number)

    def note_kept(self, slot: Slot, folder: str) -> None:
        """Store where a trial has left files that the study's folder cannot have."""
        live = None if slot.number is None else self.run.trials.live.get(slot.number)
        place = None if slot.worker is None else slot.worker.process.place
        if live is not None and live.end is None and place is not None:
            self.run.trials.note_place(live, {**place.to_json(), "folder": folder})

    def ask_ahead(self) -> None:
        """Ask for the trial that the next free slot will run, once the sampler has time for it."""
        if self._ahead is None and self.sampler.is_free:
            self._ahead = self._begin()
            if self._ahead is not None:
                self._meet(self._ahead)
                self.commits.touch()

    def _take_ahead(self) -> LiveTrial | None:
        """Return the trial that was asked for ahead; it starts now."""
        live, self._ahead = self._ahead, None
        if live is not None:
            live.started_s = now()
            try:
                self.run.storage.set_trial_start(live.trial_id)
            except UpdateFinishedTrialError:
                # Another program has ended it meanwhile.
                return None
        return live

    def _begin(self) -> LiveTrial | None:
        try:
            self._look_for_others()
            return self.run.trials.begin()
        except StudyBusyError as error:
            self.commits.block(error.message)
        except HptuiError as error:
            self.commits.give_up(error)
        return None

    def _look_for_others(self) -> None:
        """Take in what other programs have written to the study."""
        time_s = now()
        if time_s >= self._refresh_at_s:
            self._refresh_at_s = time_s + _REFRESH_S
            self.run.storage.refresh()

    def _meet(self, live: LiveTrial) -> None:
        live.asked_s = now()
        self.sampler.do(partial(self.run.trials.meet, live), partial(self._met, live))

    def _met(self, live: LiveTrial, result: Any) -> None:  # noqa: ANN401 - a trial, or an error
        """Go on with a trial that the sampler knows now."""
        live.asked_s = None
        is_ahead = live is self._ahead
        slot = None if live.slot is None else self.worker_manager.slots.get(live.slot)
        if slot is not None and slot.number != live.number:
            slot = None
        if isinstance(result, Exception):
            self._blame(result)
            self._ahead = None if is_ahead else self._ahead
            if is_ahead or slot is not None:
                self._finish(live, failed(_error_of(result)), slot)
            return
        live.known = result
        if slot is not None and live.number in self.run.trials.live:
            self._send_order(slot, live)

    def _send_order(self, slot: Slot, live: LiveTrial) -> None:
        """Hand a trial to the worker of its slot."""
        try:
            if slot.ending is not None:
                self.worker_manager.send(slot, {"op": "skip", "n": live.number})
                return
            order = self.run.trials.order(live)
            order["log"] = slot.log
            order["scratch"] = self.run.scratch_of(live.number)
            self.worker_manager.send(slot, order)
        except _UNSENDABLE as error:
            # Another program may have enqueued it with any attributes.
            slot.ending = ("exception", f"The trial's attributes cannot be sent. {error}")
            self.worker_manager.send(slot, {"op": "skip", "n": live.number})

    def _blame(self, error: Exception) -> None:
        """End the run for what the sampler has raised."""
        _log.error("the sampler failed", exc_info=error)
        if isinstance(error, HptuiError):
            self.fail(error)
        else:
            self.fail(HptuiError(f"The sampler failed. {type(error).__name__}: {error}"))

    # -- while a trial runs

    def take(self, slot: Slot, message: Message, channel: Channel) -> None:
        """Do what a slot's trial asks or tells; what cannot be done ends the trial.

        Args:
            slot: The slot.
            message: What has arrived.
            channel: Where from: the worker, or a process that its trial has started.
        """
        if message.get("op") == "done":
            answer = self._take_end(slot, message, channel)
        else:
            answer = self._guarded(slot, message, lambda: self._do(slot, message, channel))
        if answer is not None and "q" in message:
            self._answer(channel, answer, message["q"])

    def _guarded(
        self, slot: Slot, message: Message, do: Callable[[], Message | None]
    ) -> Message | None:
        try:
            return do()
        except UpdateFinishedTrialError:
            if slot.ending is None:
                self.worker_manager.end(slot, "killed", ENDED_BY_OTHERS, force=False)
            return self._stop(slot, ENDED_BY_OTHERS)
        except SamplerError as error:
            self._blame(error)
            return {"error": error.answer}
        except HptuiError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this trial's failure
            # A name or a value that neither JSON nor the file can hold, or a forged message.
            _log.exception("trial %s: %r", slot.number, message.get("op"))
            why = f"The study cannot hold what the trial sent. {type(error).__name__}: {error}"
            slot.ending = ("exception", why)
            answer = self._stop(slot, why)
            if "q" not in message:
                self.worker_manager.send(slot, answer)
            return answer

    def take_of_callback(self, message: Message, channel: Channel) -> None:
        """Do what a callback asks of the study."""
        answer: Message = {"v": None}
        match message.get("op"):
            case "stop_study":
                self.feed(StopRequested(reason="callback_stop"))
            case "methods":
                answer = self.run.methods()
            case "storage":
                answer = self.storage.answer(None, message)
                if self.storage.writes(message):
                    self.commits.touch()
                    self.feed(Tick())
            case other:
                _log.warning("a callback sent %r", other)
        if "q" in message:
            self._answer(channel, answer, message["q"])

    def _answer(self, channel: Channel, answer: Message, asked: object) -> None:
        try:
            self.worker_manager.answer(channel, {**answer, "q": asked})
        except _UNSENDABLE as error:
            # Attributes of a study that are too long or too deep for a message.
            self.worker_manager.answer(
                channel, {"error": [type(error).__name__, str(error)], "q": asked}
            )

    def _stop(self, slot: Slot, why: str) -> Message:
        return {"stop": why, "n": slot.number}

    def _do(self, slot: Slot, message: Message, channel: Channel) -> Message | None:
        """Do what a trial asks; None where the answer comes later."""
        trials = self.run.trials
        operation = message.get("op")
        live = trials.live.get(int(message["n"]))
        if live is None or live.end is not None or slot.number != live.number:
            # A trial that has ended since: who asks learns it from this answer.
            return {"stop": _HAS_ENDED, "n": message["n"]}
        answer: Message | None = None
        match operation:
            case "suggest" | "relative" | "prune":
                return self._consult(slot, live, message, channel)
            case "stop_study":
                self.feed(StopRequested(reason="objective_stop"))
            case "storage":
                answer = self.storage.answer(live, message)
            case "methods":
                answer = self.run.methods()
            case _:
                trials.take(live, message)
        self.commits.touch()
        return {"v": None} if answer is None else answer

    def _consult(
        self, slot: Slot, live: LiveTrial, message: Message, channel: Channel
    ) -> Message | None:
        """Have the sampler or the pruner find what a trial asks for; the answer comes later."""
        trials = self.run.trials
        lane, take_in = self.sampler, _as_it_is
        match message["op"]:
            case "suggest":
                name, fields = str(message["name"]), message["d"]
                if lane.is_held_up and not trials.needs_sampler(live, name, fields):
                    self.commits.touch()
                    return trials.suggested(live, trials.suggest(live, name, fields))
                work = partial(trials.suggest, live, name, fields)
                take_in = partial(trials.suggested, live)
            case "relative":
                work = partial(trials.relative_params, live)
            case _:
                work = partial(trials.should_prune, live)
                if not trials.is_pruning_shared:
                    lane = self.pruner
        if lane is self.sampler:
            live.asked_s = now()
        lane.do(work, partial(self._consulted, slot, live, message, channel, take_in))
        return None

    def _consulted(
        self,
        slot: Slot,
        live: LiveTrial,
        message: Message,
        channel: Channel,
        take_in: Callable[[Any], Message],
        result: Any,  # noqa: ANN401 - what was found, or an error
    ) -> None:
        live.asked_s = None

        def taken_in() -> Message:
            if isinstance(result, Exception):
                raise result
            return take_in(result)

        if self.run.trials.live.get(live.number) is not live or slot.number != live.number:
            answer: Message | None = {"stop": _HAS_ENDED, "n": live.number}
            if isinstance(result, SamplerError):
                self._blame(result)
        else:
            answer = self._guarded(slot, message, taken_in)
            self.commits.touch()
        if answer is not None and "q" in message:
            self._answer(channel, answer, message["q"])

    # -- how trials end

    def _take_end(self, slot: Slot, message: Message, channel: Channel) -> Message:
        if channel in slot.guests:
            return {"error": ["RuntimeError", "Only the worker of a trial can end it."]}
        number = message.get("n")
        live = None if slot.number is None else self.run.trials.live.get(slot.number)
        is_new = live is not None and live.end is None and not slot.is_done
        if live is not None and is_new and (number == live.number or not isinstance(number, int)):
            self._end(slot, live, message)
        return {"v": None}

    def _end(self, slot: Slot, live: LiveTrial, message: Message) -> None:
        is_spent = bool(message.get("spent"))
        is_refused = slot.ending is not None and slot.ending[0] == "exception"
        is_answered = live.answered_by is not None and slot.ending is None
        if message.get("state") == "ended" and is_answered:
            message = self.run.trials.answered(live)
        elif message.get("state") == "ended" or is_refused:
            kind, text = slot.ending or ("killed", str(message.get("message", "")))
            message = failed(TrialError(kind, "", text))
        if is_spent and slot.worker is not None:
            slot.worker.process.is_retired = True
        slot.is_done = True
        if slot.peak > peak_of(message):
            message = {**message, "peak": slot.peak}
        self._finish(live, message, slot)

    def on_worker_exit(self, death: Death) -> None:
        """Tell the study of a trial whose worker is gone, and remove what it has left."""
        live = self.run.trials.live.get(death.number)
        if live is None:
            return
        if live.end is not None:
            # It had ended before; the sampler is still to hear of it.
            self._store(live, death.slot, None)
            return
        clear_scratch(Path(self.run.scratch_of(live.number)))
        ended = {**failed(death.error), "peak": death.peak}
        self._finish(live, ended, None, index=death.slot)

    def _finish(
        self, live: LiveTrial, ended: Message, slot: Slot | None, *, index: int | None = None
    ) -> None:
        """Tell sampler and study how a trial has ended.

        Args:
            live: The trial.
            ended: How, as a worker tells it.
            slot: The slot that is free then; None where its worker is gone, or where it has none.
            index: The slot that the trial was in, where that is not `slot`.
        """
        trials = self.run.trials
        try:
            live.end = trials.ending(live, ended)
        except HptuiError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this trial's failure
            _log.exception("the end of trial %d", live.number)
            problem = f"{type(error).__name__}: {error}"
            why = f"The worker's last message tells no end of a trial. {problem}"
            live.end = trials.ending(live, failed(TrialError("exception", "", why)))
        index = slot.index if slot is not None else index
        store = partial(self._store, live, index, slot)
        if live.end is None:
            store()
            return
        # While the sampler thinks about other trials, what is known of this one is not withheld.
        heard = partial(self._heard_end, store)
        self.sampler.do(partial(trials.hear_end, live.end), heard, if_held_up=store)

    def _heard_end(self, store: Callable[[], None], result: Any) -> None:  # noqa: ANN401
        store()
        if isinstance(result, Exception):
            self._blame(result)
        if self.run.trials.is_exhausted:
            self.feed(StopRequested(reason="exhausted"))

    def _store(self, live: LiveTrial, index: int | None, slot: Slot | None) -> None:
        """Store and announce how a trial has ended, once."""
        trials = self.run.trials
        if live.is_stored:
            return
        live.is_stored = True
        record = trials.finish(live)
        self.commits.unannounced.append(record)
        self.commits.touch()
        self.pace.add(now())
        if record.error is not None and record.error.kind == "lost":
            self._repeat_lost(record.number)
        if index is not None:
            reaches_target = trials.reaches_target(record)
            self.feed(TrialFinished(index, record.number, reaches_target, record.error))
        refusal = trials.watch.refusal_of(record.number)
        if record.error is not None and refusal is not None:
            self.fail(refusal)
        if trials.is_exhausted:
            # Before the slot asks for another one.
            self.feed(StopRequested(reason="exhausted"))
        if slot is not None:
            self.release(slot)

    def _repeat_lost(self, number: int) -> None:
        """Enqueue a trial again whose machine is to blame; it counts as one in the budget."""
        far = self.run.plan.far
        n_before, earlier = 0, self.run.trial_of(number).system_attrs.get(RETRY_KEY)
        while isinstance(earlier, int):
            n_before += 1
            earlier = self.run.trial_of(earlier).system_attrs.get(RETRY_KEY)
        if far is None or n_before >= far.retries or not self.goes_on():
            return
        try:
            self.run.retries.add({number})
        except StudyBusyError:
            _log.warning("trial %d could not be enqueued again", number)
            return
        self.feed(ExtendRequested(1))

    def close(self) -> None:
        """Store what the sampler was to hear first, and end the trial that was asked for ahead."""
        for live in list(self.run.trials.live.values()):
            if live.end is not None:
                self._store(live, None, None)
        live, self._ahead = self._ahead, None
        if live is not None:
            live.end = self.run.trials.ending(
                live, failed(TrialError("interrupted", "", _NOT_BEGUN))
            )
            self._store(live, None, None)


def _as_it_is(answer: Message) -> Message:
    return answer


def _error_of(error: Exception) -> TrialError:
    if isinstance(error, SamplerError):
        kind, message = error.answer
        return TrialError("exception", kind, message, error.detail)
    return TrialError("exception", type(error).__name__, str(error))

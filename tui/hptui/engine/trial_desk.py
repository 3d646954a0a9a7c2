"""Where slots and study meet: asks for trials, answers what they ask, tells how they ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from optuna.exceptions import UpdateFinishedTrialError

from hptui.engine.clock import now
from hptui.engine.outcome import TrialError, failed
from hptui.engine.run_events import (
    AskRefused,
    NoWorker,
    StopRequested,
    Tick,
    TrialFinished,
    TrialStarted,
)
from hptui.engine.scratch import clear_scratch
from hptui.engine.storage_desk import StorageDesk
from hptui.engine.trials import ENDED_BY_OTHERS
from hptui.errors import HptuiError, StudyBusyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.engine.commits import Commits
    from hptui.engine.crew import Crew, Death, Slot
    from hptui.engine.protocol import Channel, Message
    from hptui.engine.report import Pace
    from hptui.engine.run import Run
    from hptui.engine.run_events import Event
    from hptui.engine.trials import LiveTrial

_log = logging.getLogger("hptui.engine")

_UNSENDABLE = (ValueError, TypeError, RecursionError)
_SAMPLING = ("suggest", "relative")
_REFRESH_S = 0.02
"""Rows of other programs are noticed this much later at most; looking costs 60 us a time."""


@dataclass(slots=True, eq=False)
class TrialDesk:
    """Serves the slots of one run with trials of its study."""

    run: Run
    crew: Crew
    commits: Commits
    pace: Pace
    feed: Callable[[Event], None]
    """Tells the rules what has happened."""
    fail: Callable[[HptuiError], None]
    """Ends the run with an error, after what is running."""
    storage: StorageDesk = field(init=False)
    _refresh_at_s: float = 0.0

    def __post_init__(self) -> None:
        self.storage = StorageDesk(self.run.storage, self.run.trials)

    def ask(self, index: int) -> TrialStarted | AskRefused | NoWorker:
        """Take a trial and hand it to a slot, if the study file gives one now."""
        slot = self.crew.slots.get(index)
        if slot is None or slot.worker is None:
            return NoWorker(index)
        try:
            self._look_for_others()
            live = self.run.trials.ask()
        except StudyBusyError as error:
            self.commits.block(error.message)
            return AskRefused(index)
        except HptuiError as error:
            self.commits.give_up(error)
            return AskRefused(index)
        slot.number = live.number
        place = slot.worker.host.place
        if place is not None:
            self.run.trials.note_place(live, place.to_json())
        slot.log = self.run.log_of(live.number)
        order = self.run.trials.order(live)
        order["log"] = slot.log
        order["scratch"] = self.run.scratch_of(live.number)
        try:
            self.crew.send(slot, order)
        except _UNSENDABLE as error:
            # Another program may have enqueued it with any attributes.
            slot.ending = ("exception", f"The trial's attributes cannot be sent. {error}")
            self.crew.send(slot, {"op": "skip", "n": live.number})
        self.commits.touch()
        return TrialStarted(index, live.number)

    def _look_for_others(self) -> None:
        """Take in what other programs have written to the study."""
        time_s = now()
        if time_s >= self._refresh_at_s:
            self._refresh_at_s = time_s + _REFRESH_S
            self.run.storage.refresh()

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
            answer = self._take_use(slot, message)
        if "q" in message:
            self._answer(channel, answer, message["q"])

    def _take_use(self, slot: Slot, message: Message) -> Message:
        try:
            return self._do(slot, message)
        except UpdateFinishedTrialError:
            if slot.ending is None:
                self.crew.end(slot, "killed", ENDED_BY_OTHERS, force=False)
            return self._stop(slot, ENDED_BY_OTHERS)
        except HptuiError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this trial's failure
            # A name or a value that neither JSON nor the file can hold, or a forged message.
            _log.exception("trial %s: %r", slot.number, message.get("op"))
            why = f"The study cannot hold what the trial sent. {type(error).__name__}: {error}"
            slot.ending = ("exception", why)
            answer = self._stop(slot, why)
            if "q" not in message:
                self.crew.send(slot, answer)
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
                self.commits.touch()
                self.feed(Tick())
            case other:
                _log.warning("a callback sent %r", other)
        if "q" in message:
            self._answer(channel, answer, message["q"])

    def _answer(self, channel: Channel, answer: Message, asked: object) -> None:
        try:
            self.crew.answer(channel, {**answer, "q": asked})
        except _UNSENDABLE as error:
            # Attributes of a study that are too long or too deep for a message.
            self.crew.answer(channel, {"error": [type(error).__name__, str(error)], "q": asked})

    def _stop(self, slot: Slot, why: str) -> Message:
        return {"stop": why, "n": slot.number}

    def _do(self, slot: Slot, message: Message) -> Message:
        trials = self.run.trials
        operation = message.get("op")
        live = trials.live.get(int(message["n"]))
        if live is None or slot.number != live.number:
            # A trial that has ended since: who asks learns it from this answer.
            return {"stop": "The trial has been ended.", "n": message["n"]}
        answer: Message | None = None
        if operation == "stop_study":
            self.feed(StopRequested(reason="objective_stop"))
        elif operation == "storage":
            answer = self.storage.answer(live, message)
        elif operation == "methods":
            answer = self.run.methods()
        else:
            if operation in _SAMPLING and trials.is_sampler_slow:
                self.commits.let_go()
            answer = trials.answer(live, message)
        self.commits.touch()
        return {"v": None} if answer is None else answer

    def _take_end(self, slot: Slot, message: Message, channel: Channel) -> Message:
        if channel in slot.guests:
            return {"error": ["RuntimeError", "Only the worker of a trial can end it."]}
        number = message.get("n")
        live = None if slot.number is None else self.run.trials.live.get(slot.number)
        if live is not None and (number == live.number or not isinstance(number, int)):
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
            slot.worker.host.is_retired = True
        self._tell(slot.index, live, message)
        self.crew.release(slot)

    def bury(self, death: Death) -> None:
        """Tell the study of a trial whose worker is gone, and remove what it has left."""
        live = self.run.trials.live.get(death.number)
        if live is not None:
            clear_scratch(Path(self.run.scratch_of(live.number)))
            self._tell(death.slot, live, failed(death.error))

    def _tell(self, index: int, live: LiveTrial, ended: Message) -> None:
        trials = self.run.trials
        try:
            record = trials.finish(live, ended)
        except HptuiError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, it is this trial's failure
            _log.exception("the end of trial %d", live.number)
            problem = f"{type(error).__name__}: {error}"
            why = f"The worker's last message tells no end of a trial. {problem}"
            record = trials.finish(live, failed(TrialError("exception", "", why)))
        self.commits.unannounced.append(record)
        self.commits.touch()
        self.pace.add(now())
        reaches_target = trials.reaches_target(record)
        self.feed(TrialFinished(index, record.number, reaches_target, record.error))
        refusal = trials.watch.refusal_of(record.number)
        if record.error is not None and refusal is not None:
            self.fail(refusal)
        if trials.is_exhausted:
            self.feed(StopRequested(reason="exhausted"))

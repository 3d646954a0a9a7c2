"""The rules of a run: events in, instructions out; no clock, no process, no file.

The engine's loop performs what it is told here. `now_s` is a monotonic time that the caller
passes in, so every order of events can be tried without waiting.
"""

from __future__ import annotations

import heapq
import re
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import TYPE_CHECKING

from hptui.engine.run.events import (
    Ask,
    AskRefused,
    CloseSlot,
    EndTrial,
    ExtendRequested,
    Finish,
    InterruptRequested,
    KillRequested,
    LimitRequested,
    MemoryExceeded,
    NoWorker,
    OpenSlot,
    PauseRequested,
    ResumeRequested,
    SlotReady,
    StopRequested,
    StorageChanged,
    Tick,
    TrialFinished,
    TrialFollowed,
    TrialStarted,
    WorkersRequested,
)

if TYPE_CHECKING:
    from hptui.engine.run.events import EndReason, Event, Instruction
    from hptui.engine.run.outcome import ErrorKind, TrialError

SAME_FAILURES_TO_STOP = 10
FORCE_AFTER_S = 3.0
"""How long a process that was asked to end may take, unless a budget says otherwise."""
_MANY = 256
"""So many deadlines of trials that have ended are kept before they are thrown away."""


class Phase(Enum):
    """What a run is doing."""

    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Budget:
    """When a run ends; several limits give the first one reached."""

    n_trials: int | None = None
    """Trials to start in this run; those that are pruned or fail count."""
    timeout_s: float | None = None
    target: float | None = None
    trial_timeout_s: float | None = None
    timeout_grace_s: float = 5.0
    """How long running trials may go on after `timeout_s`."""
    interrupt_grace_s: float = 2.0
    """How long running trials may go on after the first Ctrl+C."""
    force_after_s: float = FORCE_AFTER_S
    """How long a trial that was asked to end may take before its process is killed."""


@dataclass(slots=True)
class _Slot:
    is_ready: bool = False
    number: int | None = None
    started_s: float = 0.0
    asked_to_end_s: float | None = None
    is_forced: bool = False
    kind: ErrorKind = "killed"
    text: str = ""


@dataclass(slots=True)
class Rules:
    """The state of one run, advanced by `step`."""

    budget: Budget
    n_workers: int
    started_s: float
    phase: Phase = Phase.RUNNING
    reason: EndReason = "trials"
    asked: int = 0
    is_blocked: bool = False
    interrupts: int = 0
    end_running_at_s: float | None = None
    end_kind: ErrorKind = "interrupted"
    end_text: str = ""
    slots: dict[int, _Slot] = field(default_factory=dict[int, _Slot])
    is_followed: bool = False
    """Whether a slot waits, after each trial, until callbacks have been called with that."""
    followed_in: dict[int, int] = field(default_factory=dict[int, int])
    """Trials that callbacks have not been called with yet, and the slots that wait for it."""
    _busy: dict[int, _Slot] = field(default_factory=dict[int, _Slot])
    """The slots that run a trial."""
    _ready: set[int] = field(default_factory=set[int])
    """Those that wait for one and have a worker."""
    _asking: set[int] = field(default_factory=set[int])
    """Those for which one was asked for."""
    _deadlines: list[tuple[float, int, int]] = field(default_factory=list[tuple[float, int, int]])
    """A heap of times at which a trial is looked at: the time, its slot, its number."""
    _looks_at_all: bool = False
    """Whether the next step looks at all trials."""
    _failures: list[str] = field(default_factory=list[str])
    _is_past_first_failures: bool = False

    def __post_init__(self) -> None:
        self.slots = {index: _Slot() for index in range(self.n_workers)}

    @property
    def n_left(self) -> int | None:
        """How many trials may still be started; None without a limit."""
        return None if self.budget.n_trials is None else max(0, self.budget.n_trials - self.asked)

    @property
    def may_ask_ahead(self) -> bool:
        """Whether a trial may be made that the next free slot will run: none is free now."""
        is_going_on = self.phase is Phase.RUNNING and not self.is_blocked and self.n_left != 0
        return is_going_on and len(self._busy) == len(self.slots)

    @property
    def running(self) -> dict[int, int]:
        """The trial number each busy slot runs."""
        return {
            index: slot.number
            for index, slot in sorted(self._busy.items())
            if slot.number is not None
        }

    def step(self, event: Event, now_s: float) -> list[Instruction]:  # noqa: C901 - one table
        """Advance the run by one event and say what must be done now."""
        out: list[Instruction] = []
        match event:
            case SlotReady(slot):
                if slot in self.slots:
                    self._make_ready(slot)
            case TrialStarted(slot, number):
                self._start(slot, number, now_s)
            case AskRefused(slot):
                self.asked -= 1
                self.is_blocked = True
                self._asking.discard(slot)
                self._make_ready(slot)
            case NoWorker(slot):
                self.asked -= 1
                self._asking.discard(slot)
            case TrialFinished():
                self._finish_trial(event)
            case TrialFollowed(number):
                self.followed_in.pop(number, None)
            case PauseRequested():
                if self.phase is Phase.RUNNING:
                    self.phase = Phase.PAUSED
            case ResumeRequested():
                if self.phase is Phase.PAUSED:
                    self.phase = Phase.RUNNING
            case StopRequested(now, reason):
                self._stop(reason)
                if now:
                    text = "Ended by stop --now." if reason == "stopped" else "The run had to end."
                    self._end_running(now_s, "interrupted", text)
            case InterruptRequested():
                self._interrupt(now_s)
            case KillRequested(number):
                for index, slot in self._busy.items():
                    if slot.number == number and slot.asked_to_end_s is None:
                        taken = max(0.0, now_s - slot.started_s)
                        slot.kind, slot.text = "killed", f"Killed by you after {taken:.3g} s."
                        self._ask_to_end(index, slot, now_s)
                        out.append(self._end(number, force=False))
            case MemoryExceeded(number, text):
                for slot in self._busy.values():
                    if slot.number == number:
                        if slot.asked_to_end_s is None:
                            slot.kind, slot.text = "memory", text
                        slot.asked_to_end_s, slot.is_forced = now_s, True
                        out.append(self._end(number, force=True))
            case WorkersRequested(n_workers):
                out += self._resize(n_workers)
            case ExtendRequested(n_trials):
                if self.budget.n_trials is not None:
                    # What has begun is not taken back.
                    total = max(self.asked, self.budget.n_trials + n_trials)
                    self.budget = replace(self.budget, n_trials=total)
            case LimitRequested(after_s):
                ends_s = None if after_s is None else now_s - self.started_s + after_s
                self.budget = replace(self.budget, timeout_s=ends_s)
            case StorageChanged(is_blocked):
                self.is_blocked = is_blocked
            case Tick():
                pass
        return out + self._settle(now_s)

    def next_deadline_s(self) -> float | None:
        """Return the time of the next thing that happens by itself."""
        times: list[float] = []
        timeout_s = self.budget.timeout_s
        if timeout_s is not None and self.phase is not Phase.ENDED:
            ends_s = self.started_s + timeout_s
            # Once it has passed, running trials are ended at the end of its grace or before.
            if self.end_running_at_s is None or ends_s + self.budget.timeout_grace_s < (
                self.end_running_at_s
            ):
                times.append(ends_s)
        while self._deadlines and self._is_void(self._deadlines[0]):
            heapq.heappop(self._deadlines)
        if self._deadlines:
            times.append(self._deadlines[0][0])
        if self.end_running_at_s is not None and (
            self.followed_in or any(slot.asked_to_end_s is None for slot in self._busy.values())
        ):
            times.append(self.end_running_at_s)
        return min(times, default=None)

    def _is_void(self, deadline: tuple[float, int, int]) -> bool:
        """Say whether nothing happens at a time any more: the trial has ended, or is ending."""
        at_s, index, number = deadline
        slot = self._busy.get(index)
        if slot is None or slot.number != number or slot.is_forced:
            return True
        asked_s = slot.asked_to_end_s
        return asked_s is not None and at_s != asked_s + self.budget.force_after_s

    def _make_ready(self, index: int) -> None:
        self.slots[index].is_ready = True
        if index not in self._busy:
            self._ready.add(index)

    def _start(self, index: int, number: int, now_s: float) -> None:
        slot = self.slots[index] = self._busy[index] = _Slot(number=number, started_s=now_s)
        self._asking.discard(index)
        self._ready.discard(index)
        if self.budget.trial_timeout_s is not None:
            at_s = slot.started_s + self.budget.trial_timeout_s
            heapq.heappush(self._deadlines, (at_s, index, number))
            if len(self._deadlines) > _MANY + 4 * len(self._busy):
                # Of a million short trials under a long limit few are left.
                self._deadlines = [each for each in self._deadlines if not self._is_void(each)]
                heapq.heapify(self._deadlines)

    def _ask_to_end(self, index: int, slot: _Slot, now_s: float) -> None:
        assert slot.number is not None
        slot.asked_to_end_s = now_s
        at_s = now_s + self.budget.force_after_s
        heapq.heappush(self._deadlines, (at_s, index, slot.number))

    def _stop(self, reason: EndReason) -> None:
        if self.phase in (Phase.RUNNING, Phase.PAUSED):
            self.phase = Phase.STOPPING
            self.reason = reason
        if reason in ("error", "objective"):
            # A callback that has failed is called no more, nor are those after it.
            self.is_followed = False
            self.followed_in.clear()

    def _end_running(self, at_s: float, kind: ErrorKind, text: str) -> None:
        if self.end_running_at_s is None or at_s < self.end_running_at_s:
            self.end_running_at_s = at_s
            self.end_kind, self.end_text = kind, text

    def _interrupt(self, now_s: float) -> None:
        self.interrupts += 1
        self._stop("interrupted")
        self.reason = "interrupted"
        grace = self.budget.interrupt_grace_s if self.interrupts == 1 else 0.0
        self._end_running(now_s + grace, "interrupted", "The run was interrupted.")
        if self.interrupts > 1:
            self._looks_at_all = True
            for slot in self._busy.values():
                if slot.asked_to_end_s is not None:
                    slot.asked_to_end_s = now_s - self.budget.force_after_s

    def _finish_trial(self, event: TrialFinished) -> None:
        self._busy.pop(event.slot, None)
        if event.slot in self.slots:
            # Its next worker may have come before the sampler had heard of this end.
            slot = self.slots[event.slot] = _Slot(is_ready=self.slots[event.slot].is_ready)
            if slot.is_ready:
                self._ready.add(event.slot)
        if event.slot >= self.n_workers:
            self._remove(event.slot)
        if self.is_followed:
            self.followed_in[event.number] = event.slot
        if event.reaches_target:
            self._stop("target")
        if event.error is None or event.error.kind in ("killed", "interrupted", "lost"):
            self._is_past_first_failures |= event.error is None
        elif not self._is_past_first_failures:
            self._failures.append(_same_error_key(event.error))
            if len(self._failures) >= SAME_FAILURES_TO_STOP:
                self._is_past_first_failures = True
                if len(set(self._failures)) == 1:
                    self._stop("failing")

    def _resize(self, n_workers: int) -> list[Instruction]:
        out: list[Instruction] = []
        for index in range(n_workers):
            if index not in self.slots:
                self.slots[index] = _Slot()
                out.append(OpenSlot(index))
        for index in [index for index in self.slots if index >= n_workers]:
            # A busy slot goes when its trial has ended.
            if self.slots[index].number is None:
                self._remove(index)
                out.append(CloseSlot(index))
        self.n_workers = n_workers
        return out

    def _remove(self, index: int) -> None:
        self.slots.pop(index, None)
        self._ready.discard(index)
        self._asking.discard(index)

    def _end(self, number: int, *, force: bool) -> EndTrial:
        index = next(i for i, slot in self._busy.items() if slot.number == number)
        slot = self.slots[index]
        return EndTrial(index, number, slot.kind, slot.text, force)

    def _settle(self, now_s: float) -> list[Instruction]:
        """Do what is due at this time in this state."""
        if self.phase is Phase.ENDED:
            return []
        out: list[Instruction] = []
        timeout_s = self.budget.timeout_s
        if timeout_s is not None and now_s >= self.started_s + timeout_s:
            if self.phase is not Phase.STOPPING:
                self._stop("timeout")
            self._end_running(
                self.started_s + timeout_s + self.budget.timeout_grace_s,
                "timeout",
                f"The run's time limit of {timeout_s:g} s had passed.",
            )
        for index in self._due(now_s):
            out += self._settle_trial(index, self._busy[index], now_s)
        if self.end_running_at_s is not None and now_s >= self.end_running_at_s:
            self.followed_in.clear()
        if self.phase is Phase.RUNNING and not self.is_blocked:
            out += self._fill()
        if self._is_over():
            self.phase = Phase.ENDED
            out.append(Finish(self.reason))
        return out

    def _due(self, now_s: float) -> list[int]:
        """Return the slots whose trials are to be looked at now."""
        due: set[int] = set()
        while self._deadlines and self._deadlines[0][0] <= now_s:
            _, index, number = heapq.heappop(self._deadlines)
            slot = self._busy.get(index)
            if slot is not None and slot.number == number:
                due.add(index)
        if self._looks_at_all or (
            self.end_running_at_s is not None and now_s >= self.end_running_at_s
        ):
            self._looks_at_all = False
            due = set(self._busy)
        return sorted(due)

    def _fill(self) -> list[Instruction]:
        """Ask for a trial for each slot that waits, as far as the budget goes."""
        if not self._ready:
            return []
        out: list[Instruction] = []
        waiting = set(self.followed_in.values())
        for index in sorted(self._ready - waiting):
            if self.n_left != 0 and index < self.n_workers:
                self.slots[index].is_ready = False
                self._ready.discard(index)
                self._asking.add(index)
                self.asked += 1
                out.append(Ask(index))
        return out

    def _is_over(self) -> bool:
        if self._asking or self._busy:
            return False
        if self.followed_in:
            return False
        return self.phase is Phase.STOPPING or self.n_left == 0

    def _settle_trial(self, index: int, slot: _Slot, now_s: float) -> list[Instruction]:
        assert slot.number is not None
        if slot.asked_to_end_s is not None:
            if slot.is_forced or now_s < slot.asked_to_end_s + self.budget.force_after_s:
                return []
            slot.is_forced = True
            return [self._end(slot.number, force=True)]
        limit_s = self.budget.trial_timeout_s
        if limit_s is not None and now_s >= slot.started_s + limit_s:
            slot.kind, slot.text = "timeout", f"The trial's time limit of {limit_s:g} s had passed."
        elif self.end_running_at_s is not None and now_s >= self.end_running_at_s:
            slot.kind, slot.text = self.end_kind, self.end_text
        else:
            return []
        self._ask_to_end(index, slot, now_s)
        if self.interrupts > 1:
            slot.is_forced = True
        return [self._end(slot.number, force=slot.is_forced)]


def _same_error_key(error: TrialError) -> str:
    # Numbers, addresses and paths in a message differ from trial to trial.
    return f"{error.kind} {error.type} {re.sub(r'0x[0-9a-f]+|[0-9.e+-]*[0-9]', '#', error.message)}"

"""What happens in a run, and what the rules have the engine do about it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from hptui.engine.run.outcome import ErrorKind, TrialError

EndReason = Literal[
    "trials",
    "timeout",
    "target",
    "stopped",
    "interrupted",
    "exhausted",
    "objective_stop",
    "callback_stop",
    "failing",
    "objective",
    "error",
]


@dataclass(frozen=True, slots=True)
class SlotReady:
    """A slot's worker waits for a trial."""

    slot: int


@dataclass(frozen=True, slots=True)
class TrialStarted:
    """A trial was handed to a slot."""

    slot: int
    number: int


@dataclass(frozen=True, slots=True)
class AskRefused:
    """No trial could be had for a slot: the storage does not take one now."""

    slot: int


@dataclass(frozen=True, slots=True)
class NoWorker:
    """A slot got no trial, since its worker is gone; `SlotReady` tells of the next one."""

    slot: int


@dataclass(frozen=True, slots=True)
class TrialFinished:
    """A trial has ended; its slot has a worker only if `SlotReady` came since its start."""

    slot: int
    number: int
    reaches_target: bool = False
    error: TrialError | None = None


@dataclass(frozen=True, slots=True)
class TrialFollowed:
    """The callbacks have been called with a trial that has ended."""

    number: int


@dataclass(frozen=True, slots=True)
class PauseRequested:
    """Start no new trials for now."""


@dataclass(frozen=True, slots=True)
class ResumeRequested:
    """Go on after a pause."""


@dataclass(frozen=True, slots=True)
class StopRequested:
    """End the run: after the running trials, or with `now` by ending them."""

    now: bool = False
    reason: EndReason = "stopped"


@dataclass(frozen=True, slots=True)
class InterruptRequested:
    """Ctrl+C or a signal: the first gives running trials a moment, the second none."""


@dataclass(frozen=True, slots=True)
class KillRequested:
    """End one running trial."""

    number: int


@dataclass(frozen=True, slots=True)
class MemoryExceeded:
    """A running trial takes more memory than it may."""

    number: int
    text: str


@dataclass(frozen=True, slots=True)
class WorkersRequested:
    """Use this many slots from now on."""

    n_workers: int


@dataclass(frozen=True, slots=True)
class ExtendRequested:
    """Add trials to the budget."""

    n_trials: int


@dataclass(frozen=True, slots=True)
class LimitRequested:
    """End the run after a time from now, instead of what was said before; None for never."""

    after_s: float | None


@dataclass(frozen=True, slots=True)
class StorageChanged:
    """The storage takes writes, or it does not for now."""

    is_blocked: bool


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    SlotReady
    | TrialStarted
    | AskRefused
    | NoWorker
    | TrialFinished
    | TrialFollowed
    | PauseRequested
    | ResumeRequested
    | StopRequested
    | InterruptRequested
    | KillRequested
    | MemoryExceeded
    | WorkersRequested
    | ExtendRequested
    | LimitRequested
    | StorageChanged
    | Tick
)


@dataclass(frozen=True, slots=True)
class Ask:
    """Ask for a trial and run it in this slot."""

    slot: int


@dataclass(frozen=True, slots=True)
class EndTrial:
    """End the trial that this slot runs; with `force` at once."""

    slot: int
    number: int
    kind: ErrorKind
    text: str
    force: bool = False


@dataclass(frozen=True, slots=True)
class OpenSlot:
    """Give this slot a worker."""

    slot: int


@dataclass(frozen=True, slots=True)
class CloseSlot:
    """Take this idle slot's worker away."""

    slot: int


@dataclass(frozen=True, slots=True)
class Finish:
    """The run is over."""

    reason: EndReason


Instruction = Ask | EndTrial | OpenSlot | CloseSlot | Finish

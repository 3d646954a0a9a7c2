"""What an engine tells about its run: to the command line, and to clients over the socket."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.engine.run.events import EndReason
    from hptui.engine.run.study_trials import Best, Counts, TrialRecord

_RATE_WINDOW = 200

REASON_TEXTS: Mapping[EndReason, str] = {
    "trials": "All trials of this run have ended.",
    "timeout": "The time limit was reached.",
    "target": "The target was reached.",
    "stopped": "Stopped by you.",
    "interrupted": "Interrupted.",
    "exhausted": "The sampler has nothing left to try.",
    "objective_stop": "The objective stopped the study.",
    "callback_stop": "A callback stopped the study.",
    "failing": "The first ten trials all failed with the same error.",
    "objective": "The objective can no longer run.",
    "error": "The run could not continue.",
}


def reason_text(reason: str) -> str:
    """Return the sentence for a stored reason; one of another version of hptui is its own text."""
    return next((text for known, text in REASON_TEXTS.items() if known == reason), reason)


@dataclass(frozen=True, slots=True)
class Started:
    """A run has begun."""

    study: str
    study_file: Path
    objective: str
    directions: tuple[str, ...]
    sampler: str
    pruner: str
    n_slots: int
    backend: str
    n_trials: int | None
    n_waiting: int
    """Trials that are enqueued and will run first."""
    n_stale_trials: int
    """Stale trials, where they were left as they are."""
    notes: tuple[str, ...] = ()
    """What the person should know besides."""


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run stands."""

    state: str
    counts: Counts
    n_running: int
    n_trials: int | None
    rate: float
    """Trials a second, of late."""
    eta_s: float | None
    best: Best | None
    trouble: str
    thinking_s: float | None = None
    """How long the sampler has been thinking; None where it does not take long."""


@dataclass(frozen=True, slots=True)
class Finished:
    """A run has ended; everything announced is in the file."""

    reason: EndReason
    text: str
    counts: Counts
    best: Best | None
    best_params: Mapping[str, Any]
    wall_s: float


class Observer(Protocol):
    """Who wants to know what happens; called from the engine's loop, so it must be quick."""

    def started(self, event: Started) -> None:
        """Take that the run has begun."""
        ...

    def trial(self, record: TrialRecord) -> None:
        """Take a trial that has ended and is in the file."""
        ...

    def progress(self, progress: Progress) -> None:
        """Take where the run stands; told ten times a second at most."""
        ...

    def note(self, text: str) -> None:
        """Take a sentence for the person who watches."""
        ...

    def finished(self, event: Finished) -> None:
        """Take how the run has ended; after it only notes of what follows a run are told."""
        ...


class Announcer(Protocol):
    """Who wants to know of the trials that are in the file."""

    def trial(self, record: TrialRecord) -> None:
        """Take a trial that has ended and is in the file."""
        ...

    def note(self, text: str) -> None:
        """Take a sentence for the person who watches."""
        ...


class Silent:
    """An observer that does nothing; observers may derive from it."""

    def started(self, event: Started) -> None:
        """See `Observer`."""

    def trial(self, record: TrialRecord) -> None:
        """See `Observer`."""

    def progress(self, progress: Progress) -> None:
        """See `Observer`."""

    def note(self, text: str) -> None:
        """See `Observer`."""

    def finished(self, event: Finished) -> None:
        """See `Observer`."""


@dataclass(slots=True)
class Pace:
    """The rate at which trials end, over the latest of them."""

    _ends_s: deque[float] = field(default_factory=lambda: deque[float](maxlen=_RATE_WINDOW))

    def add(self, now_s: float) -> None:
        """Count a trial that has ended."""
        self._ends_s.append(now_s)

    def rate(self, started_s: float, now_s: float) -> float:
        """Return trials a second, 0 before the first has ended."""
        if not self._ends_s:
            return 0.0
        full = len(self._ends_s) == self._ends_s.maxlen
        since = self._ends_s[0] if full else started_s
        return len(self._ends_s) / max(1e-6, now_s - since)

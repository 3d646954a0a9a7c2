"""One moment of a study and of the engine that runs it, complete enough to draw every screen.

`SnapshotMaker` makes it of the trials.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.history import history_of
from hptui.analysis.objectives.front import GrowingFront
from hptui.domain.next_run import NOTHING_PREPARED
from hptui.domain.trial_states import DAMAGED, STATE_NAMES, state_name
from hptui.trials import Trials

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import numpy.typing as npt

    from hptui.analysis.history import History
    from hptui.domain.next_run import NextRun
    from hptui.domain.objective import Direction, ObjectiveRef
    from hptui.domain.study_changes import StudyChange
    from hptui.storage.read.study_detail import RunRecord
    from hptui.storage.read.study_facts import StudyFacts
    from hptui.trials import IntArray


ReadCell = float | str
"""A number, or a text that is safe for a terminal."""


@dataclass(frozen=True, slots=True)
class WorkerLoad:
    """The latest samples of what a worker's processes load, oldest first."""

    cpu: tuple[int, ...] = ()
    """Per cent of one core."""
    memory: tuple[int, ...] = ()
    """Bytes."""
    gpu: tuple[int, ...] = ()
    """Per cent of the time; empty where it has no GPU, or nobody can tell."""


@dataclass(frozen=True, slots=True)
class WorkerStatus:
    """What one worker of a running engine does."""

    index: int
    """From 0."""
    trial: int | None
    running_s: float | None
    step: int | None
    value: float | None
    is_ending: bool
    place: str = ""
    """Its devices and cores, for people; empty where it has none for itself."""
    thinking_s: float | None = None
    """For how long its trial has waited for a sampler that takes long."""
    load: WorkerLoad | None = None
    """None where it is not known, as of workers on other machines."""


@dataclass(frozen=True, slots=True)
class EngineState:
    """What a running engine says of itself, see `hptui status --json`."""

    state: str
    """`running`, `paused`, `stopping` or `waiting` (for a study file that takes no writes)."""
    n_complete: int
    """Of this run, as the next three."""
    n_pruned: int
    n_failed: int
    n_trials: int | None
    """The run's budget."""
    rate: float
    """Trials a second, of late."""
    eta_s: float | None
    elapsed_s: float
    sampler: str
    pruner: str
    sampler_ms_a_trial: float | None
    backend: str
    trouble: str
    workers: tuple[WorkerStatus, ...]
    target: float | None = None
    pid: int = 0
    thinking_s: float | None = None
    """How long the sampler has been thinking; None where it does not take long."""

    @property
    def n_ended(self) -> int:
        """How many trials of this run have ended."""
        return self.n_complete + self.n_pruned + self.n_failed


@dataclass(frozen=True, slots=True, eq=False)
class StudySnapshot:
    """One moment of a study: its trials, and what its engine says."""

    path: Path
    name: str
    revision: int = 0
    """Rises with each change of the trials."""
    file_revision: int = 0
    """Changes when anything in the file may have: texts, tags, attributes, another study."""
    metric_names: tuple[str, ...] = ()
    objective: ObjectiveRef | None = None
    sampler: str = ""
    """Of the latest run; empty when hptui never ran the study."""
    pruner: str = ""
    runs: tuple[RunRecord, ...] = ()
    """Runs of hptui, oldest first."""
    trials: Trials = field(default_factory=Trials)
    """All of them, in the order of the file; empty before the first reading."""
    counts: Mapping[str, int] = field(default_factory=dict[str, int])
    """Trials by the words of `trial_states.STATE_NAMES`."""
    history: History | None = None
    """Of the first objective."""
    best_number: int | None = None
    """The best feasible complete trial; None with several objectives."""
    best_value: float | None = None
    front: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    """Numbers of the trials on the Pareto front; empty with one objective."""
    noted: frozenset[int] = frozenset()
    """Numbers of the trials with a note."""
    tagged: frozenset[int] = frozenset()
    """Numbers of the trials with tags."""
    causes: Mapping[int, str] = field(default_factory=dict[int, str])
    """Why trials failed, by their numbers, as filters compare it; safe for a terminal."""
    read_cells: Mapping[str, Mapping[int, ReadCell]] = field(
        default_factory=dict[str, "Mapping[int, ReadCell]"]
    )
    """By keys of columns that a person has chosen and that are read for themselves: what they hold,
    by the numbers of trials."""
    loading: tuple[int, int] | None = None
    """Trials read and to be read, while the first reading goes on."""
    engine: EngineState | None = None
    """None when nobody here runs the study."""
    prepared: NextRun = NOTHING_PREPARED
    """What the next run has where it is not told otherwise."""
    changes: tuple[StudyChange, ...] = ()
    """The newest changes that people made of space, workers and budget, oldest first."""
    runner: str = ""
    """A sentence about who else fills the study, or about what a dead engine has left."""
    is_filled: bool = False
    """Whether somebody whom this program cannot steer fills the study now."""
    is_here: bool = False
    """Whether an engine of this machine runs the study, also one that gave no answer."""
    is_mirror: bool = False
    """Whether it is on a server or in a journal, and only read here."""
    trouble: str = ""
    """Why the file cannot be read now; what is shown is what was read before."""
    read_at_s: float = 0.0
    """Seconds since 1970 of the latest successful reading."""

    @property
    def workers(self) -> dict[int, int]:
        """The numbers of the workers that run trials, from 1, by the numbers of the trials."""
        workers = () if self.engine is None else self.engine.workers
        return {worker.trial: worker.index + 1 for worker in workers if worker.trial is not None}

    @property
    def n_trials(self) -> int:
        return len(self.trials)

    @property
    def n_ahead(self) -> int | None:
        """How many trials the budget still allows, now or in the next run; None if unknown."""
        engine = self.engine
        if engine is None:
            return self.prepared.trials
        return None if engine.n_trials is None else max(0, engine.n_trials - engine.n_ended)


class SnapshotMaker:
    """Turns trials into snapshots, each with a higher revision."""

    def __init__(self, path: Path, study_name: str) -> None:
        self._path = path
        self._study_name = study_name
        self._revision = 0
        self._directions: tuple[Direction, ...] = ()
        self._front = GrowingFront(())

    def make(self, trials: Trials, facts: StudyFacts, read_at_s: float) -> StudySnapshot:
        """Return a snapshot of the trials that there are now."""
        self._revision += 1
        directions = trials.directions
        if directions != self._directions:
            self._directions, self._front = directions, GrowingFront(directions)
        front, best = np.zeros(0, np.int64), None
        history = history_of(trials, 0) if directions else None
        if len(directions) > 1:
            is_counted = trials.is_complete & trials.is_feasible
            front = trials.numbers[self._front.update(trials.values, is_counted)]
        elif history is not None and (row := history.best_row) is not None:
            best = int(history.numbers[row]), float(history.values[row])
        return StudySnapshot(
            path=self._path,
            name=self._study_name,
            revision=self._revision,
            metric_names=facts.metric_names,
            objective=facts.objective,
            sampler=facts.sampler,
            pruner=facts.pruner,
            runs=facts.runs,
            trials=trials,
            counts=count_states(trials.states),
            history=history,
            best_number=None if best is None else best[0],
            best_value=None if best is None else best[1],
            front=front,
            noted=facts.noted,
            tagged=facts.tagged,
            prepared=facts.prepared,
            changes=facts.changes,
            read_at_s=read_at_s,
        )


def count_states(states: npt.NDArray[np.int8]) -> dict[str, int]:
    """Return how many trials there are in each state; DAMAGED only where there are some."""
    found: list[int] = np.bincount(states - DAMAGED, minlength=1 + len(STATE_NAMES)).tolist()
    counts: dict[str, int] = dict(zip(STATE_NAMES, found[1:], strict=False))
    return {**counts, state_name(DAMAGED): found[0]} if found[0] else counts

"""Makes snapshots of a study out of its trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.history import history_of
from hptui.analysis.objectives.growing_front import GrowingFront
from hptui.domain.trial_states import DAMAGED, STATE_NAMES, state_name
from hptui.ui.study.snapshot import StudySnapshot

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from hptui.domain.objective import Direction
    from hptui.storage.read.study_facts import StudyFacts
    from hptui.trials import Trials


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
            read_at_s=read_at_s,
        )


def count_states(states: npt.NDArray[np.int8]) -> dict[str, int]:
    """Return how many trials there are in each state; DAMAGED only where there are some."""
    found: list[int] = np.bincount(states - DAMAGED, minlength=1 + len(STATE_NAMES)).tolist()
    counts: dict[str, int] = dict(zip(STATE_NAMES, found[1:], strict=False))
    return {**counts, state_name(DAMAGED): found[0]} if found[0] else counts

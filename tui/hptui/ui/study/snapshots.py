"""Makes snapshots of a study out of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.history import build_history
from hptui.analysis.objectives.growing_front import GrowingFront
from hptui.domain.trial_states import DAMAGED, STATE_NAMES, state_name
from hptui.ui.study.snapshot import StudySnapshot

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from hptui.domain.objective import Direction
    from hptui.storage.read.columns import StudyColumns
    from hptui.storage.read.param_columns import ParamColumn
    from hptui.storage.read.study_facts import StudyFacts


class SnapshotMaker:
    """Turns what columns hold now into snapshots, each with a higher revision."""

    def __init__(self, path: Path, study_name: str) -> None:
        self._path = path
        self._study_name = study_name
        self._revision = 0
        self._directions: tuple[Direction, ...] = ()
        self._front = GrowingFront(())
        self._params: dict[str, ParamColumn] = {}

    def make(self, columns: StudyColumns, facts: StudyFacts, read_at_s: float) -> StudySnapshot:
        """Return a snapshot that later changes of the columns do not touch."""
        self._revision += 1
        directions = columns.directions
        if directions != self._directions:
            self._directions, self._front = directions, GrowingFront(directions)
        values, states = columns.values.copy(), columns.states.copy()
        numbers, is_feasible = columns.numbers.copy(), columns.is_feasible
        is_complete = columns.is_complete
        front, best = np.zeros(0, np.int64), None
        history = None
        if directions:
            first = values[:, 0]
            history = build_history(numbers, first, is_complete, is_feasible, directions[0])
        if len(directions) > 1:
            front = numbers[self._front.update(values, is_complete & is_feasible)]
        elif history is not None and (row := history.best_row) is not None:
            best = int(history.numbers[row]), float(history.values[row])
        return StudySnapshot(
            path=self._path,
            name=self._study_name,
            revision=self._revision,
            directions=directions,
            metric_names=facts.metric_names,
            objective=facts.objective,
            sampler=facts.sampler,
            pruner=facts.pruner,
            runs=facts.runs,
            trial_ids=columns.trial_ids.copy(),
            numbers=numbers,
            states=states,
            starts_s=columns.starts_s.copy(),
            completes_s=columns.completes_s.copy(),
            values=values,
            is_feasible=is_feasible,
            last_steps=columns.last_steps.copy(),
            last_values=columns.last_values.copy(),
            params=self._params_of(columns),
            counts=count_states(states),
            history=history,
            best_number=None if best is None else best[0],
            best_value=None if best is None else best[1],
            front=front,
            noted=facts.noted,
            tagged=facts.tagged,
            prepared=facts.prepared,
            read_at_s=read_at_s,
        )

    def _params_of(self, columns: StudyColumns) -> dict[str, ParamColumn]:
        # The columns' own mapping grows while others look at it.
        now = columns.params
        if len(now) != len(self._params) or any(
            self._params.get(name) is not param for name, param in now.items()
        ):
            self._params = dict(now)
        return self._params


def count_states(states: npt.NDArray[np.int8]) -> dict[str, int]:
    """Return how many trials there are in each state; DAMAGED only where there are some."""
    found: list[int] = np.bincount(states - DAMAGED, minlength=1 + len(STATE_NAMES)).tolist()
    counts: dict[str, int] = dict(zip(STATE_NAMES, found[1:], strict=False))
    return {**counts, state_name(DAMAGED): found[0]} if found[0] else counts

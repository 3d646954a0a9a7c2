"""The order of trials in a table, by any of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.domain.trial_states import COMPLETE, PRUNED, RUNNING, STALE
from hptui.ui.trials.read_columns import is_read, ranks_of
from hptui.ui.trials.trial_cells import PARAM_PREFIX

if TYPE_CHECKING:
    from hptui.ui.study.snapshot import StudySnapshot

    FloatArray = npt.NDArray[np.float64]
    IntArray = npt.NDArray[np.int64]

VALUE_KEY: Final = "value"


def value_keys(n_objectives: int) -> list[str]:
    """Return the keys of the columns of values: `value`, or `value_0`, `value_1`, ..."""
    if n_objectives <= 1:
        return [VALUE_KEY]
    return [f"{VALUE_KEY}_{objective}" for objective in range(n_objectives)]


def order_rows(snapshot: StudySnapshot, rows: IntArray, key: str, *, is_reversed: bool) -> IntArray:
    """Return `rows`, which are ascending, in the order of a column; equals stay as they were.

    What is missing comes last either way. Among values those that cannot be compared come after
    those that can: first feasible complete trials, then infeasible, pruned and running ones. A
    column that is not there orders nothing.
    """
    if key == "number":
        return _by_number(snapshot.trials.numbers[rows], rows, is_reversed=is_reversed)
    if key in value_keys(len(snapshot.trials.directions)):
        return _by_value(snapshot, rows, _objective_of(key), is_reversed=is_reversed)
    cells = _cells(snapshot, key, rows)
    if cells is None:
        return rows
    return rows[np.argsort(-cells if is_reversed else cells, kind="stable")]


def _by_number(numbers: IntArray, rows: IntArray, *, is_reversed: bool) -> IntArray:
    if len(numbers) > 1 and not bool((numbers[1:] >= numbers[:-1]).all()):
        rows = rows[np.argsort(numbers, kind="stable")]
    return rows[::-1] if is_reversed else rows


def _by_value(
    snapshot: StudySnapshot, rows: IntArray, objective: int, *, is_reversed: bool
) -> IntArray:
    states, values = snapshot.trials.states[rows], snapshot.trials.values[rows, objective]
    is_running = (states == RUNNING) | (states == STALE)
    if len(snapshot.trials.directions) == 1:
        values = np.where(is_running, snapshot.trials.last_values[rows], values)
    order = np.argsort(-values if is_reversed else values, kind="stable")
    group = np.full(len(rows), 4, np.int8)
    group[is_running] = 3
    group[states == PRUNED] = 2
    group[states == COMPLETE] = 1
    group[(states == COMPLETE) & snapshot.trials.is_feasible[rows]] = 0
    group[np.isnan(values)] = 5
    return rows[order[np.argsort(group[order], kind="stable")]]


def _objective_of(key: str) -> int:
    return 0 if key == VALUE_KEY else int(key.rpartition("_")[2])


def _cells(snapshot: StudySnapshot, key: str, rows: IntArray) -> FloatArray | None:
    if key == "state":
        return snapshot.trials.states[rows].astype(np.float64)
    if key == "time":
        # What still runs has the longest time yet: it began and has not ended.
        took_s = snapshot.trials.completes_s[rows] - snapshot.trials.starts_s[rows]
        running_s = snapshot.read_at_s - snapshot.trials.starts_s[rows]
        return np.where(snapshot.trials.states[rows] == RUNNING, running_s, took_s)
    if key == "start":
        return snapshot.trials.starts_s[rows]
    numbers: list[int] = snapshot.trials.numbers[rows].tolist()
    if key == "worker":
        workers = snapshot.workers
        return np.array([workers.get(number, np.nan) for number in numbers], np.float64)
    if key == "cause":
        ranks = {text: rank for rank, text in enumerate(sorted(set(snapshot.causes.values())))}
        causes = [snapshot.causes.get(number, "") for number in numbers]
        return np.array([ranks.get(cause, np.nan) for cause in causes], np.float64)
    if is_read(key):
        ranks = ranks_of(snapshot.read_cells.get(key, {}))
        return np.array([ranks.get(number, np.nan) for number in numbers], np.float64)
    param = snapshot.trials.params.get(key.removeprefix(PARAM_PREFIX))
    if param is None or not key.startswith(PARAM_PREFIX):
        return None
    return param.values[: snapshot.n_trials][rows]

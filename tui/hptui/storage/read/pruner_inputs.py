"""What a study's pruner goes by, read from the file: complete trials' reports, and rungs."""

from __future__ import annotations

import math
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from hptui.storage.files.study_identity import read_directions
from hptui.storage.read.cells import floats, integers
from hptui.storage.read.session import FollowedStudy
from hptui.storage.sqlite.numbers import number_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Generator, Sequence
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.trials import FloatArray, IntArray

MAX_REPORTS: Final = 5_000_000
"""Of complete trials; with more, what they reported is not told."""
_CHUNK: Final = 20_000
_FEW: Final = 500
"""So many trials are asked for by their ids; SQLite takes no more in one statement."""
_MANY: Final = 5_000
"""Of more new trials, all are read from the first one on."""
_VALUE: Final = number_sql("v.intermediate_value")
_COMPLETE: Final = (
    "SELECT trial_id FROM trials WHERE study_id = ? AND state = 'COMPLETE' ORDER BY trial_id"
)
_SINCE: Final = (
    f"SELECT v.trial_id, v.step, {_VALUE} FROM trials t CROSS JOIN trial_intermediate_values v "
    "ON t.trial_id = v.trial_id WHERE t.study_id = ? AND t.state = 'COMPLETE' AND t.trial_id >= ?"
)
_OF_SOME: Final = (
    f"SELECT v.trial_id, v.step, {_VALUE} FROM trial_intermediate_values v WHERE v.trial_id IN "
)
_RUNGS: Final = (
    "SELECT t.number, substr(a.key, 1, 40), substr(a.value_json, 1, 40) "
    "FROM trials t CROSS JOIN trial_system_attributes a ON t.trial_id = a.trial_id "
    "WHERE t.study_id = ? AND a.key GLOB 'completed_rung_[0-9]*'"
)
_RUNG_KEY: Final = re.compile(r"completed_rung_(\d{1,2})")


@dataclass(frozen=True, slots=True, eq=False)
class StoredReports:
    """What all complete trials of a study reported: a row a report, in any order."""

    trial_ids: IntArray
    steps: IntArray
    values: FloatArray
    """NaN for what is not a number."""
    n_trials: int
    """Complete trials, those without reports included."""


@dataclass(frozen=True, slots=True, eq=False)
class StoredRungs:
    """What trials had at the rungs of successive halving: a row for each trial and rung."""

    numbers: IntArray
    rungs: IntArray
    values: FloatArray


class PrunerInputs:
    """Reads what the pruner of one study goes by; the reports of a trial only once.

    One thread at a time.
    """

    def __init__(self, path: Path, study_name: str) -> None:
        self.path = path
        self.study_name = study_name
        self._study = FollowedStudy(path, study_name)
        self._known: IntArray = np.zeros(0, np.int64)
        self._reports: StoredReports | None = None

    def directions(self) -> tuple[Direction, ...]:
        """Return the direction of each objective.

        Raises:
            StudyFileError: The file or study is not there, or cannot be read; as of all here.
            StudyBusyError: Another program has locked the file; as of all here.
        """
        with self._reading() as (connection, study_id):
            return read_directions(connection, study_id)

    def rungs(self) -> StoredRungs:
        """Return the values that trials had at their rungs."""
        with self._reading() as (connection, study_id):
            rows: list[tuple[Any, ...]] = connection.execute(_RUNGS, (study_id,)).fetchall()
        # The same few keys stand in very many rows.
        rung_of = {key: _rung(key) for key in {row[1] for row in rows}}
        numbers = integers([row[0] for row in rows])
        rungs = integers([rung_of[row[1]] for row in rows])
        values = _numbers([row[2] for row in rows])
        is_sound = (rungs >= 0) & ~np.isnan(values)
        return StoredRungs(numbers[is_sound], rungs[is_sound], values[is_sound])

    def reports(self) -> StoredReports | None:
        """Return what complete trials reported; None where that is more than MAX_REPORTS.

        While no trial has become complete, the answer is the same object.
        """
        with self._reading() as (connection, study_id):
            ids = integers([row[0] for row in connection.execute(_COMPLETE, (study_id,))])
            before = self._reports
            new = np.setdiff1d(ids, self._known, assume_unique=True)
            if before is not None and not len(new):
                return before
            n_known = 0 if before is None else len(before.steps)
            parts = _read(connection, study_id, new, MAX_REPORTS - n_known)
        if parts is None:
            return None
        if before is not None:
            parts = [(before.trial_ids, before.steps, before.values), *parts]
        self._known = ids
        self._reports = StoredReports(
            *(np.concatenate(column) for column in zip(*parts, strict=True)), n_trials=len(ids)
        )
        return self._reports

    @contextmanager
    def _reading(self) -> Generator[tuple[sqlite3.Connection, int]]:
        """Open the file for a moment; what was read is forgotten when it is another study now."""
        with self._study, self._study.look() as study:
            if not study.is_same:
                self._known, self._reports = np.zeros(0, np.int64), None
            yield study.connection, study.study_id


def _rung(key: object) -> int:
    """Return which rung a key is about; -1 for none."""
    found = _RUNG_KEY.fullmatch(str(key))
    return -1 if found is None else int(found[1])


def _numbers(texts: Sequence[object]) -> FloatArray:
    """Return JSON's numbers, NaN for anything else."""
    try:
        return np.array(texts, np.str_).astype(np.float64)
    except ValueError:
        return np.array([_number(text) for text in texts], np.float64)


def _number(text: object) -> float:
    try:
        return float(str(text))
    except ValueError:
        return math.nan


_Part = tuple["IntArray", "IntArray", "FloatArray"]


def _read(
    connection: sqlite3.Connection, study_id: int, new: IntArray, most: int
) -> list[_Part] | None:
    """Return the reports of trials; None where there are more than so many."""
    parts: list[_Part] = [(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))]
    n_read = 0
    for query, values in _queries(study_id, new):
        cursor = connection.execute(query, values)
        while rows := cursor.fetchmany(_CHUNK):
            part = (
                integers([row[0] for row in rows]),
                integers([row[1] for row in rows]),
                floats([row[2] for row in rows]),
            )
            is_new = np.isin(part[0], new)
            parts.append((part[0][is_new], part[1][is_new], part[2][is_new]))
            n_read += int(is_new.sum())
            if n_read > most:
                return None
    return parts


def _queries(study_id: int, new: IntArray) -> Generator[tuple[str, Sequence[int]]]:
    ids: list[int] = new.tolist()
    if len(ids) > _MANY:
        yield _SINCE, (study_id, ids[0])
        return
    for start in range(0, len(ids), _FEW):
        some = ids[start : start + _FEW]
        yield f"{_OF_SOME}({','.join('?' * len(some))})", some

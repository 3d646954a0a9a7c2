"""Rows of a study file read into Optuna's objects, equal to what `RDBStorage` would give."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.sqlite.distributions import parse_distribution
from hptui.storage.sqlite.numbers import number_from
from hptui.storage.sqlite.timestamps import from_text

if TYPE_CHECKING:
    import sqlite3

_STATES: Final = dict(TrialState.__members__)
_DIRECTIONS: Final = dict(StudyDirection.__members__)
_BAD_ROW: Final = (ValueError, TypeError, LookupError, ArithmeticError, RecursionError, MemoryError)


@dataclass(slots=True)
class StoredStudy:
    """A study without its trials."""

    study_id: int
    name: str
    directions: list[StudyDirection] = field(default_factory=list[StudyDirection])
    user_attrs: dict[str, Any] = field(default_factory=dict[str, Any])
    system_attrs: dict[str, Any] = field(default_factory=dict[str, Any])


@dataclass(slots=True)
class StoredTrial:
    """A trial and the study it belongs to."""

    study_id: int
    trial: FrozenTrial


def read_studies(connection: sqlite3.Connection) -> dict[int, StoredStudy]:
    """Read all studies, without trials, by id.

    Raises:
        StudyFileError: A row is damaged.
    """
    studies: dict[int, StoredStudy] = {}
    for study_id, name in connection.execute(
        "SELECT study_id, study_name FROM studies ORDER BY study_id"
    ):
        studies[study_id] = StoredStudy(study_id, str(name))
    with _named_rows(
        connection,
        "study_directions",
        "SELECT study_direction_id, study_id, direction, objective FROM study_directions"
        " ORDER BY study_id, objective",
    ) as rows:
        for _, study_id, direction, _objective in rows:
            if study_id in studies:
                studies[study_id].directions.append(_DIRECTIONS[direction])
    for kind in ("user", "system"):
        table = f"study_{kind}_attributes"
        query = f'SELECT {table[:-1]}_id, study_id, "key", value_json FROM {table} ORDER BY 1'
        with _named_rows(connection, table, query) as rows:
            for _, study_id, key, text in rows:
                if study_id in studies:
                    row = studies[study_id]
                    attrs = row.user_attrs if kind == "user" else row.system_attrs
                    attrs[key] = json.loads(text)
    return studies


def read_trials(
    connection: sqlite3.Connection, where: str = "", parameters: Sequence[int] = ()
) -> list[StoredTrial]:
    """Read trials in the order of their ids.

    `where` is a condition on columns of `trials`, "" for all.

    Raises:
        StudyFileError: A row is damaged.
    """
    try:
        return _TrialReader(connection, where, parameters).read()
    except _BAD_ROW:
        # Again, remembering each row, to name the one that is damaged.
        return _TrialReader(connection, where, parameters, is_careful=True).read()


class _TrialReader:
    """One reading of trials, with one query a table."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        where: str,
        parameters: Sequence[int],
        *,
        is_careful: bool = False,
    ) -> None:
        self._connection = connection
        self._condition = f" WHERE {where}" if where else ""
        self._parameters = parameters
        self._is_careful = is_careful
        self._trials: dict[int, FrozenTrial] = {}

    def read(self) -> list[StoredTrial]:
        rows = self._read_heads()
        if rows:
            self._read_params()
            self._read_values()
            self._read_reports()
            self._read_attributes("user", lambda trial: trial._user_attrs)
            self._read_attributes("system", lambda trial: trial._system_attrs)
        return rows

    @contextmanager
    def _rows(self, table: str, columns: str, order: str) -> Generator[Iterator[tuple[Any, ...]]]:
        condition = self._condition
        if condition and table != "trials":
            condition = f" WHERE trial_id IN (SELECT trial_id FROM trials{condition})"
        query = f"SELECT {columns} FROM {table}{condition} ORDER BY {order}"
        if not self._is_careful:
            yield self._connection.execute(query, self._parameters)
            return
        with _named_rows(self._connection, table, query, self._parameters) as rows:
            yield rows

    def _read_heads(self) -> list[StoredTrial]:
        heads: list[StoredTrial] = []
        columns = "trial_id, study_id, number, state, datetime_start, datetime_complete"
        with self._rows("trials", columns, "trial_id") as rows:
            for trial_id, study_id, number, state, start, complete in rows:
                if study_id is None:
                    continue
                trial = FrozenTrial(
                    number=_whole(number),
                    state=_STATES[state],
                    value=None,
                    datetime_start=None if start is None else from_text(start),
                    datetime_complete=None if complete is None else from_text(complete),
                    params={},
                    distributions={},
                    user_attrs={},
                    system_attrs={},
                    intermediate_values={},
                    trial_id=trial_id,
                )
                self._trials[trial_id] = trial
                heads.append(StoredTrial(study_id, trial))
        return heads

    def _read_params(self) -> None:
        columns = "param_id, trial_id, param_name, param_value, distribution_json"
        trials = self._trials
        with self._rows("trial_params", columns, "param_id") as rows:
            for _, trial_id, name, value, text in rows:
                trial = trials.get(trial_id)
                if trial is None:
                    continue
                distribution, convert = parse_distribution(text)
                if type(value) is not float:
                    raise ValueError(f"{value!r} is not a number")
                trial._params[name] = value if convert is None else convert(value)
                trial._distributions[name] = distribution

    def _read_values(self) -> None:
        columns = "trial_value_id, trial_id, objective, value, value_type"
        with self._rows("trial_values", columns, "trial_id, objective") as rows:
            for _, trial_id, objective, value, kind in rows:
                trial = self._trials.get(trial_id)
                if trial is None:
                    continue
                if trial._values is None:
                    trial._values = []
                if objective != len(trial._values):
                    raise ValueError(f"objective {objective!r} is out of order")
                trial._values.append(number_from(value, kind))

    def _read_reports(self) -> None:
        columns = (
            "trial_intermediate_value_id, trial_id, step, intermediate_value,"
            " intermediate_value_type"
        )
        trials = self._trials
        with self._rows("trial_intermediate_values", columns, "1") as rows:
            for _, trial_id, step, value, kind in rows:
                trial = trials.get(trial_id)
                if trial is None:
                    continue
                if kind != "FINITE" or type(value) is not float or type(step) is not int:
                    value, step = number_from(value, kind), _whole(step)
                trial.intermediate_values[step] = value

    def _read_attributes(
        self, kind: str, attributes_of: Callable[[FrozenTrial], dict[str, Any]]
    ) -> None:
        table = f"trial_{kind}_attributes"
        with self._rows(table, f'{table[:-1]}_id, trial_id, "key", value_json', "1") as rows:
            for _, trial_id, key, text in rows:
                trial = self._trials.get(trial_id)
                if trial is not None:
                    attributes_of(trial)[key] = json.loads(text)


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is not a whole number")
    return value


class _Rows(Iterator[tuple[Any, ...]]):
    """A cursor that remembers its last row, to name it when it turns out damaged."""

    __slots__ = ("_cursor", "last")

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self.last: tuple[Any, ...] | None = None

    def __next__(self) -> tuple[Any, ...]:
        self.last = row = next(self._cursor)
        return row


@contextmanager
def _named_rows(
    connection: sqlite3.Connection, table: str, query: str, parameters: Sequence[int] = ()
) -> Generator[Iterator[tuple[Any, ...]]]:
    rows = _Rows(connection.execute(query, parameters))
    try:
        yield rows
    except _BAD_ROW as error:
        number = "?" if rows.last is None else rows.last[0]
        of_trial = f" (trial id {rows.last[1]})" if rows.last and table != "trials" else ""
        raise StudyFileError(
            f"Row {number} of table {table}{of_trial} is damaged: {safe_line(error)}.",
            hint="The study can be read, but not continued.",
        ) from error

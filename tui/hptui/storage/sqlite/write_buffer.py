"""Writes that wait for the next commit, as plain rows."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

from hptui.storage.sqlite.connection import MAX_TEXT_BYTES
from hptui.storage.sqlite.distributions import parse_distribution
from hptui.storage.sqlite.numbers import number_from, stored_number
from hptui.storage.sqlite.timestamps import from_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Collection

    from optuna.trial import FrozenTrial, TrialState

AttributeKind = Literal["user", "system"]
Owner = Literal["trial", "study"]
_UPSERT_ATTRIBUTE: Final = {
    (owner, kind): f'INSERT INTO {owner}_{kind}_attributes ({owner}_id, "key", value_json)'
    f' VALUES (?, ?, ?) ON CONFLICT ({owner}_id, "key") DO UPDATE'
    " SET value_json = excluded.value_json"
    for owner in ("trial", "study")
    for kind in ("user", "system")
}
_INSERT_TRIAL: Final = (
    "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete)"
    " VALUES (?, ?, ?, ?, ?, ?)"
)
_UPDATE_TRIAL: Final = (
    "UPDATE trials SET state = ?, datetime_start = coalesce(?, datetime_start),"
    " datetime_complete = coalesce(?, datetime_complete) WHERE trial_id = ?"
)
_INSERT_PARAM: Final = (
    "INSERT OR IGNORE INTO trial_params (trial_id, param_name, param_value, distribution_json)"
    " VALUES (?, ?, ?, ?)"
)
_UPSERT_VALUE: Final = (
    "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (trial_id, objective) DO UPDATE"
    " SET value = excluded.value, value_type = excluded.value_type"
)
_UPSERT_REPORT: Final = (
    "INSERT INTO trial_intermediate_values"
    " (trial_id, step, intermediate_value, intermediate_value_type) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (trial_id, step) DO UPDATE SET intermediate_value = excluded.intermediate_value,"
    " intermediate_value_type = excluded.intermediate_value_type"
)


class NewTrial(NamedTuple):
    """A row for the table `trials`."""

    trial_id: int
    number: int
    study_id: int
    state: TrialState
    start: str | None
    complete: str | None


class TrialChange(NamedTuple):
    """A new state of a trial; a time that is None stays as it is."""

    trial_id: int
    state: TrialState
    start: str | None
    complete: str | None
    is_taken_up: bool = False
    """Whether the trial waited before, and another program may take it up, too."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What the columns of a database hold; SQLite's hold more than is ever written."""

    step: int = 2**63 - 1
    text_bytes: int = MAX_TEXT_BYTES
    name_chars: int | None = None
    """The longest name; one that is limited must have no NUL, either."""


NO_LIMITS: Final = Limits()


class WriteBuffer:
    """Rows by table, the last write of a cell winning, in the order in which they came.

    What is added here is checked: a row that SQLite would refuse would hold up all others.
    """

    def __init__(self, limits: Limits = NO_LIMITS) -> None:
        self._limits = limits
        self.new_trials: dict[int, NewTrial] = {}
        """Trials that are not in the file yet."""
        self.changed_trials: dict[int, TrialChange] = {}
        """Trials of the file whose state changes."""
        self._params: dict[tuple[int, str], tuple[int, str, float, str]] = {}
        self._values: dict[tuple[int, int], tuple[int, int, float | None, str]] = {}
        self._reports: dict[tuple[int, int], tuple[int, int, float | None, str]] = {}
        self._trial_attributes: dict[AttributeKind, dict[tuple[int, str], str]] = {
            "user": {},
            "system": {},
        }
        self._study_attributes: dict[AttributeKind, dict[tuple[int, str], str]] = {
            "user": {},
            "system": {},
        }
        self._tables: tuple[dict[Any, Any], ...] = (
            self.new_trials,
            self.changed_trials,
            self._params,
            self._values,
            self._reports,
            *self._trial_attributes.values(),
            *self._study_attributes.values(),
        )

    def __len__(self) -> int:
        return sum(map(len, self._tables))

    def __bool__(self) -> bool:
        return any(self._tables)

    @property
    def has_finish(self) -> bool:
        """Whether a trial's end is among the rows."""
        rows = (*self.new_trials.values(), *self.changed_trials.values())
        return any(row.state.is_finished() for row in rows)

    def add_trial(self, trial: NewTrial) -> None:
        """Add a trial that is not in the file."""
        self.new_trials[trial.trial_id] = trial

    def change_trial(
        self,
        trial_id: int,
        state: TrialState,
        start: str | None,
        complete: str | None,
        *,
        is_taken_up: bool = False,
    ) -> None:
        """Set the state of a trial, and its times; one that is None stays as it is."""
        new = self.new_trials.get(trial_id)
        if new is not None:
            start, complete = start or new.start, complete or new.complete
            self.new_trials[trial_id] = NewTrial(*new[:3], state, start, complete)
            return
        earlier = self.changed_trials.get(trial_id)
        if earlier is not None:
            start, is_taken_up = start or earlier.start, is_taken_up or earlier.is_taken_up
        self.changed_trials[trial_id] = TrialChange(trial_id, state, start, complete, is_taken_up)

    def add_param(self, trial_id: int, name: str, value: float, distribution_json: str) -> None:
        """Add a parameter's value in Optuna's internal representation."""
        text = self._text(distribution_json)
        self._params[trial_id, self._key(name)] = (trial_id, name, value, text)

    def set_value(self, trial_id: int, objective: int, value: float) -> None:
        """Set the value of one objective."""
        self._values[trial_id, objective] = (trial_id, objective, *stored_number(value))

    def set_report(self, trial_id: int, step: int, value: float) -> None:
        """Set an intermediate value.

        Raises:
            OverflowError: The step does not fit into 64 bits, or 32 on a server.
        """
        if abs(step) > self._limits.step:
            raise OverflowError(f"The step {step} is too large to be stored.")
        self._reports[trial_id, step] = (trial_id, step, *stored_number(value))

    def set_trial_attribute(self, kind: AttributeKind, trial_id: int, key: str, text: str) -> None:
        """Set an attribute of a trial to the JSON `text`."""
        self._trial_attributes[kind][trial_id, self._key(key)] = self._text(text)

    def set_study_attribute(self, kind: AttributeKind, study_id: int, key: str, text: str) -> None:
        """Set an attribute of a study to the JSON `text`."""
        self._study_attributes[kind][study_id, self._key(key)] = self._text(text)

    def write(self, connection: sqlite3.Connection) -> None:
        """Execute all rows; the transaction is the caller's."""
        many = connection.executemany
        if self.new_trials:
            many(
                _INSERT_TRIAL,
                [(*new[:3], new.state.name, *new[4:]) for new in self.new_trials.values()],
            )
        if self._params:
            many(_INSERT_PARAM, list(self._params.values()))
        if self._values:
            many(_UPSERT_VALUE, list(self._values.values()))
        if self._reports:
            many(_UPSERT_REPORT, list(self._reports.values()))
        owners = (("trial", self._trial_attributes), ("study", self._study_attributes))
        for owner, attributes in owners:
            for kind, rows in attributes.items():
                if rows:
                    statement = _UPSERT_ATTRIBUTE[owner, kind]
                    many(statement, [(*key, text) for key, text in rows.items()])
        if self.changed_trials:
            changes = self.changed_trials.values()
            many(
                _UPDATE_TRIAL,
                [(new.state.name, new.start, new.complete, new.trial_id) for new in changes],
            )

    def _key(self, key: str) -> str:
        """Return a name that the database takes.

        Raises:
            UnicodeEncodeError: It holds half of a surrogate pair.
            ValueError: It is too long for a server, or has a NUL.
        """
        if not key.isascii():
            key.encode()
        longest = self._limits.name_chars
        if longest is not None and (len(key) > longest or "\0" in key):
            raise ValueError(
                f"The server takes names of at most {longest} characters, none of them NUL."
            )
        return key

    def _text(self, text: str) -> str:
        longest = self._limits.text_bytes
        if len(text) > longest or (len(text) * 4 > longest and len(text.encode()) > longest):
            raise ValueError(f"A value of {len(text)} characters is too long to be stored.")
        return text

    @property
    def params(self) -> Collection[tuple[int, str, float, str]]:
        """Trial, name, value and distribution of each parameter."""
        return self._params.values()

    @property
    def values(self) -> Collection[tuple[int, int, float | None, str]]:
        """Trial, objective, number and its kind."""
        return self._values.values()

    @property
    def reports(self) -> Collection[tuple[int, int, float | None, str]]:
        """Trial, step, number and its kind."""
        return self._reports.values()

    def attributes(self, owner: Owner, kind: AttributeKind) -> list[tuple[int, str, str]]:
        """Return owner, key and JSON of the buffered attributes of trials, or of studies."""
        tables = self._trial_attributes if owner == "trial" else self._study_attributes
        return [(*key, text) for key, text in tables[kind].items()]

    def changed_ids(self) -> set[int]:
        """Return the ids of trials of which more changes than an attribute."""
        ids = set(self.changed_trials)
        for rows in (self._params, self._values, self._reports):
            ids.update(trial_id for trial_id, _ in rows)
        return ids

    def copied(self) -> WriteBuffer:
        """Return what is buffered until now."""
        copy = WriteBuffer(self._limits)
        for own, rows in zip(copy._tables, self._tables, strict=True):
            own.update(rows)
        return copy

    def forget(self, written: WriteBuffer) -> None:
        """Forget the rows that were written since they were copied, unless they have changed."""
        for own, rows in zip(self._tables, written._tables, strict=True):
            for key, row in rows.items():
                if own.get(key) is row:
                    del own[key]

    def clear(self) -> None:
        """Forget all rows."""
        for rows in self._tables:
            rows.clear()

    def trial_ids(self) -> set[int]:
        """Return the ids of all trials that rows belong to."""
        ids = {*self.new_trials, *self.changed_trials}
        keyed = (self._params, self._values, self._reports, *self._trial_attributes.values())
        for rows in keyed:
            ids.update(trial_id for trial_id, _ in rows)
        return ids

    def drop_trials(self, trial_ids: set[int]) -> None:
        """Forget the rows of these trials."""
        _keep(self.new_trials, lambda key: key not in trial_ids)
        _keep(self.changed_trials, lambda key: key not in trial_ids)
        keyed = (self._params, self._values, self._reports, *self._trial_attributes.values())
        for rows in keyed:
            _keep(rows, lambda key: key[0] not in trial_ids)

    def drop_study(self, study_id: int) -> None:
        """Forget the attributes of a study."""
        for rows in self._study_attributes.values():
            _keep(rows, lambda key: key[0] != study_id)

    def study_attributes(self, kind: AttributeKind, study_id: int) -> dict[str, Any]:
        """Return the buffered attributes of a study."""
        return _attributes_of(self._study_attributes[kind], study_id)

    def apply_to(self, trial: FrozenTrial) -> None:
        """Change a trial as read from the file into what it is after the next commit."""
        trial_id = trial._trial_id
        change = self.changed_trials.get(trial_id)
        if change is not None:
            trial.state = change.state
            if change.start is not None:
                trial.datetime_start = from_text(change.start)
            if change.complete is not None:
                trial.datetime_complete = from_text(change.complete)
        for _, name, value, text in _of(self._params, trial_id):
            distribution, convert = parse_distribution(text)
            trial._params.setdefault(name, value if convert is None else convert(value))
            trial._distributions.setdefault(name, distribution)
        values = {row[1]: number_from(*row[2:]) for row in _of(self._values, trial_id)}
        if values:
            trial.values = [values[objective] for objective in sorted(values)]
        for _, step, value, kind in _of(self._reports, trial_id):
            trial.intermediate_values[step] = number_from(value, kind)
        trial._user_attrs.update(_attributes_of(self._trial_attributes["user"], trial_id))
        trial._system_attrs.update(_attributes_of(self._trial_attributes["system"], trial_id))


def _of(rows: dict[Any, tuple[Any, ...]], trial_id: int) -> list[tuple[Any, ...]]:
    return [row for row in rows.values() if row[0] == trial_id]


def _attributes_of(rows: dict[tuple[int, str], str], owner_id: int) -> dict[str, Any]:
    return {key: json.loads(text) for (owner, key), text in rows.items() if owner == owner_id}


def _keep(rows: dict[Any, Any], is_kept: Callable[[Any], bool]) -> None:
    for key in [key for key in rows if not is_kept(key)]:
        del rows[key]

"""Everything that a study file holds of one trial, within bounds."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from hptui.domain.attribute_keys import (
    ERROR_KEY,
    MEMORY_KEY,
    METRICS_KEY,
    PLACE_KEY,
    PRUNED_KEY,
    REPEATS_KEY,
    RUN_KEY,
    TAGS_KEY,
)
from hptui.domain.repeats import Repeats
from hptui.domain.resources import StoredPlace
from hptui.domain.spaces.space import ChoiceParam, IntParam, ParamSpec
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STALE, STORED_STATES, state_name
from hptui.errors import SpaceError, UsageError
from hptui.storage.annotations.notes import NO_NOTE, Note, read_note
from hptui.storage.annotations.tags import tags_of
from hptui.storage.files.leases import living_runs
from hptui.storage.files.stale_trials import stale_trials
from hptui.storage.files.study_identity import read_directions
from hptui.storage.read.artifacts import Artifact, split_artifacts
from hptui.storage.read.constraints import KEY_RANGE, OLD_KEY, PREFIX, read_constraint, violation_of
from hptui.storage.read.session import open_study
from hptui.storage.read.stored_spaces import MAX_JSON_CHARS, stored_spec
from hptui.storage.read.study_detail import metric_names_of
from hptui.storage.sqlite.attributes import Attributes, begin_of, read_attributes
from hptui.storage.sqlite.connection import is_of_a_row
from hptui.storage.sqlite.numbers import number_sql
from hptui.storage.sqlite.timestamps import epoch_s, why_no_time
from hptui.storage.transfer.trial_origin import read_study_attribute

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hptui.domain.objective import Direction
    from hptui.storage.files.leases import Living

MAX_REPORTS: Final = 10_000
"""Of more reports than these, the last ones are read."""
MAX_PARAMS: Final = 1_000
MAX_CONSTRAINTS: Final = 1_000

Part = TypeVar("Part")
_MAX_TEXT_CHARS: Final = 10_000
_MAX_TRACEBACK_CHARS: Final = 100_000
_MOST_BYTES: Final = 1 << 60


@dataclass(frozen=True, slots=True)
class TrialParam:
    """One parameter of a trial."""

    name: str
    value: Any
    """As the objective received it; None also where it cannot be told."""
    spec: ParamSpec | None
    """What it was drawn from; None where that cannot be read."""
    distribution: Any
    """The stored JSON, read."""


@dataclass(frozen=True, slots=True)
class StoredError:
    """Why a trial failed, as hptui stored it."""

    kind: str
    type: str
    message: str
    traceback: str


@dataclass(frozen=True, slots=True)
class StoredPruning:
    """Why a trial was pruned, as hptui stored it."""

    step: int | None
    value: float | None
    by: str
    threshold: float | None
    text: str


@dataclass(frozen=True, slots=True)
class TrialDetail:
    """One trial in full."""

    path: Path
    study_name: str
    directions: tuple[Direction, ...]
    trial_id: int
    number: int
    state: str
    """A word of `trial_states`."""
    start_s: float | None
    """Seconds since 1970."""
    complete_s: float | None
    values: tuple[float | None, ...]
    """One for each objective."""
    params: tuple[TrialParam, ...]
    reports: tuple[tuple[int, float], ...]
    """Steps and values, by step; at most the last MAX_REPORTS."""
    n_reports: int
    constraints: Mapping[str, float]
    user_attributes: Attributes
    """Of both kinds of attributes those that have no field of their own here."""
    system_attributes: Attributes
    run: str
    """The id of the run of hptui that it belongs to; empty for other programs' trials."""
    error: StoredError | None
    pruned: StoredPruning | None
    damage: tuple[str, ...]
    """A sentence for each thing that is not as Optuna writes it."""
    note: Note = NO_NOTE
    tags: tuple[str, ...] = ()
    """Not sanitised, as the note."""
    metric_names: tuple[str, ...] = ()
    """A name for each objective, or none at all; not sanitised."""
    place: StoredPlace | None = None
    peak_memory: int | None = None
    """The most memory that its processes took, in bytes."""
    """The devices and cores that it had for itself."""
    artifacts: tuple[Artifact, ...] = ()
    repeats: Repeats | None = None
    """What its repetitions gave, where its configuration was run several times."""

    @property
    def duration_s(self) -> float | None:
        """How long it ran; None while it runs, or where a time is missing."""
        if self.start_s is None or self.complete_s is None:
            return None
        # Times are stored in microseconds; further digits come from the subtraction.
        return round(self.complete_s - self.start_s, 6)

    @property
    def is_feasible(self) -> bool:
        """Whether no constraint is broken."""
        return not violation_of(self.constraints) > 0


def read_trial(path: Path, study_name: str, number: int) -> TrialDetail:
    """Return the trial with this number.

    Raises:
        UsageError: There is no such trial.
        StudyFileError: There is no such study, or its file cannot be read.
    """
    living = living_runs(path)

    with open_study(path, study_name) as study:
        row = study.connection.execute(
            "SELECT trial_id FROM trials WHERE study_id = ? AND number = ? "
            "ORDER BY trial_id LIMIT 1",
            (study.study_id, storable_number(number)),
        ).fetchone()
        if row is None:
            raise no_such_trial(study.connection, study.study_id, study_name, number)
        directions = read_directions(study.connection, study.study_id)
        reader = _TrialReader(study.connection, int(row[0]), study.study_id, living, [])
        return reader.read(path, study_name, directions)


def storable_number(number: int) -> int:
    """Return a trial's number as SQLite can look for it; -1, which no trial has, if it cannot."""
    return number if -(2**63) <= number < 2**63 else -1


def no_such_trial(
    connection: sqlite3.Connection, study_id: int, study_name: str, number: int
) -> UsageError:
    """Return the error that a study has no trial of a number, with how many it has."""
    count, last = connection.execute(
        "SELECT COUNT(*), MAX(number) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    return UsageError(
        f"There is no trial {number} in {safe_line(study_name, max_chars=60)!r}.",
        hint=f"It has {plural(count, 'trial')}, numbered up to {last}."
        if count
        else "It has no trials yet.",
    )


@dataclass(frozen=True, slots=True)
class _TrialReader:
    connection: sqlite3.Connection
    trial_id: int
    study_id: int
    living: Living
    damage: list[str]

    def read(self, path: Path, study_name: str, directions: tuple[Direction, ...]) -> TrialDetail:
        number, state, start_s, complete_s = self._try(
            self._trial, (-1, state_name(-1), None, None)
        )
        reports, n_reports = self._try(self._reports, ((), 0))
        user = read_attributes(self.connection, "trial", "user", self.trial_id)
        system = read_attributes(self.connection, "trial", "system", self.trial_id)
        self.damage.extend([*user.problems, *system.problems])
        artifacts, system = split_artifacts(system)
        return TrialDetail(
            path=path,
            study_name=study_name,
            directions=directions,
            trial_id=self.trial_id,
            number=number,
            state=state,
            start_s=start_s,
            complete_s=complete_s,
            values=self._try(lambda: self._values(len(directions)), (None,) * len(directions)),
            params=self._try(self._params, ()),
            reports=reports,
            n_reports=n_reports,
            constraints=self._try(self._constraints, {}),
            user_attributes=user.without(TAGS_KEY),
            system_attributes=system.without(
                ERROR_KEY, PRUNED_KEY, PLACE_KEY, MEMORY_KEY, REPEATS_KEY, OLD_KEY, prefix=PREFIX
            ),
            run=str(system.get(RUN_KEY) or ""),
            error=_error_of(system.get(ERROR_KEY)),
            pruned=_pruning_of(system.get(PRUNED_KEY)),
            damage=tuple(self.damage),
            note=self._try(
                lambda: read_note(self.connection, self.study_id, self.trial_id), NO_NOTE
            ),
            tags=tags_of(user.get(TAGS_KEY)),
            metric_names=self._try(lambda: self._metric_names(len(directions)), ()),
            place=StoredPlace.read(system.get(PLACE_KEY)),
            peak_memory=_size_of(system.get(MEMORY_KEY)),
            artifacts=artifacts,
            repeats=_repeats_of(system.get(REPEATS_KEY), len(directions)),
        )

    def _try(self, read: Callable[[], Part], otherwise: Part) -> Part:
        try:
            return read()
        except sqlite3.Error as error:
            if not is_of_a_row(error):
                raise
            self.damage.append(f"{safe_line(error)}.")
            return otherwise

    def _metric_names(self, n_objectives: int) -> tuple[str, ...]:
        names = read_study_attribute(self.connection, self.study_id, METRICS_KEY)
        return metric_names_of(names, n_objectives)

    def _trial(self) -> tuple[int, str, float | None, float | None]:
        number, state, start, complete = self.connection.execute(
            "SELECT number, substr(state, 1, 40), substr(datetime_start, 1, 40), "
            "substr(datetime_complete, 1, 40) FROM trials WHERE trial_id = ?",
            (self.trial_id,),
        ).fetchone()
        if state == "RUNNING" and self._is_stale():
            state = state_name(STALE)
        elif state not in STORED_STATES:
            self.damage.append(f"Its state is {safe_line(repr(state))}.")
            state = state_name(-1)
        for what, text in (("start", start), ("end", complete)):
            if text is not None and epoch_s(text) is None:
                self.damage.append(f"Its {what} is {safe_line(repr(text))}, {why_no_time(text)}.")
        return int(number), str(state), epoch_s(start), epoch_s(complete)

    def _is_stale(self) -> bool:
        which = "trials.trial_id = ?", (self.trial_id,)
        return bool(stale_trials(self.connection, self.study_id, self.living, *which))

    def _values(self, n_objectives: int) -> tuple[float | None, ...]:
        values: list[float | None] = [None] * n_objectives
        value = number_sql("value", nan="'nan'")
        for objective, stored in self.connection.execute(
            f"SELECT objective, {value} FROM trial_values WHERE trial_id = ? LIMIT 1000",
            (self.trial_id,),
        ):
            if not isinstance(stored, float):
                self.damage.append("A value is not a number.")
            elif not (isinstance(objective, int) and 0 <= objective < n_objectives):
                self.damage.append("A value belongs to no objective.")
            else:
                values[objective] = stored
        return tuple(values)

    def _reports(self) -> tuple[tuple[tuple[int, float], ...], int]:
        value = number_sql("intermediate_value", nan="'nan'")
        rows = self.connection.execute(
            f"SELECT step, {value} FROM trial_intermediate_values WHERE trial_id = ? "
            "ORDER BY step DESC LIMIT ?",
            (self.trial_id, MAX_REPORTS),
        ).fetchall()
        (count,) = self.connection.execute(
            "SELECT COUNT(*) FROM trial_intermediate_values WHERE trial_id = ?", (self.trial_id,)
        ).fetchone()
        reports: list[tuple[int, float]] = []
        for step, stored in reversed(rows):
            number = float("nan") if stored == "nan" else stored
            if isinstance(step, int) and isinstance(number, float):
                reports.append((step, number))
            else:
                self.damage.append(f"The report at step {safe_line(step)} is not a number.")
        return tuple(reports), int(count)

    def _constraints(self) -> dict[str, float]:
        constraints: dict[str, float] = {}
        for key, text in self.connection.execute(
            f"SELECT {begin_of('key', 1000)}, substr(value_json, 1, {MAX_JSON_CHARS}) "
            "FROM trial_system_attributes WHERE trial_id = ? AND key >= ? AND key < ? "
            "ORDER BY key LIMIT ?",
            (self.trial_id, *KEY_RANGE, MAX_CONSTRAINTS),
        ):
            read_constraint(constraints, str(key), text)
        return constraints

    def _params(self) -> tuple[TrialParam, ...]:
        rows = self.connection.execute(
            f"SELECT {begin_of('param_name', _MAX_TEXT_CHARS)}, param_value, "
            f"substr(distribution_json, 1, {MAX_JSON_CHARS + 1}) FROM trial_params "
            "WHERE trial_id = ? ORDER BY param_id LIMIT ?",
            (self.trial_id, MAX_PARAMS),
        ).fetchall()
        return tuple(self._param(str(name), stored, text) for name, stored, text in rows)

    def _param(self, name: str, stored: object, text: object) -> TrialParam:
        shown = safe_line(name, max_chars=60)
        try:
            spec = stored_spec(text if isinstance(text, str) else "")
        except SpaceError as error:
            self.damage.append(f"Parameter {shown!r}: {error.message}")
            return TrialParam(name, stored if isinstance(stored, float) else None, None, None)
        distribution: Any = json.loads(str(text))
        if not isinstance(stored, float):
            self.damage.append(f"Parameter {shown!r} has no number.")
            return TrialParam(name, None, spec, distribution)
        if not isinstance(spec, ChoiceParam):
            value = int(stored) if isinstance(spec, IntParam) else stored
            return TrialParam(name, value, spec, distribution)
        if not (stored.is_integer() and 0 <= stored < len(spec.choices)):
            self.damage.append(f"Parameter {shown!r} has no choice with index {stored:g}.")
            return TrialParam(name, None, spec, distribution)
        return TrialParam(name, spec.choices[int(stored)], spec, distribution)


def _size_of(stored: object) -> int | None:
    if isinstance(stored, int) and not isinstance(stored, bool) and 0 <= stored < _MOST_BYTES:
        return stored
    return None


def _repeats_of(stored: object, n_objectives: int) -> Repeats | None:
    found = Repeats.read(stored)
    return found if found is not None and len(found.values[0]) == n_objectives else None


def _error_of(data: object) -> StoredError | None:
    if not isinstance(data, dict):
        return None
    kind, name, message = (_text(data, key) for key in ("kind", "type", "message"))
    traceback = _text(data, "traceback", max_chars=_MAX_TRACEBACK_CHARS)
    return StoredError(kind, name, message, traceback)


def _pruning_of(data: object) -> StoredPruning | None:
    if not isinstance(data, dict):
        return None
    fields = cast("dict[str, object]", data)
    step = fields.get("step")
    return StoredPruning(
        step if isinstance(step, int) else None,
        _number(fields.get("value")),
        _text(fields, "by"),
        _number(fields.get("threshold")),
        _text(fields, "text"),
    )


def _text(data: Any, key: str, *, max_chars: int = _MAX_TEXT_CHARS) -> str:  # noqa: ANN401 - JSON
    value = data.get(key)
    return "" if value is None else str(value)[:max_chars]


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, (int, float)) else None

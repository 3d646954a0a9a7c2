"""Trials that a study file did not take, as lines of JSON, and how they get into it later."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import math
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, cast

from optuna.trial import TrialState, create_trial

from hptui.domain.attribute_keys import ENQUEUED_KEY, ERROR_KEY, REPLAYED_KEY, RUN_KEY
from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError, UsageError
from hptui.storage.files.moving import connect_for_writing
from hptui.storage.files.study_identity import no_such_study, read_directions, read_identity
from hptui.storage.sqlite.connection import as_storage_error
from hptui.storage.sqlite.distributions import dump_distribution, parse_distribution
from hptui.storage.sqlite.numbers import as_stored
from hptui.storage.sqlite.timestamps import from_text, to_text
from hptui.storage.sqlite.write_buffer import NewTrial, WriteBuffer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import optuna
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial

FIT_STATES: Final = ("COMPLETE", "PRUNED", "FAIL", "WAITING")
_BAD_LINE: Final = (ValueError, KeyError, TypeError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where trials belong that could not be stored."""

    file: str
    study: str
    token: str | None
    """The study's, which no other study of its name has; None where Optuna created it."""
    run: str


@dataclass(frozen=True, slots=True)
class SpooledTrial:
    """One trial that could not be stored, in the form of Optuna's tables."""

    origin: Origin
    number: int
    state: TrialState
    start: str | None
    complete: str | None
    values: list[float]
    params: dict[str, tuple[float, str]]
    """A number in Optuna's internal representation, and the distribution's JSON."""
    reports: list[tuple[int, float]]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What came of trials that are put into their study later."""

    n_stored: int = 0
    n_known: int = 0
    """Those that were in the file already."""


def spell_trial(origin: Origin, trial: FrozenTrial) -> str:
    """Return the line for a trial: for people at its beginning, for `read_line` in full."""
    stored = {
        name: (
            trial._distributions[name].to_internal_repr(value),
            dump_distribution(trial._distributions[name]),
        )
        for name, value in trial._params.items()
    }
    return json.dumps(
        {
            "number": trial.number,
            "state": trial.state.name.lower(),
            "values": trial.values,
            "params": trial._params,
            "study": origin.study,
            "file": origin.file,
            "token": origin.token,
            "run": origin.run,
            "start": trial.datetime_start and to_text(trial.datetime_start),
            "complete": trial.datetime_complete and to_text(trial.datetime_complete),
            "stored": stored,
            "reports": list(trial.intermediate_values.items()),
            "user_attrs": trial._user_attrs,
            "system_attrs": trial._system_attrs,
        }
    )


def read_line(line: str) -> SpooledTrial:
    """Read what `spell_trial` has written.

    Raises:
        UsageError: It is no such line.
    """
    try:
        data = json.loads(line)
        token = data["token"]
        origin = Origin(
            str(data["file"]),
            str(data["study"]),
            None if token is None else str(token),
            str(data["run"]),
        )
        state = TrialState[str(data["state"]).upper()]
        if state.name not in FIT_STATES:
            raise ValueError(f"a trial that is {data['state']}")
        if int(data["number"]) < 0:
            raise ValueError(f"a trial with the number {data['number']}")
        params = {
            str(name): (as_stored(number), str(text))
            for name, (number, text) in data["stored"].items()
        }
        for _, text in params.values():
            parse_distribution(text)
        return SpooledTrial(
            origin,
            int(data["number"]),
            state,
            _time(data["start"]),
            _time(data["complete"]),
            [as_stored(value) for value in data["values"] or ()],
            params,
            [(int(step), as_stored(value)) for step, value in data["reports"]],
            dict(data["user_attrs"]),
            dict(data["system_attrs"]),
        )
    except _BAD_LINE as error:
        what = safe_line(f"{type(error).__name__}: {error}")
        raise UsageError(
            f"It is not a line of a trial that hptui could not store ({what})."
        ) from error


def _time(text: object) -> str | None:
    return None if text is None else to_text(from_text(str(text)))


def replay(path: Path, study_name: str, trials: Sequence[SpooledTrial]) -> Replayed:
    """Put trials into their study, each once, in one transaction; the caller holds its lease.

    A stale trial, or one that was since taken for dead, gets its end; one
    whose number another trial has by now gets a number of its own.

    Raises:
        StudyFileError: They belong to another study, or the file cannot be used.
        StudyBusyError: Another program holds the lock.
    """
    try:
        with closing(connect_for_writing(path)) as connection:
            connection.execute("BEGIN IMMEDIATE")
            identity = read_identity(connection, study_name)
            if identity is None:
                raise no_such_study(connection, path, study_name)
            _require_same(trials, identity.token, study_name)
            _require_fit(trials, len(read_directions(connection, identity.study_id)), study_name)
            stored = [_replay_one(connection, identity.study_id, trial) for trial in trials]
            connection.execute("COMMIT")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error
    except (ValueError, OverflowError) as error:
        why = safe_line(error).removesuffix(".")
        raise StudyFileError(f"A trial cannot be stored: {why}.") from error
    return Replayed(sum(stored), len(stored) - sum(stored))


def _require_same(trials: Sequence[SpooledTrial], token: str | None, study_name: str) -> None:
    for trial in trials:
        if trial.origin.token != token:
            raise StudyFileError(
                "They belong to an earlier study that was called "
                f"{safe_line(study_name, max_chars=60)}, which no longer exists.",
                hint="The file with them is left as it is; remove it if you do not need it.",
            )


def _require_fit(trials: Sequence[SpooledTrial], n_objectives: int, study_name: str) -> None:
    for trial in trials:
        is_complete = trial.state is TrialState.COMPLETE
        fit = (n_objectives,) if is_complete else (0, n_objectives)
        if len(trial.values) not in fit or any(map(math.isnan, trial.values)):
            raise StudyFileError(
                f"Trial {trial.number} has the values {safe_line(trial.values, max_chars=60)}; "
                f"{safe_line(study_name, max_chars=60)} has {plural(n_objectives, 'objective')}.",
                hint="The file with them is left as it is.",
            )


def _replay_one(connection: sqlite3.Connection, study_id: int, trial: SpooledTrial) -> bool:
    """Store one trial; False when it is stored already."""
    row = connection.execute(
        "SELECT trial_id, state, datetime_start FROM trials WHERE study_id = ? AND number = ? "
        "ORDER BY trial_id LIMIT 1",
        (study_id, trial.number),
    ).fetchone()
    (last,) = connection.execute(
        "SELECT COALESCE(MAX(number), -1) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    # Optuna counts trials to number the next one: no number may be left out.
    if row is None and trial.number <= int(last) + 1:
        _write(connection, _new_id(connection), study_id, trial.number, trial)
        return True
    trial_id, state, start = (-1, "", None) if row is None else (int(row[0]), str(row[1]), row[2])
    is_open = state in ("RUNNING", "WAITING") and trial.state is not TrialState.WAITING
    is_it = row is not None and _is_it(connection, trial_id, state, start, trial)
    if is_it and (is_open or _was_taken_for_dead(connection, trial_id, state, trial)):
        _write(connection, trial_id, None, trial.number, trial)
        return True
    if is_it or _was_replayed(connection, study_id, trial):
        return False
    trial.system_attrs[REPLAYED_KEY] = _spelled(trial)
    _write(connection, _new_id(connection), study_id, int(last) + 1, trial)
    return True


def _is_it(
    connection: sqlite3.Connection, trial_id: int, state: str, start: object, trial: SpooledTrial
) -> bool:
    """Say whether the file has a trial as it was before it could not be stored."""
    run = _system_attribute(connection, trial_id, RUN_KEY)
    if run is not None:
        return run == trial.origin.run and start in (None, trial.start)
    if start is not None:
        return start == trial.start
    # It waits: another program may have enqueued one under this number meanwhile.
    fixed = _system_attribute(connection, trial_id, ENQUEUED_KEY)
    return state == "WAITING" and fixed == trial.system_attrs.get(ENQUEUED_KEY)


def _write(
    connection: sqlite3.Connection,
    trial_id: int,
    new_in: int | None,
    number: int,
    trial: SpooledTrial,
) -> None:
    rows = WriteBuffer()
    if new_in is not None:
        rows.add_trial(NewTrial(trial_id, number, new_in, trial.state, trial.start, trial.complete))
    elif ERROR_KEY not in trial.system_attrs:
        connection.execute(
            "DELETE FROM trial_system_attributes WHERE trial_id = ? AND key = ?",
            (trial_id, ERROR_KEY),
        )
    gather_spooled(rows, trial_id, trial)
    rows.write(connection)


def gather_spooled(rows: WriteBuffer, trial_id: int, trial: SpooledTrial) -> None:
    """Gather what a trial that is there, or among the rows, has got since."""
    if trial_id not in rows.new_trials:
        rows.change_trial(trial_id, trial.state, trial.start, trial.complete)
    for name, (value, text) in trial.params.items():
        rows.add_param(trial_id, name, value, text)
    for objective, value in enumerate(trial.values):
        rows.set_value(trial_id, objective, value)
    for step, value in trial.reports:
        rows.set_report(trial_id, step, value)
    for key, value in trial.user_attrs.items():
        rows.set_trial_attribute("user", trial_id, key, json.dumps(value))
    for key, value in trial.system_attrs.items():
        rows.set_trial_attribute("system", trial_id, key, json.dumps(value))


def new_after(storage: BaseStorage, study: optuna.Study, trial: SpooledTrial) -> bool:
    """Store a trial under another number; False where it is stored so already."""
    mark = _spelled(trial)
    found = study.get_trials(deepcopy=False)
    if any(each.system_attrs.get(REPLAYED_KEY) == mark for each in found):
        return False
    distributions = {name: parse_distribution(text)[0] for name, (_, text) in trial.params.items()}
    template = create_trial(
        state=trial.state,
        values=trial.values or None,
        params={
            name: distributions[name].to_external_repr(value)
            for name, (value, _) in trial.params.items()
        },
        distributions=distributions,
        user_attrs=trial.user_attrs,
        system_attrs={**trial.system_attrs, REPLAYED_KEY: mark},
        intermediate_values=dict(trial.reports),
    )
    for name, text in (("datetime_start", trial.start), ("datetime_complete", trial.complete)):
        setattr(template, name, None if text is None else from_text(text))
    storage.create_new_trial(study._study_id, template)
    return True


def _new_id(connection: sqlite3.Connection) -> int:
    (largest,) = connection.execute("SELECT MAX(trial_id) FROM trials").fetchone()
    return int(largest or 0) + 1


def _system_attribute(connection: sqlite3.Connection, trial_id: int, key: str) -> Any:  # noqa: ANN401 - whatever JSON holds
    row = connection.execute(
        "SELECT value_json FROM trial_system_attributes WHERE trial_id = ? AND key = ?",
        (trial_id, key),
    ).fetchone()
    return None if row is None else read_json(row[0])


def _was_taken_for_dead(
    connection: sqlite3.Connection, trial_id: int, state: str, trial: SpooledTrial
) -> bool:
    error = _system_attribute(connection, trial_id, ERROR_KEY) if state == "FAIL" else None
    if not isinstance(error, dict):
        return False
    return (
        cast("dict[str, object]", error).get("kind") == "died"
        and trial.system_attrs.get(ERROR_KEY) != error
    )


def _was_replayed(connection: sqlite3.Connection, study_id: int, trial: SpooledTrial) -> bool:
    found = connection.execute(
        "SELECT 1 FROM trials JOIN trial_system_attributes USING (trial_id) "
        "WHERE study_id = ? AND key = ? AND value_json = ? LIMIT 1",
        (study_id, REPLAYED_KEY, json.dumps(_spelled(trial))),
    ).fetchone()
    return found is not None


def _spelled(trial: SpooledTrial) -> str:
    return f"{trial.origin.run}:{trial.number}"

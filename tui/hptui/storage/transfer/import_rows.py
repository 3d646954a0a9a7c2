"""Writing trials that come from a file into a study."""

from __future__ import annotations

import json
import secrets
from datetime import UTC, datetime
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from hptui.domain.attribute_keys import ENQUEUED_KEY, IMPORT_KEY, METRICS_KEY, STUDY_KEY
from hptui.domain.spaces.space import ChoiceParam, IntParam, spec_to_json
from hptui.storage.read.constraints import PREFIX, violation_of
from hptui.storage.sqlite.numbers import stored_number
from hptui.storage.sqlite.schema import create_schema
from hptui.storage.sqlite.timestamps import to_text
from hptui.storage.transfer.trial_origin import put_study_attribute

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Mapping

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import ParamSpec
    from hptui.storage.transfer.import_plan import ImportedTrial, ImportPlan

_INFEASIBLE: Final = ("constraints:imported", "1.0")


def create_study(
    connection: sqlite3.Connection, study_name: str, plan: ImportPlan, file_name: str
) -> int:
    """Make an empty study for the trials of a file in an empty database; return its id."""
    create_schema(connection, version("optuna"))
    study_id = connection.execute(
        "INSERT INTO studies (study_name) VALUES (?)", (study_name,)
    ).lastrowid
    assert study_id is not None
    connection.executemany(
        "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)",
        [(each.upper(), study_id, index) for index, each in enumerate(plan.directions)],
    )
    facts = {
        "token": secrets.token_hex(16),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "imported_from": {"file": file_name},
    }
    put_study_attribute(connection, study_id, STUDY_KEY, facts)
    connection.executemany(
        "INSERT INTO study_user_attributes (study_id, key, value_json) VALUES (?, ?, ?)",
        [(study_id, key, json.dumps(value)) for key, value in plan.user_attrs.items()],
    )
    if plan.metric_names:
        put_study_attribute(connection, study_id, METRICS_KEY, list(plan.metric_names))
    return study_id


def add_trials(
    connection: sqlite3.Connection, study_id: int, plan: ImportPlan, file_name: str
) -> None:
    """Add the trials of a file behind those of a study; the transaction is the caller's."""
    (last_id,) = connection.execute("SELECT MAX(trial_id) FROM trials").fetchone()
    (count,) = connection.execute(
        "SELECT COUNT(*) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    first_id = int(last_id or 0) + 1
    now = to_text(datetime.now(UTC))
    trials = list(enumerate(plan.trials, start=first_id))
    many = connection.executemany
    many(
        "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) "
        "VALUES (?, ?, ?, ?, ?, ?)",
        (
            (trial_id, count + trial_id - first_id, study_id, trial.state, *_times(trial, now))
            for trial_id, trial in trials
        ),
    )
    many(
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, ?, ?, ?)",
        (
            (trial_id, objective, *stored_number(value))
            for trial_id, trial in trials
            for objective, value in enumerate(trial.values)
        ),
    )
    texts: dict[int, str] = {}

    def text_of(trial: ImportedTrial, name: str) -> str:
        spec = trial.space.get(name) or plan.space[name]
        # The plan and what it was made of keep the spaces alive.
        if id(spec) not in texts:
            texts[id(spec)] = spec_to_json(spec)
        return texts[id(spec)]

    many(
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) "
        "VALUES (?, ?, ?, ?)",
        (
            (trial_id, name, value, text_of(trial, name))
            for trial_id, trial in trials
            # What waits has its parameters as an attribute, until they are asked for.
            if not trial.is_to_try
            for name, value in trial.params.items()
        ),
    )
    many(
        "INSERT INTO trial_intermediate_values "
        "(trial_id, step, intermediate_value, intermediate_value_type) VALUES (?, ?, ?, ?)",
        (
            (trial_id, step, *stored_number(value))
            for trial_id, trial in trials
            for step, value in trial.reports
        ),
    )
    many(
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        (
            (trial_id, key, json.dumps(value))
            for trial_id, trial in trials
            for key, value in trial.attributes.items()
        ),
    )
    many(
        "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        (
            (trial_id, key, text)
            for (trial_id, trial), origin in zip(trials, origins_of(plan, file_name), strict=True)
            for key, text in _system_attributes(trial, plan, origin)
        ),
    )


def origins_of(plan: ImportPlan, file_name: str) -> list[dict[str, str]]:
    """Return what each trial keeps of where it came from."""
    return [
        {"file": file_name, "place": trial.place, "row": digest}
        for trial, digest in zip(plan.trials, plan.digests, strict=True)
    ]


def params_to_try(trial: ImportedTrial, space: Mapping[str, ParamSpec]) -> dict[str, ChoiceValue]:
    """Return a trial's parameters as an objective gets them."""
    values: dict[str, ChoiceValue] = {}
    for name, value in trial.params.items():
        spec = trial.space.get(name) or space[name]
        if isinstance(spec, ChoiceParam):
            values[name] = spec.choices[int(value)]
        else:
            values[name] = int(value) if isinstance(spec, IntParam) else value
    return values


def _times(trial: ImportedTrial, now: str) -> tuple[str | None, str | None]:
    if trial.state == "WAITING":
        return None, None
    # As Optuna's `create_trial` does where no time is given.
    return trial.start or now, trial.complete or now


def _system_attributes(
    trial: ImportedTrial, plan: ImportPlan, origin: dict[str, str]
) -> Iterator[tuple[str, str]]:
    yield IMPORT_KEY, json.dumps(origin)
    if trial.is_to_try:
        yield ENQUEUED_KEY, json.dumps(params_to_try(trial, plan.space))
    for key, value in trial.system_attrs.items():
        yield key, json.dumps(value)
    for name, value in trial.constraints.items():
        yield f"{PREFIX}{name}", json.dumps(value)
    if not trial.is_feasible and not violation_of(trial.constraints):
        yield _INFEASIBLE

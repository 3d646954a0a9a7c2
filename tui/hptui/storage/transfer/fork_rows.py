"""Making a fork of the rows of a copied study."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.attribute_keys import (
    CHANGES_KEY,
    EDITED_KEY,
    EDITS_KEY,
    METRICS_KEY,
    NEXT_KEY,
    ORIGIN_KEY,
    RUNS_KEY,
    SINCE_KEY,
    STUDY_KEY,
)
from hptui.domain.methods.asked_methods import check_fit, parse_pruner, parse_sampler
from hptui.domain.spaces.edits import UNSET, Unset, edits_from_json, edits_to_json, merge_edits
from hptui.domain.spaces.space import contains, spec_to_json
from hptui.errors import HptuiError
from hptui.storage.files.study_identity import read_study_facts
from hptui.storage.sqlite.schema import TABLES_OF_TRIAL
from hptui.storage.transfer.study_rows import present_tables
from hptui.storage.transfer.trial_origin import (
    leave_sampler_state,
    put_study_attribute,
    read_study_attribute,
    replace_trial_ids,
    replace_trial_numbers,
)

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hptui.domain.spaces.edits import ParamEdit
    from hptui.storage.read.study_reader import StudyReader
    from hptui.storage.transfer.fork_plan import ForkPlan
    from hptui.storage.transfer.param_fit import ParamFit
    from hptui.trials import IntArray

_ABOVE_ALL_OBJECTIVES: Final = 1_000_000


def make_fork(
    connection: sqlite3.Connection,
    study_id: int,
    reader: StudyReader,
    plan: ForkPlan,
    edits: Mapping[str, ParamEdit],
    origin: Path,
) -> None:
    """Turn the only study of a file, as `reader` has it, into the planned fork.

    The transaction is the caller's.

    Args:
        connection: To the file.
        study_id: The study's id there.
        reader: The study.
        plan: What is kept.
        edits: Those of the request.
        origin: The file that the study was copied from.
    """
    ids = reader.trials.trial_ids[plan.rows].tolist()
    numbers = reader.trials.numbers[plan.rows].tolist()
    keep_trials(connection, study_id, dict(zip(ids, range(len(ids)), strict=True)))
    tell_origin(connection, reader.study_name)
    replace_trial_numbers(connection, {old: new for new, old in enumerate(numbers)})
    put_params(connection, reader, plan.rows, plan.fits)
    is_other_function = plan.objectives != tuple(range(len(reader.trials.directions)))
    _set_objectives(connection, study_id, plan)
    put_study_facts(
        connection,
        study_id,
        {"study": reader.study_name, "file": origin.name},
        forgets_objective=is_other_function,
    )
    _set_edits(connection, study_id, plan, edits)
    settle_runs(connection, study_id, len(plan.directions))
    if not plan.is_whole:
        leave_sampler_state(connection, study_id)


def keep_trials(
    connection: sqlite3.Connection, study_id: int, numbers_by_id: Mapping[int, int]
) -> None:
    """Delete all trials but these, whose new numbers `tell_origin` sets; attributes follow."""
    connection.execute("CREATE TEMP TABLE kept (trial_id INTEGER PRIMARY KEY, number INTEGER)")
    connection.executemany("INSERT INTO temp.kept VALUES (?, ?)", numbers_by_id.items())
    for table in ("trials", *present_tables(connection, "main", TABLES_OF_TRIAL)):
        connection.execute(
            f"DELETE FROM {table} WHERE trial_id NOT IN (SELECT trial_id FROM temp.kept)"
        )
    replace_trial_ids(connection, study_id, lambda each: each if each in numbers_by_id else None)


def order_trial_ids(connection: sqlite3.Connection, study_id: int) -> None:
    """Give the trials of a file's only study ids in the order of their numbers.

    Optuna lists trials by id, and takes a trial's place in the list for its number.
    """
    rows = connection.execute("SELECT trial_id, number FROM trials").fetchall()
    base = max((trial_id for trial_id, _ in rows), default=0) + 1
    new_ids = {trial_id: base + number for trial_id, number in rows}
    for table in (*present_tables(connection, "main", TABLES_OF_TRIAL), "trials"):
        connection.execute(
            f"UPDATE {table} SET trial_id = ? + "
            f"(SELECT number FROM trials WHERE trials.trial_id = {table}.trial_id)"
            if table != "trials"
            else "UPDATE trials SET trial_id = ? + number",
            (base,),
        )
    replace_trial_ids(connection, study_id, new_ids.get)


def put_params(
    connection: sqlite3.Connection,
    reader: StudyReader,
    kept: IntArray,
    fits: Iterable[ParamFit],
) -> None:
    """Let parameters of the trials in the rows `kept` be as they are under other spaces."""
    for fit in fits:
        rows = kept[fit.has[kept]]
        text, name = spec_to_json(fit.spec), fit.column.name
        connection.executemany(
            "UPDATE trial_params SET param_value = ?, distribution_json = ? "
            "WHERE trial_id = ? AND param_name = ?",
            [
                (value, text, trial_id, name)
                for value, trial_id in zip(
                    fit.values[rows].tolist(), reader.trials.trial_ids[rows].tolist(), strict=True
                )
            ],
        )


def tell_origin(connection: sqlite3.Connection, study_name: str) -> None:
    """Note in each kept trial where it is from, and give it its new number."""
    connection.execute(
        "INSERT INTO trial_system_attributes (trial_id, key, value_json) "
        "SELECT trial_id, ?, '{\"study\": ' || ? || ', \"number\": ' || number || '}' FROM trials "
        "WHERE true ON CONFLICT (trial_id, key) DO UPDATE SET value_json = excluded.value_json",
        (ORIGIN_KEY, json.dumps(study_name)),
    )
    connection.execute(
        "UPDATE trials SET number = "
        "(SELECT number FROM temp.kept WHERE temp.kept.trial_id = trials.trial_id)"
    )
    connection.execute("DROP TABLE temp.kept")


def put_study_facts(
    connection: sqlite3.Connection,
    study_id: int,
    origin: object,
    *,
    forgets_objective: bool = False,
) -> None:
    """Give a study made of others an identity of its own."""
    facts = read_study_facts(connection, study_id)
    facts |= {
        "token": secrets.token_hex(16),
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "forked_from": origin,
    }
    if forgets_objective:
        for key in ("objective", "file"):
            facts.pop(key, None)
    put_study_attribute(connection, study_id, STUDY_KEY, facts)
    # Trials have other numbers here, and what was prepared is for another study's next run.
    connection.execute(
        "DELETE FROM study_system_attributes WHERE study_id = ? AND key IN (?, ?, ?)",
        (study_id, SINCE_KEY, NEXT_KEY, CHANGES_KEY),
    )


def _set_objectives(connection: sqlite3.Connection, study_id: int, plan: ForkPlan) -> None:
    connection.execute("DELETE FROM study_directions WHERE study_id = ?", (study_id,))
    connection.executemany(
        "INSERT INTO study_directions (direction, study_id, objective) VALUES (?, ?, ?)",
        [(each.upper(), study_id, index) for index, each in enumerate(plan.directions)],
    )
    names = read_study_attribute(connection, study_id, METRICS_KEY)
    if plan.objectives == tuple(range(len(plan.objectives))):
        connection.execute("DELETE FROM trial_values WHERE objective >= ?", (len(plan.objectives),))
    else:
        # Away from all indices first, since each may be there only once.
        connection.execute(
            "UPDATE trial_values SET objective = objective + ?", (_ABOVE_ALL_OBJECTIVES,)
        )
        connection.executemany(
            "UPDATE trial_values SET objective = ? WHERE objective = ?",
            [(new, old + _ABOVE_ALL_OBJECTIVES) for new, old in enumerate(plan.objectives)],
        )
        connection.execute(
            "DELETE FROM trial_values WHERE objective >= ?", (_ABOVE_ALL_OBJECTIVES,)
        )
    if isinstance(names, list):
        listed = cast("list[object]", names)
        chosen = [listed[index] for index in plan.objectives if index < len(listed)]
        put_study_attribute(connection, study_id, METRICS_KEY, chosen)


def _set_edits(
    connection: sqlite3.Connection,
    study_id: int,
    plan: ForkPlan,
    edits: Mapping[str, ParamEdit],
) -> None:
    if not edits:
        return
    earlier = edits_from_json(read_study_attribute(connection, study_id, EDITS_KEY) or {})
    merged = merge_edits(earlier, edits)
    for fit in plan.fits:
        name = fit.column.name
        fixed = merged[name].fixed
        if not isinstance(fixed, Unset) and not contains(fit.spec, fixed):
            # What it was fixed to before is not in the range of now.
            merged[name] = replace(merged[name], fixed=UNSET)
    put_study_attribute(connection, study_id, EDITS_KEY, edits_to_json(merged))
    note_edited(connection, study_id, edits)


def note_edited(connection: sqlite3.Connection, study_id: int, names: Iterable[str]) -> None:
    """Note that trials of a study may hold these parameters under other spaces than that of now."""
    ever = read_study_attribute(connection, study_id, EDITED_KEY)
    known = [str(name) for name in cast("list[object]", ever if isinstance(ever, list) else [])]
    put_study_attribute(connection, study_id, EDITED_KEY, sorted({*known, *names}))


def settle_runs(connection: sqlite3.Connection, study_id: int, n_objectives: int) -> None:
    """Let the latest run, from which the next one takes its sampler, have ended and fit."""
    stored = read_study_attribute(connection, study_id, RUNS_KEY)
    runs = cast("list[object]", stored) if isinstance(stored, list) else []
    if not runs or not isinstance(runs[-1], dict):
        return
    last = cast("dict[str, Any]", runs[-1])
    if last.get("ended") is None:
        last |= {"ended": last.get("started"), "reason": "forked"}
    try:
        sampler = parse_sampler(str(last.get("sampler") or ""))
        pruner = parse_pruner(str(last.get("pruner") or "none"))
        fits = check_fit(sampler, pruner, n_objectives) is None
    except HptuiError:
        fits = False
    if not fits:
        last |= {"sampler": None, "pruner": None}
    put_study_attribute(connection, study_id, RUNS_KEY, runs)

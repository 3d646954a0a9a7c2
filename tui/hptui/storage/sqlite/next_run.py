"""What a study keeps for its next run: edits of its space, waiting trials, trials and workers."""

from __future__ import annotations

import datetime
import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, cast

import numpy as np

from hptui.domain.attribute_keys import (
    ASKED_KEY,
    CHANGES_KEY,
    EDITED_KEY,
    EDITS_KEY,
    ENQUEUED_KEY,
    ERROR_KEY,
    NEXT_KEY,
    RUNS_KEY,
    SEAT_KEY,
    SINCE_KEY,
)
from hptui.domain.next_run import NextRun
from hptui.domain.spaces.edits import (
    ParamEdit,
    edits_from_json,
    edits_to_json,
)
from hptui.domain.spaces.edits_since import edits_since, read_since
from hptui.domain.spaces.resolved_space import resolve_space
from hptui.domain.spaces.space import spec_from_json, spec_to_json
from hptui.domain.study_changes import add_change
from hptui.domain.trial_queue import WITHDRAWN, read_waiting
from hptui.domain.trial_states import COMPLETE, PRUNED
from hptui.errors import SpaceError
from hptui.storage.read.stored_spaces import latest_spaces
from hptui.storage.sqlite.timestamps import to_text
from hptui.storage.transfer.param_fit import fit_param
from hptui.storage.transfer.trial_origin import put_study_attribute, read_study_attribute

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Mapping

    from hptui.domain.spaces.space import ParamSpec
    from hptui.domain.study_changes import ChangedWhat
    from hptui.domain.trial_queue import WaitingTrial
    from hptui.storage.read.study_reader import StudyReader


@dataclass(frozen=True, slots=True)
class StoredSpace:
    """The search space of a study as its file tells it."""

    asked: Mapping[str, ParamSpec]
    """Without edits: as the objective asks for it, as far as it is known."""
    stored: Mapping[str, ParamSpec]
    """As the latest trials hold it."""
    edits: Mapping[str, ParamEdit]
    """Those in force."""
    ever_edited: frozenset[str]
    since: Mapping[str, int]
    """The first trial for which an edit holds, where that is known."""
    next_number: int
    """The number that the next new trial gets."""

    def with_edits(self, edits: Mapping[str, ParamEdit]) -> StoredSpace:
        """Return the space with other edits of the named parameters; an empty one takes it back.

        Raises:
            SpaceError: An edit does not suit its parameter, or what the trials hold of it.
        """
        after = resolve_space(self.asked, self.edits, edits, stored=self.stored).edits
        return replace(
            self,
            edits=after,
            ever_edited=self.ever_edited | set(edits),
            since=edits_since(self.edits, self.since, after, self.next_number),
        )

    def effective(self) -> Mapping[str, ParamSpec]:
        """Return the parameters with the edits in force.

        Raises:
            SpaceError: An edit does not suit its parameter.
        """
        return resolve_space(self.asked, self.edits).effective

    def count(self, reader: StudyReader) -> tuple[int, int]:
        """Return how many complete and pruned trials a sampler learns from, and how many not.

        Those count that are inside the edited ranges, as for a run.
        """
        n_trials = len(reader.trials)
        fits = np.ones(n_trials, np.bool_)
        for name, spec in self.effective().items():
            if name in self.ever_edited and name in reader.trials.params:
                fits &= fit_param(reader.trials.params[name], spec, n_trials).fits
        ended = np.isin(reader.trials.states, (COMPLETE, PRUNED))
        return int((ended & fits).sum()), int((ended & ~fits).sum())


def read_space(connection: sqlite3.Connection, study_id: int) -> StoredSpace:
    """Return a study's space.

    Raises:
        SpaceError: The stored edits are damaged.
    """
    stored = latest_spaces(connection, study_id)
    listed = read_study_attribute(connection, study_id, EDITED_KEY)
    ever = frozenset(map(str, cast("list[object]", listed) if isinstance(listed, list) else ()))
    asked = _read_asked(read_study_attribute(connection, study_id, ASKED_KEY))
    # What the objective has and no trial had yet.
    unseen = asked.keys() - stored.keys()
    (count,) = connection.execute(
        "SELECT COUNT(*) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    return StoredSpace(
        # What trials hold of an edited parameter is not what the objective asks for.
        asked=stored | {name: spec for name, spec in asked.items() if name in ever | unseen},
        stored=stored,
        edits=edits_from_json(read_study_attribute(connection, study_id, EDITS_KEY) or {}),
        ever_edited=ever,
        since=read_since(read_study_attribute(connection, study_id, SINCE_KEY)),
        next_number=int(count),
    )


def write_space(connection: sqlite3.Connection, study_id: int, space: StoredSpace) -> None:
    """Store the edits of a space; the transaction is the caller's."""
    told = spell_edits(space.edits, space.ever_edited, space.since, space.asked)
    for key, value in told.items():
        put_study_attribute(connection, study_id, key, value)


def note_change(
    connection: sqlite3.Connection, study_id: int, number: int, what: ChangedWhat, text: str
) -> None:
    """Store that this user has changed something now; the transaction is the caller's.

    `number` is that of the first trial for which it may count.
    """
    known = read_study_attribute(connection, study_id, CHANGES_KEY)
    put_study_attribute(connection, study_id, CHANGES_KEY, add_change(known, number, what, text))


def spell_edits(
    edits: Mapping[str, ParamEdit],
    ever_edited: frozenset[str],
    since: Mapping[str, int],
    asked: Mapping[str, ParamSpec],
) -> dict[str, object]:
    """Return the attributes of a study that tell its edits."""
    return {
        EDITS_KEY: edits_to_json(edits),
        EDITED_KEY: sorted(ever_edited),
        SINCE_KEY: dict(since),
        ASKED_KEY: {name: spec_to_json(asked[name]) for name in sorted(asked)},
    }


def add_waiting(connection: sqlite3.Connection, study_id: int, params: Mapping[str, object]) -> int:
    """Add a trial that waits, as `Study.enqueue_trial` does, and return its number.

    The transaction is the caller's.
    """
    (count,) = connection.execute(
        "SELECT COUNT(*) FROM trials WHERE study_id = ?", (study_id,)
    ).fetchone()
    trial_id = connection.execute(
        "INSERT INTO trials (number, study_id, state) VALUES (?, ?, 'WAITING')", (count, study_id)
    ).lastrowid
    connection.execute(
        "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
        (trial_id, ENQUEUED_KEY, json.dumps(params)),
    )
    return int(count)


def read_queue(connection: sqlite3.Connection, study_id: int) -> list[WaitingTrial]:
    """Return the trials that wait."""
    waiting = connection.execute(
        "SELECT number, trial_id FROM trials WHERE study_id = ? AND state = 'WAITING'", (study_id,)
    ).fetchall()

    def attribute(trial_id: int, key: str) -> object:
        found = connection.execute(
            "SELECT value_json FROM trial_system_attributes WHERE trial_id = ? AND key = ?",
            (trial_id, key),
        ).fetchone()
        try:
            return None if found is None else json.loads(found[0])
        except (ValueError, TypeError, RecursionError):
            return None

    return [
        read_waiting(number, attribute(trial_id, ENQUEUED_KEY), attribute(trial_id, SEAT_KEY))
        for number, trial_id in waiting
        if isinstance(number, int)
    ]


def seat_waiting(connection: sqlite3.Connection, study_id: int, seats: Mapping[int, int]) -> None:
    """Give waiting trials their seats, by number; the transaction is the caller's."""
    for number, seat in seats.items():
        (trial_id,) = connection.execute(
            "SELECT trial_id FROM trials WHERE study_id = ? AND number = ? AND state = 'WAITING'",
            (study_id, number),
        ).fetchone()
        connection.execute(
            "DELETE FROM trial_system_attributes WHERE trial_id = ? AND key = ?",
            (trial_id, SEAT_KEY),
        )
        connection.execute(
            "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
            (trial_id, SEAT_KEY, json.dumps(seat)),
        )


def withdraw_waiting(
    connection: sqlite3.Connection, study_id: int, number: int | None = None
) -> int:
    """Store the trials that wait, or one of them, as failed, since numbers have no gaps.

    The transaction is the caller's.

    Returns:
        How many there were.
    """
    waiting = connection.execute(
        "SELECT trial_id FROM trials WHERE study_id = ? AND state = 'WAITING'"
        " AND number = COALESCE(?, number)",
        (study_id, number),
    ).fetchall()
    error = {"kind": "interrupted", "type": "", "message": WITHDRAWN, "traceback": ""}
    complete = to_text(datetime.datetime.now(datetime.UTC))
    for (trial_id,) in waiting:
        connection.execute(
            "UPDATE trials SET state = 'FAIL', datetime_complete = ? WHERE trial_id = ?",
            (complete, trial_id),
        )
        connection.execute(
            "INSERT INTO trial_system_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
            (trial_id, ERROR_KEY, json.dumps(error)),
        )
    return len(waiting)


def last_workers(connection: sqlite3.Connection, study_id: int) -> int | None:
    """Return how many workers the study's latest run had; None where nothing tells."""
    runs = read_study_attribute(connection, study_id, RUNS_KEY)
    last = cast("list[object]", runs)[-1] if isinstance(runs, list) and runs else None
    workers = cast("dict[str, object]", last).get("slots") if isinstance(last, dict) else None
    return workers if isinstance(workers, int) and workers > 0 else None


def read_next(connection: sqlite3.Connection, study_id: int) -> NextRun:
    """Return what is prepared for the next run."""
    return NextRun.read(read_study_attribute(connection, study_id, NEXT_KEY))


def write_next(connection: sqlite3.Connection, study_id: int, prepared: NextRun) -> None:
    """Prepare that for the next run; the transaction is the caller's."""
    put_study_attribute(connection, study_id, NEXT_KEY, prepared.to_json())


def _read_asked(data: object) -> dict[str, ParamSpec]:
    held = cast("dict[object, object]", data) if isinstance(data, dict) else {}
    asked: dict[str, ParamSpec] = {}
    for name, text in held.items():
        try:
            asked[str(name)] = spec_from_json(str(text))
        except SpaceError:
            continue
    return asked

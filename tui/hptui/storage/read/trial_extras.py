"""What trials have besides columns, for exports: user attributes and constraints."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.attribute_keys import ENQUEUED_KEY, ERROR_KEY, PRUNED_KEY
from hptui.domain.texts.json_values import plain
from hptui.errors import UsageError
from hptui.storage.read.constraints import KEY_RANGE, OLD_KEY, PREFIX, read_constraint
from hptui.storage.read.session import open_file
from hptui.storage.sqlite.attribute_values import value_of_json
from hptui.storage.sqlite.attributes import MAX_ATTRIBUTES
from hptui.storage.sqlite.numbers import number_sql

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator

    from hptui.storage.read.study_reader import StudyReader
    from hptui.trials import IntArray

_TRIALS_A_LOOK: Final = 500
"""A writer without WAL waits for readers: no look takes long."""
_KEYS: Final = (
    "SELECT DISTINCT key FROM trials JOIN trial_{kind}_attributes USING (trial_id) "
    "WHERE study_id = ? {more} "
    f"ORDER BY key LIMIT {MAX_ATTRIBUTES + 1}"
)
_OF_TRIAL: Final = (
    # As bytes, so that what is no UTF-8 ends nothing.
    "SELECT key, CAST(value_json AS BLOB) FROM trial_{kind}_attributes "
    "WHERE trial_id = ? {more} ORDER BY key"
)
KEPT_KEYS: Final = (ENQUEUED_KEY, ERROR_KEY, PRUNED_KEY)
"""System attributes that tell of a trial itself, and not of its sampler."""
_KEPT: Final = f"AND key IN ({', '.join('?' * len(KEPT_KEYS))})"
_REPORTS: Final = (
    f"SELECT step, {number_sql('intermediate_value')} "
    "FROM trial_intermediate_values WHERE trial_id = ? ORDER BY step"
)
_IN_RANGE: Final = "AND key >= ? AND key < ?"


@dataclass(frozen=True, slots=True)
class TrialExtras:
    """Of one trial; what is not JSON is not there."""

    user_attrs: dict[str, Any] = field(default_factory=dict[str, Any])
    constraints: dict[str, float] = field(default_factory=dict[str, float])
    system_attrs: dict[str, Any] = field(default_factory=dict[str, Any])
    """Those of `KEPT_KEYS`; only for an `ExtrasReader` of everything."""
    reports: tuple[tuple[int, float], ...] = ()
    """Steps and values; only for an `ExtrasReader` of everything."""


@dataclass(frozen=True, slots=True)
class ExtraNames:
    """What any trial of a study has."""

    user_attrs: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()

    def require_a_table(self) -> None:
        """Check that a table has room for a column for each.

        Raises:
            UsageError: It has not.
        """
        for what, names in (
            ("user attributes", self.user_attrs),
            ("constraints", self.constraints),
        ):
            if len(names) > MAX_ATTRIBUTES:
                raise UsageError(
                    f"The trials have more than {MAX_ATTRIBUTES:,} different {what}, too many for "
                    "columns of a table.",
                    hint="JSON lines (.jsonl, or hptui trials --json) take them all.",
                )


_NONE: Final = TrialExtras()


class ExtrasReader:
    """Reads what belongs to the trials of some columns from their file.

    Methods raise:
        StudyFileError: The study is not there any more, or its file cannot be read.
        StudyBusyError: Another program has locked the file.
    """

    def __init__(self, reader: StudyReader, *, has_everything: bool = False) -> None:
        self._columns = reader
        self._has_everything = has_everything
        self.n_unreadable = 0
        """How many user attributes were no JSON, and so are left out."""
        self._names: ExtraNames | None = None

    def names(self) -> ExtraNames:
        """Return the keys of all attributes, and the names of all constraints."""
        if self._names is None:
            with self._columns.study.look_at_same() as study:
                self._names = _names(study.connection, study.study_id)
        return self._names

    def of_rows(self, rows: IntArray) -> Iterator[TrialExtras]:
        """Yield what the trials in some rows have, in their order."""
        ids: list[int] = self._columns.trials.trial_ids[rows].tolist()
        if self.names() == ExtraNames() and not self._has_everything:
            yield from (_NONE for _ in ids)
            return
        study = self._columns.study
        with open_file(study.path, is_known=True) as connection:
            for start in range(0, len(ids), _TRIALS_A_LOOK):
                if start:
                    connection.execute("ROLLBACK")
                    connection.execute("BEGIN")
                study.require_same(connection)
                for trial_id in ids[start : start + _TRIALS_A_LOOK]:
                    yield self._of_trial(connection, trial_id)

    def _of_trial(self, connection: sqlite3.Connection, trial_id: int) -> TrialExtras:
        users = connection.execute(_OF_TRIAL.format(kind="user", more=""), (trial_id,))
        user_attrs = dict(self._readable(users))
        constraints: dict[str, float] = {}
        for key, text in connection.execute(
            _OF_TRIAL.format(kind="system", more=_IN_RANGE), (trial_id, *KEY_RANGE)
        ):
            read_constraint(constraints, str(key), text)
        if not self._has_everything:
            return TrialExtras(user_attrs, constraints)
        kept = connection.execute(
            _OF_TRIAL.format(kind="system", more=_KEPT), (trial_id, *KEPT_KEYS)
        )
        reports = connection.execute(_REPORTS, (trial_id,)).fetchall()
        return TrialExtras(
            user_attrs,
            constraints,
            dict(self._readable(kept)),
            tuple(
                (step, value if isinstance(value, (int, float)) else math.nan)
                for step, value in reports
                if isinstance(step, int)
            ),
        )

    def _readable(self, rows: Iterable[tuple[object, object]]) -> Iterator[tuple[str, Any]]:
        for key, text in rows:
            try:
                value: Any = value_of_json(cast("bytes", text or b"").decode())
                # What is nested too deeply to be written is as good as not there.
                plain(value)
            except (ValueError, RecursionError):
                self.n_unreadable += 1
                continue
            yield str(key), value


def _names(connection: sqlite3.Connection, study_id: int) -> ExtraNames:
    users = connection.execute(_KEYS.format(kind="user", more=""), (study_id,)).fetchall()
    found = connection.execute(
        _KEYS.format(kind="system", more=_IN_RANGE), (study_id, *KEY_RANGE)
    ).fetchall()
    keys = [str(key) for (key,) in found]
    numbered: list[str] = []
    if OLD_KEY in keys:
        (longest,) = connection.execute(
            "SELECT MAX(CASE WHEN json_valid(value_json) THEN json_array_length(value_json) END) "
            "FROM trials JOIN trial_system_attributes USING (trial_id) "
            "WHERE study_id = ? AND key = ?",
            (study_id, OLD_KEY),
        ).fetchone()
        numbered = [str(at) for at in range(min(int(longest or 0), MAX_ATTRIBUTES + 1))]
    named = [key.removeprefix(PREFIX) for key in keys if key.startswith(PREFIX)]
    return ExtraNames(
        tuple(str(key) for (key,) in users), tuple(dict.fromkeys((*numbered, *named)))
    )

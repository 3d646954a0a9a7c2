"""The entries of a journal of Optuna's, played into rows as Optuna plays them into its memory.

Ids in a journal begin with 0 and in tables with 1, so all are one greater here.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, cast

from optuna.distributions import check_distribution_compatibility

from hptui.domain.texts.json_values import read_json
from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.source import (
    COLUMN_ORDER,
    MAX_NAME_CHARS,
    MAX_TEXT_CHARS,
    RowBatch,
    StudiesGone,
    left_out,
)
from hptui.storage.sqlite.distributions import parse_distribution
from hptui.storage.sqlite.numbers import stored_number
from hptui.storage.sqlite.timestamps import to_text
from hptui.storage.transfer.trial_origin import is_about_trials, with_new_ids

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from hptui.storage.mirror.source import Change, Mirrored

_STATES: Final = ("RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING")
_DIRECTIONS: Final = ("NOT_SET", "MINIMIZE", "MAXIMIZE")
_OPEN: Final = ("RUNNING", "WAITING")
_UTC: Final = "+00:00"
_UTC_CHARS: Final = 32
_UNREADABLE: Final = (
    KeyError,
    TypeError,
    ValueError,
    AttributeError,
    IndexError,
    ArithmeticError,
    RecursionError,
)
_DISCARD_TRIALS: Final = 10
"""Of another program than Optuna, which passes it over."""

Entry = dict[str, Any]


class JournalReplay:
    """Plays entries, and gathers the rows that they make until `flush`."""

    def __init__(self) -> None:
        self.n_studies = 0
        """How many studies were ever made."""
        self.n_trials = 0
        """How many trials were ever made."""
        self.n_damaged = 0
        """How many entries could not be played."""
        self.first_damage = ""
        self._names: dict[int, str] = {}
        self._n_trials_of: dict[int, int] = {}
        self._open: dict[int, list[object]] = {}
        self._known_spaces: dict[tuple[int, str], set[str]] = {}
        self._mirrored: Mirrored | None = None
        self._sealed: list[Change] = []
        self._trials: dict[int, list[object]] = {}
        """Rows of trials by id: a trial that begins and ends is one row."""
        self._rows = _no_rows()
        """Of all other tables, in the order of the journal: a later row replaces an earlier one."""
        self._appliers: tuple[Callable[[Entry], None], ...] = (
            self._create_study,
            self._delete_study,
            self._study_user_attr,
            self._study_system_attr,
            self._create_trial,
            self._param,
            self._state,
            self._report,
            self._trial_user_attr,
            self._trial_system_attr,
        )

    @classmethod
    def of_mirror(cls, mirrored: Mirrored, facts: Entry) -> JournalReplay:
        """Return a replay that goes on where another one has ended.

        Args:
            mirrored: What that one has made.
            facts: What its `facts` returned.
        """
        replay = cls()
        replay._mirrored = mirrored
        replay.n_studies, replay.n_trials = int(facts["studies"]), int(facts["trials"])
        replay.n_damaged = int(facts["damaged"])
        replay.first_damage = str(facts["damage"])
        replay._names = mirrored.studies()
        counts = mirrored.trials()
        replay._n_trials_of = {each: counts.get(each, (0, 0))[1] for each in replay._names}
        replay._open = {key: list(row) for key, row in mirrored.open_trials().items()}
        return replay

    def facts(self) -> Entry:
        """Return what `of_mirror` needs besides the mirror."""
        return {
            "studies": self.n_studies,
            "trials": self.n_trials,
            "damaged": self.n_damaged,
            "damage": self.first_damage,
        }

    def play(self, entries: Iterable[object]) -> None:
        """Play entries; what cannot be played is counted."""
        appliers, n_known = self._appliers, len(self._appliers)
        for entry in entries:
            try:
                operation = cast("Entry", entry)["op_code"]
                if operation != _DISCARD_TRIALS:
                    if not 0 <= operation < n_known:
                        raise ValueError(f"no operation {operation}")
                    appliers[operation](cast("Entry", entry))
            except _UNREADABLE as error:
                self.note_damage(f"{type(error).__name__}: {error}")

    def note_damage(self, what: str) -> None:
        """Count an entry that cannot be played."""
        self.n_damaged += 1
        self.first_damage = self.first_damage or safe_line(what, max_chars=120)

    def notes(self) -> tuple[str, ...]:
        """Return what could not be played, in sentences."""
        if not self.n_damaged:
            return ()
        entries = "entry" if self.n_damaged == 1 else "entries"
        return (
            f"{self.n_damaged:,} {entries} of the journal cannot be read and count for nothing "
            f"({self.first_damage}).",
        )

    @property
    def n_buffered(self) -> int:
        """How many rows wait for `flush`."""
        return len(self._trials) + sum(map(len, self._rows.values()))

    def flush(self) -> Iterator[Change]:
        """Yield what was gathered, and forget it."""
        changes, self._sealed = self._batches(), []
        yield from changes

    def _batches(self) -> list[Change]:
        rows, self._rows = self._rows, _no_rows()
        trials, self._trials = self._trials, {}
        rows["trials"] = [tuple(row) for row in trials.values()]
        batches = [RowBatch(each, rows[each]) for each in COLUMN_ORDER if rows[each]]
        return [*self._sealed, *batches]

    def _put(self, table: str, *row: object) -> None:
        self._rows[table].append(row)

    # Studies.

    def _create_study(self, entry: Entry) -> None:
        name = str(entry["study_name"])[:MAX_NAME_CHARS]
        directions = [_DIRECTIONS[_place(each)] for each in entry["directions"]]
        if name in self._names.values():
            return
        self.n_studies += 1
        study_id = self.n_studies
        self._names[study_id] = name
        self._n_trials_of[study_id] = 0
        self._put("studies", study_id, name)
        for objective, direction in enumerate(directions):
            self._put("study_directions", None, direction, study_id, objective)

    def _delete_study(self, entry: Entry) -> None:
        study_id = int(entry["study_id"]) + 1
        if self._names.pop(study_id, None) is None:
            return
        del self._n_trials_of[study_id]
        of_study = 2
        self._open = {key: row for key, row in self._open.items() if row[of_study] != study_id}
        # What was gathered of it comes before its end.
        self._sealed = [*self._batches(), StudiesGone((study_id,))]

    def _study_user_attr(self, entry: Entry) -> None:
        self._study_attr("study_user_attributes", entry, entry["user_attr"])

    def _study_system_attr(self, entry: Entry) -> None:
        # Its ids are one less than those here.
        attr: Entry = {}
        for key, value in entry["system_attr"].items():
            if is_about_trials(key):
                renamed = with_new_ids(key, json.dumps(value), lambda each: each + 1)
                attr |= {} if renamed is None else {renamed[0]: read_json(renamed[1])}
            else:
                attr[key] = value
        self._study_attr("study_system_attributes", entry, attr)

    def _study_attr(self, table: str, entry: Entry, attr: Entry) -> None:
        study_id = int(entry["study_id"]) + 1
        if study_id in self._names:
            for key, value in attr.items():
                self._put(table, None, study_id, _name(key), _json(value))

    # Trials.

    def _create_trial(self, entry: Entry) -> None:
        study_id = int(entry["study_id"]) + 1
        if study_id not in self._names:
            return
        state = _STATES[_place(entry.get("state", 0))]
        start, complete = _time(entry["datetime_start"]), _time(entry.get("datetime_complete"))
        self.n_trials += 1
        trial_id = self.n_trials
        number = self._n_trials_of[study_id]
        self._n_trials_of[study_id] = number + 1
        row: list[object] = [trial_id, number, study_id, state, start, complete]
        self._trials[trial_id] = row
        if state in _OPEN:
            self._open[trial_id] = row
        spaces: Entry = entry.get("distributions") or {}
        params: Entry = entry.get("params") or {}
        for name, value in params.items():
            self._put_param(study_id, trial_id, name, value, spaces[name])
        values = entry.get("values")
        if values is None and entry.get("value") is not None:
            values = [entry["value"]]
        self._put_values(trial_id, values)
        reports: Entry = entry.get("intermediate_values") or {}
        for step, value in reports.items():
            self._put_report(trial_id, int(step), value)
        self._trial_attrs("trial_user_attributes", trial_id, entry.get("user_attrs") or {})
        self._trial_attrs("trial_system_attributes", trial_id, entry.get("system_attrs") or {})

    def _param(self, entry: Entry) -> None:
        trial_id = int(entry["trial_id"]) + 1
        row = self._open.get(trial_id)
        if row is None:
            return
        study_id = cast("int", row[2])
        name, space = str(entry["param_name"]), str(entry["distribution"])
        if self._is_compatible(study_id, name, space):
            self._put_param(study_id, trial_id, name, entry["param_value_internal"], space)

    def _is_compatible(self, study_id: int, name: str, space: str) -> bool:
        """Say whether Optuna takes the distribution, by the first one of the parameter."""
        key = study_id, name
        known = self._known_spaces.get(key)
        if known is not None and space in known:
            return True
        if known is None and self._mirrored is not None:
            first = self._mirrored.first_distribution(study_id, name)
            known = None if first is None else {first}
            if known is not None:
                self._known_spaces[key] = known
        if known is None:
            return True
        try:
            check_distribution_compatibility(
                parse_distribution(next(iter(known)))[0], parse_distribution(space)[0]
            )
        except ValueError:
            return False
        return True

    def _put_param(
        self, study_id: int, trial_id: int, name: str, value: object, space: str
    ) -> None:
        known = self._known_spaces.setdefault((study_id, name), set())
        if space not in known:
            parse_distribution(space)
            known.add(space)
        stored = float(cast("float", value))
        self._put("trial_params", None, trial_id, _name(name), stored, _text(space))

    def _state(self, entry: Entry) -> None:
        trial_id = int(entry["trial_id"]) + 1
        row = self._open.get(trial_id)
        if row is None:
            return
        state = _STATES[_place(entry["state"])]
        if state == row[3] == "RUNNING":
            return
        changed = list(row)
        changed[3] = state
        if state == "RUNNING":
            changed[4] = _time(entry["datetime_start"])
        elif state != "WAITING":
            changed[5] = _time(entry["datetime_complete"])
        self._put_values(trial_id, entry["values"])
        self._trials[trial_id] = changed
        if state in _OPEN:
            self._open[trial_id] = changed
        else:
            del self._open[trial_id]

    def _put_values(self, trial_id: int, values: object) -> None:
        for objective, value in enumerate(cast("list[float]", values or [])):
            self._put("trial_values", None, trial_id, objective, *stored_number(float(value)))

    def _report(self, entry: Entry) -> None:
        trial_id = int(entry["trial_id"]) + 1
        if trial_id in self._open:
            self._put_report(trial_id, int(entry["step"]), entry["intermediate_value"])

    def _put_report(self, trial_id: int, step: int, value: object) -> None:
        number = stored_number(float(cast("float", value)))
        self._put("trial_intermediate_values", None, trial_id, step, *number)

    def _trial_user_attr(self, entry: Entry) -> None:
        trial_id = int(entry["trial_id"]) + 1
        if trial_id in self._open:
            self._trial_attrs("trial_user_attributes", trial_id, entry["user_attr"])

    def _trial_system_attr(self, entry: Entry) -> None:
        trial_id = int(entry["trial_id"]) + 1
        if trial_id in self._open:
            self._trial_attrs("trial_system_attributes", trial_id, entry["system_attr"])

    def _trial_attrs(self, table: str, trial_id: int, attrs: Entry) -> None:
        for key, value in attrs.items():
            self._put(table, None, trial_id, _name(key), _json(value))


def _no_rows() -> dict[str, list[tuple[object, ...]]]:
    return {table: [] for table in COLUMN_ORDER}


def _place(number: object) -> int:
    place = int(cast("int", number))
    if place < 0:
        raise ValueError(number)
    return place


def _name(name: object) -> str:
    return str(name)[:MAX_NAME_CHARS]


def _json(value: object) -> str:
    return _text(json.dumps(value))


def _text(text: str) -> str:
    return text if len(text) <= MAX_TEXT_CHARS else left_out(len(text))


def _time(text: object) -> str | None:
    """Return a time of a journal as tables have it: UTC, without its zone."""
    if text is None:
        return None
    if isinstance(text, str) and len(text) == _UTC_CHARS and text.endswith(_UTC):
        return f"{text[:10]} {text[11:26]}"
    from datetime import datetime

    return to_text(datetime.fromisoformat(cast("str", text)))

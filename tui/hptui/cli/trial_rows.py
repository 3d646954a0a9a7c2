"""Rows of a study's columns, chosen, sorted and printed in each form of `hptui trials`."""

from __future__ import annotations

import csv
import difflib
import itertools
import json
import math
import sys
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from hptui.cli.json_values import dump
from hptui.cli.table import Column, render_table
from hptui.cli.terminal import Terminal
from hptui.domain.choices import ChoiceValue, spell_choice
from hptui.domain.text import safe_line
from hptui.errors import UsageError
from hptui.storage.stored_times import iso_utc
from hptui.storage.trial_states import state_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.storage.columns import StudyColumns

_ROWS_A_PAGE = 1_000
_MAX_CSV_CHARS = 100_000
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Absent(Enum):
    """The type of `ABSENT`: None is a choice like any other."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class TrialRecord:
    """One trial, on its way to being printed."""

    number: int
    state: str
    values: list[float]
    is_feasible: bool
    start_s: float
    complete_s: float
    duration_s: float
    last_step: int
    last_value: float
    params: dict[str, ChoiceValue | Absent]


class TrialRows:
    """Some rows of a study's columns in some order: at first all, as they are stored."""

    def __init__(self, columns: StudyColumns) -> None:
        self.columns = columns
        self._rows: npt.NDArray[np.int64] = np.arange(len(columns))
        # Times are stored in microseconds; further digits come from the subtraction.
        self._durations_s = np.round(columns.completes_s - columns.starts_s, 6)

    def select(self, states: Sequence[int]) -> None:
        """Keep the trials in one of `states`; all, where there are none."""
        if states:
            self._rows = self._rows[np.isin(self.columns.states[self._rows], states)]

    def sort(self, key: str, *, reverse: bool) -> None:
        """Sort by a column; what is missing comes last, and equals stay in the order of trials.

        Raises:
            UsageError: There is no such column.
        """
        cells = self._sort_cells(key)[self._rows]
        # A stable sort of the negated cells keeps the order among equals in both directions.
        order = np.argsort(-cells if reverse else cells, kind="stable")
        self._rows = self._rows[order]

    def limit(self, count: int | None) -> None:
        """Keep the first `count` rows."""
        self._rows = self._rows[:count]

    def print_table(self) -> None:
        """Print an aligned table."""
        if not len(self._rows):
            print("No trials.")
            return
        header = [
            Column("trial", "right"),
            Column("state"),
            *(Column(name.replace("_", " "), "right") for name in self._value_names()),
            Column("seconds", "right"),
            *(Column(name, "right") for name in self.columns.params),
        ]
        rows = [_table_cells(record) for record in self._records()]
        print("\n".join(render_table(header, rows, width=Terminal.of_stdout().table_width)))

    def print_json(self) -> None:
        """Print one JSON object a line."""
        for record in self._records():
            sys.stdout.write(f"{dump(_json_object(record), indent=None)}\n")

    def print_csv(self) -> None:
        """Print CSV with a header."""
        writer = csv.writer(sys.stdout, lineterminator="\n")
        params = [f"params_{name}" for name in self.columns.params]
        fixed = ["feasible", "datetime_start", "datetime_complete", "duration_s"]
        writer.writerow(["number", "state", *self._value_names(), *fixed, *map(csv_text, params)])
        writer.writerows(map(_csv_cells, self._records()))

    def _records(self) -> Iterator[TrialRecord]:
        """Yield the rows in order; arrays become lists a page at a time."""
        columns = self.columns
        for start in range(0, len(self._rows), _ROWS_A_PAGE):
            rows = self._rows[start : start + _ROWS_A_PAGE]
            params = {
                name: param.values_at(rows, absent=ABSENT) for name, param in columns.params.items()
            }
            cells = zip(
                columns.numbers[rows].tolist(),
                columns.states[rows].tolist(),
                columns.values[rows].tolist(),
                columns.is_feasible[rows].tolist(),
                columns.starts_s[rows].tolist(),
                columns.completes_s[rows].tolist(),
                self._durations_s[rows].tolist(),
                columns.last_steps[rows].tolist(),
                columns.last_values[rows].tolist(),
                zip(*params.values(), strict=True) if params else itertools.repeat(()),
                strict=False,
            )
            for number, state, values, feasible, *times, step, last, of_params in cells:
                start_s, complete_s, duration_s = times
                yield TrialRecord(
                    number,
                    state_name(state).lower(),
                    values,
                    feasible,
                    start_s,
                    complete_s,
                    duration_s,
                    step,
                    last,
                    dict(zip(params, of_params, strict=True)),
                )

    def _value_names(self) -> list[str]:
        n_objectives = len(self.columns.directions)
        return ["value"] if n_objectives == 1 else [f"value_{each}" for each in range(n_objectives)]

    def _sort_cells(self, key: str) -> npt.NDArray[np.float64]:
        columns = self.columns
        known = {
            "number": columns.numbers.astype(np.float64),
            "state": columns.states.astype(np.float64),
            "duration": self._durations_s,
            "start": columns.starts_s,
        }
        for objective, name in enumerate(self._value_names()):
            known[name] = columns.values[:, objective]
        # A parameter that is called like a column can still be asked for with params_ before it.
        for name, param in columns.params.items():
            known.setdefault(name, param.values)
            known.setdefault(f"params_{name}", param.values)
        if key in known:
            return known[key]
        near = difflib.get_close_matches(key, known, n=3) or list(known)
        listed = ", ".join(safe_line(name, max_chars=60) for name in itertools.islice(near, 20))
        raise UsageError(
            f"There is no column {safe_line(key, max_chars=60)!r} to sort by.",
            hint=f"There is: {listed}.",
        )


def _table_cells(record: TrialRecord) -> list[object]:
    state = record.state if record.is_feasible else f"{record.state}, infeasible"
    values = map(_or_none, record.values)
    params = map(_shown, record.params.values())
    return [record.number, state, *values, _or_none(record.duration_s), *params]


def _json_object(record: TrialRecord) -> dict[str, object]:
    has_report = record.last_step >= 0
    return {
        "number": record.number,
        "state": record.state,
        "values": [_or_none(value) for value in record.values],
        "feasible": record.is_feasible,
        "start": iso_utc(record.start_s),
        "complete": iso_utc(record.complete_s),
        "duration_s": _or_none(record.duration_s),
        "params": {name: value for name, value in record.params.items() if value is not ABSENT},
        "last_step": record.last_step if has_report else None,
        "last_value": record.last_value if has_report else None,
    }


def _csv_cells(record: TrialRecord) -> list[object]:
    return [
        record.number,
        record.state,
        *map(_or_none, record.values),
        "true" if record.is_feasible else "false",
        iso_utc(record.start_s),
        iso_utc(record.complete_s),
        _or_none(record.duration_s),
        *map(_csv_cell, record.params.values()),
    ]


def csv_text(text: str) -> str:
    """Return text that neither a terminal obeys nor a spreadsheet takes for a formula."""
    guarded = f"'{text}" if text.startswith(_FORMULA_STARTS) else text
    return safe_line(guarded, max_chars=_MAX_CSV_CHARS)


def _csv_cell(value: object) -> object:
    if value is ABSENT:
        return None
    if isinstance(value, str):
        return csv_text(value)
    return json.dumps(value) if value is None or isinstance(value, bool) else value


def _or_none(number: float) -> float | None:
    return None if math.isnan(number) else number


def _shown(value: ChoiceValue | Absent) -> object:
    if isinstance(value, Absent):
        return None
    return value if type(value) in (int, float) else spell_choice(value)

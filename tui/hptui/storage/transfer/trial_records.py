"""A study's trials as records, and as CSV and JSON lines."""

from __future__ import annotations

import csv
import itertools
import json
import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final, TextIO

import numpy as np

from hptui.domain.spaces.choices import choice_key
from hptui.domain.texts.json_values import dump, plain
from hptui.domain.trial_states import state_name
from hptui.storage.read.trial_extras import ExtrasReader
from hptui.storage.sqlite.timestamps import iso_utc
from hptui.storage.transfer.csv_cells import (
    choice_in_cell,
    csv_json,
    csv_text,
    read_attribute,
    spell_attribute,
)
from hptui.storage.transfer.exact_columns import (
    STUDY_COLUMN,
    TRIAL_COLUMN,
    ExactCells,
    column_names,
    facts_of,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.storage.read.study_reader import StudyReader
    from hptui.storage.read.trial_extras import ExtraNames, TrialExtras
    from hptui.trials import FloatArray, IntArray

_ROWS_A_PAGE: Final = 1_000


class Absent(Enum):
    """The type of `ABSENT`: None is a choice like any other."""

    ABSENT = "absent"


ABSENT: Final = Absent.ABSENT


@dataclass(frozen=True, slots=True)
class WrittenTrial:
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


def value_names(reader: StudyReader) -> list[str]:
    """Return what the columns of values are called: `value`, or `value_0`, `value_1`, …."""
    n_objectives = len(reader.trials.directions)
    return ["value"] if n_objectives == 1 else [f"value_{each}" for each in range(n_objectives)]


def durations_s(reader: StudyReader) -> FloatArray:
    """Return how long each trial took, in seconds; NaN where it has not ended."""
    # Times are stored in microseconds; further digits come from the subtraction.
    return np.round(reader.trials.completes_s - reader.trials.starts_s, 6)


def write_json_lines(
    stream: TextIO, reader: StudyReader, rows: IntArray, everything: ExtrasReader | None = None
) -> None:
    """Write one JSON object a line; with `everything` those from which an import has all again."""
    extras = everything or ExtrasReader(reader)
    exact = None
    if everything:
        exact = ExactCells(
            reader, lambda choice, _: _is_plain(choice), lambda _, value: _is_plain(value)
        )
    facts = facts_of(reader, {}) if everything else None
    for row, record, extra in zip(
        rows.tolist(), records_of(reader, rows), extras.of_rows(rows), strict=True
    ):
        written = _json_object(record, extra)
        if exact is not None:
            held = {STUDY_COLUMN: facts, TRIAL_COLUMN: exact.of_row(row, extra)}
            written["system_attrs"] = {
                column.removeprefix("system_attrs_"): each for column, each in held.items() if each
            }
            facts = None
        stream.write(f"{dump(written, indent=None)}\n")


def write_csv(
    stream: TextIO, reader: StudyReader, rows: IntArray, everything: ExtrasReader | None = None
) -> None:
    """Write CSV with a header; with `everything` columns from which an import has all again.

    Raises:
        UsageError: There are more attributes than a table has room for; nothing was written.
    """
    extras = everything or ExtrasReader(reader)
    names = extras.names()
    names.require_a_table()
    writer = csv.writer(stream, lineterminator="\n")
    named = {
        "param": column_names("param", reader.trials.params, csv_text),
        "attr": column_names("attr", names.user_attrs, csv_text),
        "constraint": column_names("constraint", names.constraints, csv_text),
    }
    fixed = ["feasible", "datetime_start", "datetime_complete", "duration_s"]
    header = ["number", "state", *value_names(reader), *fixed, *itertools.chain(*named.values())]
    exact = ExactCells(reader, _is_in_csv, _is_attribute_in_csv) if everything else None
    facts = [STUDY_COLUMN, TRIAL_COLUMN] if everything else []
    writer.writerow([*header, *facts])
    facts = [csv_json(facts_of(reader, named))] if everything else []
    for row, record, extra in zip(
        rows.tolist(), records_of(reader, rows), extras.of_rows(rows), strict=True
    ):
        cells = [*_csv_cells(record), *_extra_cells(extra, names)]
        if exact is not None:
            held = exact.of_row(row, extra)
            cells += [*facts, csv_json(held) if held else None]
            facts = [None]
        writer.writerow(cells)


def _is_plain(value: object) -> bool:
    """Say whether JSON has a value as it is."""
    return json.dumps(plain(value)) == json.dumps(value)


def _is_in_csv(choice: ChoiceValue, choices: tuple[ChoiceValue, ...]) -> bool:
    cell = str(_csv_cell(choice))
    place = choice_in_cell(choices, cell) if cell else None
    return place is not None and choice_key(choices[place]) == choice_key(choice)


def _is_attribute_in_csv(_key: str, value: object) -> bool:
    return repr(read_attribute(spell_attribute(value))) == repr(value)


def records_of(reader: StudyReader, rows_wanted: IntArray) -> Iterator[WrittenTrial]:
    """Yield the trials in some rows in their order; arrays become lists a page at a time."""
    durations = durations_s(reader)
    for start in range(0, len(rows_wanted), _ROWS_A_PAGE):
        rows = rows_wanted[start : start + _ROWS_A_PAGE]
        params = {
            name: param.values_at(rows, absent=ABSENT)
            for name, param in reader.trials.params.items()
        }
        cells = zip(
            reader.trials.numbers[rows].tolist(),
            reader.trials.states[rows].tolist(),
            reader.trials.values[rows].tolist(),
            reader.trials.is_feasible[rows].tolist(),
            reader.trials.starts_s[rows].tolist(),
            reader.trials.completes_s[rows].tolist(),
            durations[rows].tolist(),
            reader.trials.last_steps[rows].tolist(),
            reader.trials.last_values[rows].tolist(),
            zip(*params.values(), strict=True) if params else itertools.repeat(()),
            strict=False,
        )
        for number, state, values, feasible, *times, step, last, of_params in cells:
            start_s, complete_s, duration_s = times
            yield WrittenTrial(
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


def _json_object(record: WrittenTrial, extra: TrialExtras) -> dict[str, object]:
    has_report = record.last_step >= 0
    return {
        "number": record.number,
        "state": record.state,
        "values": [or_none(value) for value in record.values],
        "feasible": record.is_feasible,
        "start": iso_utc(record.start_s),
        "complete": iso_utc(record.complete_s),
        "duration_s": or_none(record.duration_s),
        "params": {name: value for name, value in record.params.items() if value is not ABSENT},
        "last_step": record.last_step if has_report else None,
        "last_value": record.last_value if has_report else None,
        "user_attrs": extra.user_attrs,
        "constraints": extra.constraints,
    }


def _csv_cells(record: WrittenTrial) -> list[object]:
    return [
        record.number,
        record.state,
        *map(or_none, record.values),
        "true" if record.is_feasible else "false",
        iso_utc(record.start_s),
        iso_utc(record.complete_s),
        or_none(record.duration_s),
        *map(_csv_cell, record.params.values()),
    ]


def _extra_cells(extra: TrialExtras, names: ExtraNames) -> list[object]:
    attributes = extra.user_attrs
    return [
        *(
            spell_attribute(attributes[key]) if key in attributes else None
            for key in names.user_attrs
        ),
        *map(extra.constraints.get, names.constraints),
    ]


def _csv_cell(value: object) -> object:
    if value is ABSENT:
        return None
    if isinstance(value, str):
        return csv_text(value)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number else csv_json(value)


def or_none(number: float) -> float | None:
    """Return a number, None for NaN."""
    return None if math.isnan(number) else number

"""A study's trials as a Parquet table, where the extra `parquet` is installed."""

from __future__ import annotations

import json
from importlib import import_module
from importlib.util import find_spec
from typing import IO, TYPE_CHECKING, Any, Final, cast

import numpy as np

from hptui.domain.spaces.choices import spell_choice
from hptui.domain.spaces.space import ChoiceParam, IntParam
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import state_name
from hptui.errors import MissingExtraError, UsageError
from hptui.storage.transfer.exact_columns import TRIAL_COLUMN, ExactCells, column_names, facts_of
from hptui.storage.transfer.trial_records import durations_s, value_names
from hptui.trials import ABSENT, UNKEPT

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy.typing as npt

    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.storage.read.study_reader import StudyReader
    from hptui.storage.read.trial_extras import ExtrasReader, TrialExtras
    from hptui.trials import FloatArray, IntArray, ParamColumn

    BoolArray = npt.NDArray[np.bool_]

FACTS_KEY: Final = "hptui:facts"
"""Of the table's metadata: what is of the study, see `exact_columns.facts_of`."""
_MAX_WHOLE: Final = 2.0**63
_MAX_EXACT: Final = 2**53
"""Whole numbers up to here are doubles, too."""
_MICROSECONDS: Final = 1e6
_KINDS: Final = ((bool, "bool"), ((int, float), "number"), (str, "text"))


def require_pyarrow() -> None:
    """Check that the package is installed that writes Parquet.

    Raises:
        MissingExtraError: It is not.
    """
    if find_spec("pyarrow") is None:
        raise MissingExtraError(
            "Parquet needs pyarrow: pip install 'hptui[parquet]'",
            hint="A .csv or .jsonl file needs nothing more.",
        )


def write_parquet(
    file: IO[bytes], reader: StudyReader, rows: IntArray, extras: ExtrasReader
) -> None:
    """Write some rows; what a trial does not have is null.

    A parameter is int64, double, bool or string as its values are; where they are of several
    kinds, each is spelled as tables show it. The choice None is null. User attributes are alike,
    and JSON where they are of several kinds, lists or objects.

    Raises:
        UsageError: There are more attributes than a table has room for; nothing was written.
        OSError: The file cannot be written.
    """
    # Untyped, and slow to import: only those who write Parquet pay for it.
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    made: dict[str, Any] = {
        "number": arrow.array(reader.trials.numbers[rows]),
        "state": arrow.array(
            [state_name(each).lower() for each in reader.trials.states[rows].tolist()]
        ),
    }
    for objective, name in enumerate(value_names(reader)):
        made[name] = _floats(arrow, reader.trials.values[rows, objective])
    made |= {
        "feasible": arrow.array(reader.trials.is_feasible[rows]),
        "datetime_start": _times(arrow, reader.trials.starts_s[rows]),
        "datetime_complete": _times(arrow, reader.trials.completes_s[rows]),
        "duration_s": _floats(arrow, durations_s(reader)[rows]),
    }
    steps = reader.trials.last_steps[rows]
    made["last_step"] = arrow.array(steps, mask=steps < 0)
    made["last_value"] = arrow.array(reader.trials.last_values[rows], mask=steps < 0)
    names = extras.names()
    names.require_a_table()
    named = {
        "param": column_names("param", reader.trials.params, _text),
        "attr": column_names("attr", names.user_attrs, _text),
        "constraint": column_names("constraint", names.constraints, _text),
    }
    for column, name in named["param"].items():
        made[column] = _param(arrow, reader.trials.params[name], rows)
    found = list(extras.of_rows(rows))
    made |= _extras(arrow, named, found)
    # A null may stand for None, and a cell of a mixed column for more than one value.
    plain = _plain_attributes(found)
    exact = ExactCells(reader, _are_plain, lambda key, _: key in plain)
    held = [exact.of_row(row, extra) for row, extra in zip(rows.tolist(), found, strict=True)]
    if any(held):
        made[TRIAL_COLUMN] = arrow.array(
            [dump(each, indent=None) if each else None for each in held]
        )
    table = arrow.table(made).replace_schema_metadata(
        {
            "hptui:study": _text(reader.study_name),
            "hptui:directions": dump(list(reader.trials.directions), indent=None),
            FACTS_KEY: dump(facts_of(reader, named), indent=None),
        }
    )
    parquet.write_table(table, file)


def _floats(arrow: Any, numbers: FloatArray) -> Any:  # noqa: ANN401 - PyArrow has no types
    return arrow.array(numbers, mask=np.isnan(numbers))


def _times(arrow: Any, seconds: FloatArray) -> Any:  # noqa: ANN401 - PyArrow has no types
    is_missing = np.isnan(seconds)
    whole = np.round(np.where(is_missing, 0.0, seconds) * _MICROSECONDS).astype(np.int64)
    return arrow.array(whole, mask=is_missing).cast(arrow.timestamp("us", tz="UTC"))


def _param(arrow: Any, param: ParamColumn, rows: IntArray) -> Any:  # noqa: ANN401 - as above
    indices = param.spec_indices[rows]
    is_absent = indices == ABSENT
    used: list[int] = np.unique(indices[~is_absent]).tolist()
    specs = [param.specs[index] for index in used if index != UNKEPT]
    if not any(isinstance(spec, ChoiceParam) for spec in specs):
        numbers = param.values[rows]
        all_int = bool(specs) and all(isinstance(spec, IntParam) for spec in specs)
        return _numbers(arrow, numbers, is_absent, is_whole=all_int and UNKEPT not in used)
    return _choices(arrow, param.values_at(rows, absent=None))


def _numbers(arrow: Any, numbers: FloatArray, is_absent: BoolArray, *, is_whole: bool) -> Any:  # noqa: ANN401 - as above
    if is_whole and (np.abs(numbers[~is_absent]) < _MAX_WHOLE).all():
        return arrow.array(np.where(is_absent, 0.0, numbers).astype(np.int64), mask=is_absent)
    return arrow.array(numbers, mask=is_absent)


def _extras(
    arrow: Any,  # noqa: ANN401 - as above
    named: Mapping[str, Mapping[str, str]],
    found: Sequence[TrialExtras],
) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for column, key in named["attr"].items():
        values: list[Any] = [extra.user_attrs.get(key) for extra in found]
        # A bool is an int, too.
        kinds = {
            next((kind for types, kind in _KINDS if isinstance(value, types)), None)
            for value in values
            if value is not None
        }
        if len(kinds) > 1 or None in kinds:
            values = [
                None if key not in extra.user_attrs else json.dumps(extra.user_attrs[key])
                for extra in found
            ]
        made[column] = _choices(arrow, values)
    for column, name in named["constraint"].items():
        made[column] = arrow.array(
            [extra.constraints.get(name) for extra in found], type=arrow.float64()
        )
    return made


def _are_plain(_choice: ChoiceValue, choices: Sequence[ChoiceValue]) -> bool:
    """Say whether a column of some of these choices holds them as they are."""
    kinds = {type(choice) for choice in choices}
    if kinds == {int}:
        return all(abs(cast("int", choice)) < _MAX_WHOLE for choice in choices)
    return kinds in ({str}, {bool})


def _plain_attributes(found: Sequence[TrialExtras]) -> set[str]:
    """Return the user attributes whose columns hold them as they are."""
    kinds: dict[str, set[type]] = {}
    for extra in found:
        for key, value in extra.user_attrs.items():
            kinds.setdefault(key, set()).add(type(cast("object", value)))
    return {key for key, each in kinds.items() if each in ({str}, {bool}, {float})}


def read_parquet(path: Path) -> tuple[tuple[str, ...], list[dict[str, Any]], str]:
    """Return columns, the rows by column without nulls, and what `FACTS_KEY` holds.

    Raises:
        MissingExtraError: The package that reads it is not installed.
        UsageError: It is no Parquet file.
    """
    require_pyarrow()
    arrow: Any = import_module("pyarrow")
    parquet: Any = import_module("pyarrow.parquet")
    try:
        table = parquet.read_table(path)
        rows: list[dict[str, Any]] = table.to_pylist()
    except (OSError, ValueError, arrow.ArrowException) as error:
        raise UsageError(
            f"{safe_line(path.name)} cannot be read as Parquet: {safe_line(error, max_chars=200)}."
        ) from error
    metadata: dict[bytes, bytes] = table.schema.metadata or {}
    facts = metadata.get(FACTS_KEY.encode(), b"")
    filled = [{key: each for key, each in row.items() if each is not None} for row in rows]
    return tuple(table.column_names), filled, facts.decode("utf-8", "replace")


def _choices(arrow: Any, values: list[ChoiceValue | None]) -> Any:  # noqa: ANN401 - as above
    kinds = {type(value) for value in values if value is not None}
    largest = max((abs(each) for each in values if type(each) is int), default=0)
    if kinds <= {str}:
        return arrow.array([None if each is None else _text(each) for each in values])
    if kinds == {bool} or (kinds == {int} and largest < _MAX_WHOLE):
        return arrow.array(values)
    if kinds <= {int, float} and largest <= _MAX_EXACT:
        numbers = cast("list[float | None]", values)
        return arrow.array([None if each is None else float(each) for each in numbers])
    return arrow.array([None if each is None else _text(spell_choice(each)) for each in values])


def _text(value: object) -> str:
    """Return text as UTF-8 can hold it: lone surrogates become their spelling."""
    return str(value).encode("utf-8", "backslashreplace").decode()

"""Single cells of a file of trials: states, numbers, times and values of parameters."""

from __future__ import annotations

import math
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.spaces.choices import (
    ChoiceValue,
    choice_key,
    is_choice_value,
    place_of,
    read_literal,
)
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec, contains
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.storage.sqlite.timestamps import to_text
from hptui.storage.transfer.csv_cells import choice_in_cell, read_attribute, unguarded
from hptui.storage.transfer.import_file import NULL

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from hptui.storage.transfer.import_file import FileRow, ImportFile

_STATES: Final = {
    "complete": "COMPLETE",
    "completed": "COMPLETE",
    "pruned": "PRUNED",
    "fail": "FAIL",
    "failed": "FAIL",
    "running": "RUNNING",
    "stale": "RUNNING",
    "waiting": "WAITING",
}
_MIN_EPOCH_MS: Final = 100_000_000_000
_NO_TIME: Final = ("", "nat", "none", "nan")
_LARGEST_EXACT: Final = 2**53
_DECIMAL_COMMA: Final = re.compile(r"\s*[+-]?\d*,\d+(?:[eE][+-]?\d+)?\s*", re.ASCII)


class CellReader:
    """Reads the cells of one file; errors name the place and the column."""

    def __init__(self, file: ImportFile) -> None:
        self._name = safe_line(file.path.name)
        self._is_text = file.is_text
        self._may_be_of_pandas = file.may_be_of_pandas
        # Spreadsheets separate cells by something else where a comma is the decimal point.
        self._may_have_commas = file.is_text and file.separator != ","
        self._places: dict[tuple[str, str], int | None] = {}
        self.has_read_commas = False
        """Whether a comma in a number was taken for its decimal point."""

    def refuse(self, row: FileRow, column: str, problem: str) -> UsageError:
        """Return the error that a cell cannot be what it is to be."""
        cell = safe_line(row.cells.get(column, ""), max_chars=60)
        shown = safe_line(column, max_chars=60)
        return UsageError(f"{self._name}, {row.place}, column {shown}: {cell!r} {problem}.")

    def state(self, row: FileRow, column: str | None) -> str | None:
        """Return the state in Optuna's word, None where the file does not say."""
        cell = None if column is None else row.cells.get(column)
        if column is None or cell is None:
            return None
        state = _STATES.get(str(cell).strip().lower().rpartition(".")[2])
        if state is None:
            raise self.refuse(row, column, f"is not a state; use {', '.join(_STATES)}")
        return state

    def number(self, row: FileRow, column: str) -> float | None:
        """Return a number, which may be infinite or NaN; None where there is none."""
        cell = row.cells.get(column)
        if cell is None:
            return None
        try:
            if isinstance(cell, bool):
                raise TypeError
            return float(self._with_point(cell))
        except (ValueError, TypeError, OverflowError):
            raise self.refuse(row, column, "is not a number") from None

    def time(self, row: FileRow, column: str | None) -> str | None:
        """Return a time as it is stored; one without a zone is local, as Optuna's are."""
        cell = None if column is None else row.cells.get(column)
        if column is None or cell is None or str(cell).strip().lower() in _NO_TIME:
            return None
        try:
            if type(cell) is int and cell >= _MIN_EPOCH_MS:
                # A data frame as JSON has milliseconds, in which a local time counts as UTC.
                return to_text(datetime.fromtimestamp(cell / 1000, UTC).replace(tzinfo=None))
            return to_text(datetime.fromisoformat(str(cell).strip()))
        except (ValueError, OverflowError, OSError):
            raise self.refuse(row, column, "is not a time like 2026-03-01T12:00:00Z") from None

    def flag(self, row: FileRow, column: str | None) -> bool | None:
        """Return what a cell says, true or false."""
        cell = None if column is None else row.cells.get(column)
        if column is None or cell is None:
            return None
        word = str(cell).strip().lower()
        if word not in ("true", "false"):
            raise self.refuse(row, column, "is neither true nor false")
        return word == "true"

    def attribute(self, row: FileRow, column: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        """Return a user attribute."""
        cell = row.cells[column]
        if cell is NULL:
            return None
        return read_attribute(str(cell)) if self._is_text else _as_json(cell)

    def constraints(self, row: FileRow, columns: Mapping[str, str]) -> dict[str, float]:
        """Return the constraints of a trial by their names."""
        found: dict[str, float] = {}
        for name, column in columns.items():
            cells = {name: row.cells.get(column)}
            if not name:
                listed = None if cells[""] is None else self.attribute(row, column)
                if listed is not None and not isinstance(listed, list | tuple):
                    raise self.refuse(row, column, "is not a list of constraints")
                each_of = cast("Sequence[Any]", listed or ())
                cells = {str(index): cell for index, cell in enumerate(each_of)}
            for each, cell in cells.items():
                value = self.number(replace(row, cells={column: cell}), column)
                if value is not None:
                    found[each] = value
        return found

    def guess(self, row: FileRow, column: str) -> ChoiceValue:
        """Return a parameter's value, told from its cell alone."""
        cell = row.cells[column]
        if not self._is_text:
            return self._exact(row, column, self._choice_value(row, column))
        try:
            value = read_literal(str(self._with_point(cell)))
        except ValueError:
            return unguarded(str(cell))
        return self._exact(row, column, value)

    def param(self, row: FileRow, column: str, spec: ParamSpec) -> float | None:
        """Return a parameter's value as it is stored under a space; None where it does not fit."""
        cell = row.cells[column]
        if isinstance(spec, ChoiceParam):
            if not self._is_text:
                cell = self._choice_value(row, column)
            index = self._known_choice(column, cell, spec.choices)
            return None if index is None else float(index)
        value = self.number(row, column)
        if value is None or not math.isfinite(value) or not contains(spec, value):
            return None
        return min(max(value, float(spec.low)), float(spec.high))

    def _choice_value(self, row: FileRow, column: str) -> ChoiceValue:
        cell = None if row.cells[column] is NULL else row.cells[column]
        if not is_choice_value(cell):
            kind = type(cell).__name__
            raise self.refuse(row, column, f"is a {kind}, and no value of a parameter")
        return cast("ChoiceValue", cell)

    def _exact(self, row: FileRow, column: str, value: ChoiceValue) -> ChoiceValue:
        if isinstance(value, int) and abs(value) > _LARGEST_EXACT:
            raise self.refuse(row, column, "is an integer above 2**53, which Optuna rounds")
        return value

    def _with_point(self, cell: Any) -> Any:  # noqa: ANN401 - whatever a cell holds
        if not self._may_have_commas or not _DECIMAL_COMMA.fullmatch(cell):
            return cell
        self.has_read_commas = True
        return cell.replace(",", ".")

    def _known_choice(
        self, column: str, cell: object, choices: Sequence[ChoiceValue]
    ) -> int | None:
        if not isinstance(cell, str):
            return self._choice(cell, choices)
        key = (column, cell)
        if key not in self._places:
            self._places[key] = self._choice(cell, choices)
        return self._places[key]

    def _choice(self, cell: object, choices: Sequence[ChoiceValue]) -> int | None:
        if self._is_text:
            text = str(cell)
            of_pandas = (text.removesuffix(".0"),) if self._may_be_of_pandas else ()
            return choice_in_cell(choices, text, self._with_point(text), *of_pandas)
        return place_of(cast("ChoiceValue", cell), choices)


def _as_json(value: object) -> object:
    """Return an attribute as JSON can hold it: times and whatever it has not become texts."""
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (list, tuple)):
        return [_as_json(each) for each in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): _as_json(each) for key, each in items}
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value)


def space_of(values: Sequence[ChoiceValue]) -> ParamSpec:
    """Return the smallest space that holds some values; a list of choices unless all are numbers.

    Raises:
        SpaceError: There is none.
    """
    numbers = [
        value
        for value in values
        if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
    ]
    if values and len(numbers) == len(values):
        if all(isinstance(number, int) for number in numbers):
            return IntParam(int(min(numbers)), int(max(numbers)))
        return FloatParam(min(numbers), max(numbers))
    choices: dict[str, ChoiceValue] = {}
    for value in values:
        choices.setdefault(choice_key(value), value)
    return ChoiceParam(tuple(choices.values()))

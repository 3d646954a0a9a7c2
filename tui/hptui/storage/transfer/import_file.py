"""Trials in files of text, CSV, JSON or JSON lines, as rows of named cells."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.storage.transfer.exact_columns import STUDY_COLUMN, TRIAL_COLUMN
from hptui.storage.transfer.import_facts import (
    Exact,
    FileFacts,
    check_indices,
    read_exact_cell,
    read_facts_cell,
)
from hptui.storage.transfer.parquet import read_parquet

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_MAX_CELL_CHARS: Final = 2**31 - 1
_NESTED: Final = ("params", "user_attrs", "system_attrs", "constraints", "values", "value")


NOTHING_EXACT: Final = Exact()


class _Null(Enum):
    NULL = "null"


NULL: Final = _Null.NULL
"""A user attribute that is null; None is what a table has where there is nothing."""
_LINE: Final = re.compile(r"[^\r\n]*\S[^\r\n]*")
_SEPARATORS: Final = (",", ";", "\t")


@dataclass(frozen=True, slots=True, eq=False)
class FileRow:
    """One trial of a file: what is in its cells, by column."""

    place: str
    """For a sentence: `line 7`, or `trial 3` of a JSON list."""
    cells: Mapping[str, Any]
    """Texts of a CSV file, which are never empty, or the values of JSON."""
    exact: Exact = NOTHING_EXACT
    """What the file says beyond them."""


@dataclass(frozen=True, slots=True, eq=False)
class ImportFile:
    """All of a file."""

    path: Path
    columns: tuple[str, ...]
    """In the order of first sight."""
    rows: tuple[FileRow, ...]
    is_text: bool
    """Whether cells are texts whose meaning is to be told from what they spell."""
    separator: str = ","
    """What stands between the cells of a CSV file."""
    facts: FileFacts | None = None
    """What the file says of its study."""

    @property
    def may_be_of_pandas(self) -> bool:
        """Whether cells may be spelled as a data frame of pandas has them."""
        return self.is_text and "duration_s" not in self.columns


def read_import_file(path: Path) -> ImportFile:
    """Read a file of trials; its ending tells the form.

    Raises:
        UsageError: The ending is not one of `.csv`, `.json`, `.jsonl` and `.parquet`; it cannot be
            read, is not of its form, or holds no trial. Says where.
        MissingExtraError: The package that reads Parquet is not installed.
    """
    ending = path.suffix.lower()
    name = safe_line(path.name)
    if ending not in (".csv", ".json", ".jsonl", ".parquet"):
        raise UsageError(
            f"The name {name} does not tell the format.",
            hint="Use a name that ends in .csv, .json (a list of objects), .jsonl (one a line) or "
            ".parquet.",
        )
    if path.exists() and not path.is_file():
        # What is a pipe or a device may never end.
        raise UsageError(f"{safe_line(str(path))} is not a text file.")
    if ending == ".parquet":
        return _read_parquet(path)
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        raise UsageError(f"{safe_line(str(path))} cannot be read: {error.strerror}.") from error
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{name} is not UTF-8: byte {error.start} cannot be read.",
            hint="Save it as UTF-8.",
        ) from error
    if ending == ".csv":
        return _read_csv(path, text)
    objects = _json_list(name, text) if ending == ".json" else _json_lines(name, text)
    return _from_objects(path, objects)


def _read_parquet(path: Path) -> ImportFile:
    columns, found, facts = read_parquet(path)
    rows = [FileRow(f"row {at}", row) for at, row in enumerate(found, start=1)]
    if facts and rows:
        rows[0] = FileRow(rows[0].place, {**rows[0].cells, STUDY_COLUMN: facts})
    return _checked(ImportFile(path, columns, tuple(rows), is_text=False))


def _read_csv(path: Path, text: str) -> ImportFile:
    name = safe_line(path.name)
    csv.field_size_limit(_MAX_CELL_CHARS)
    separator = _separator_of(text)
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    rows: list[FileRow] = []
    header: list[str] | None = None
    unnamed: list[int] = []
    try:
        for cells in reader:
            if not any(map(str.strip, cells)):
                # Spreadsheets write an empty line as separators alone.
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                _check_header(name, header)
                # The first one may be that of the index of a data frame.
                unnamed = [at for at, column in enumerate(header) if at and not column]
            elif len(cells) != len(header):
                raise UsageError(
                    f"{name}, line {reader.line_num} has {len(cells)} cells, and the header "
                    f"has {len(header)}.",
                    hint="Each line needs a cell for each column; a comma in a cell needs quotes.",
                )
            else:
                for at in unnamed:
                    _check_unnamed(name, reader.line_num, at, cells[at])
                filled = {key: cell for key, cell in zip(header, cells, strict=True) if cell}
                rows.append(FileRow(f"line {reader.line_num}", filled))
    except csv.Error as error:
        raise UsageError(f"{name}, line {reader.line_num}: {safe_line(error)}.") from error
    columns = tuple(header or ())
    return _checked(ImportFile(path, columns, tuple(rows), is_text=True, separator=separator))


def _separator_of(text: str) -> str:
    """Return what separates most cells in the header; spreadsheets write more than commas."""
    header = _LINE.search(text)

    def n_cells(separator: str) -> int:
        try:
            return len(
                next(csv.reader([header[0] if header else ""], delimiter=separator), list[str]())
            )
        except csv.Error:
            return 0

    return max(_SEPARATORS, key=n_cells)


def _check_header(name: str, header: list[str]) -> None:
    seen: set[str] = set()
    for column in header:
        if column and column in seen:
            raise UsageError(
                f"{name}, line 1: the column {safe_line(column, max_chars=60)!r} comes twice.",
                hint="Give each column a name of its own.",
            )
        seen.add(column)


def _check_unnamed(name: str, line: int, at: int, cell: str) -> None:
    if cell.strip():
        raise UsageError(
            f"{name}, line {line}: {safe_line(cell, max_chars=60)!r} stands in column {at + 1}, "
            "which has no name.",
            hint="Give each column a name in the first line.",
        )


def _json_lines(name: str, text: str) -> Iterator[tuple[str, object]]:
    for index, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield f"line {index}", _loaded(name, line, index)


def _json_list(name: str, text: str) -> Iterator[tuple[str, object]]:
    data = _loaded(name, text, 1)
    if not isinstance(data, list):
        raise UsageError(
            f"{name} holds no list of trials.", hint='Write it like [{"params": {"lr": 0.1}}].'
        )
    for index, each in enumerate(cast("list[object]", data)):
        yield f"trial {index}", each


def _loaded(name: str, text: str, first_line: int) -> object:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        line = first_line + error.lineno - 1
        raise UsageError(
            f"{name}, line {line}, column {error.colno} is not JSON: {safe_line(error.msg)}."
        ) from error
    except ValueError as error:
        raise UsageError(f"{name}, line {first_line} is not JSON: {safe_line(error)}.") from error
    except RecursionError as error:
        raise UsageError(f"{name}, line {first_line} is nested too deeply.") from error


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {safe_line(twice, max_chars=60)!r} comes twice in an object")
    return found


def _from_objects(path: Path, objects: Iterator[tuple[str, object]]) -> ImportFile:
    name = safe_line(path.name)
    rows: list[FileRow] = []
    columns: dict[str, None] = {}
    for place, each in objects:
        if not isinstance(each, dict):
            raise UsageError(
                f"{name}, {place} is {safe_line(json.dumps(each), max_chars=40)}, not an object.",
                hint='Write each trial like {"params": {"lr": 0.1}, "value": 0.5}.',
            )
        cells = _flat(f"{name}, {place}", cast("dict[str, Any]", each))
        for column in cells.keys() - columns.keys():
            _check_key(f"{name}, {place}", column)
        columns |= dict.fromkeys(cells)
        rows.append(FileRow(place, cells))
    return _checked(ImportFile(path, tuple(columns), tuple(rows), is_text=False))


def _check_key(place: str, key: str) -> None:
    try:
        key.encode()
    except UnicodeEncodeError as error:
        shown = safe_line(key, max_chars=60)
        raise UsageError(
            f"{place}: the name {shown!r} contains half a character and cannot be stored."
        ) from error


def _flat(place: str, trial: dict[str, Any]) -> dict[str, Any]:
    """Return nested objects and lists of values as the columns that a CSV file has for them."""
    cells: dict[str, Any] = {}

    def put(column: str, cell: object) -> None:
        # Optuna's own trials have a value beside the list of values.
        if column in cells and cells[column] != cell:
            shown = safe_line(column, max_chars=60)
            raise UsageError(
                f"{place}: {shown!r} is given twice, with different values.",
                hint="Give each thing once.",
            )
        cells[column] = cell

    for key, value in trial.items():
        nested: Any = value
        if key == "values" and isinstance(value, list):
            listed = cast("list[Any]", value)
            nested = {str(index): each for index, each in enumerate(listed)}
            if len(listed) == 1:
                put("value", listed[0])
                continue
        if key in _NESTED and isinstance(nested, dict):
            items = cast("dict[str, Any]", nested).items()
            null = NULL if key == "user_attrs" else None
            for name, each in items:
                put(f"{key}_{name}", null if each is None else each)
        else:
            put(key, cast("object", value))
    return cells


def _checked(file: ImportFile) -> ImportFile:
    if not file.rows:
        raise UsageError(f"{safe_line(file.path.name)} holds no trial.")
    return _with_facts(file)


def _with_facts(file: ImportFile) -> ImportFile:
    """Take what a file says beyond its cells out of them."""
    facts: FileFacts | None = None
    rows: list[FileRow] = []
    for row in file.rows:
        column, cells, exact = STUDY_COLUMN, row.cells, NOTHING_EXACT
        try:
            if cells.get(STUDY_COLUMN) is not None:
                facts = read_facts_cell(cells[STUDY_COLUMN])
            column = TRIAL_COLUMN
            if cells.get(TRIAL_COLUMN) is not None:
                exact = read_exact_cell(cells[TRIAL_COLUMN])
        except ValueError as error:
            raise _not_exported(file, row, column) from error
        rows.append(replace(row, exact=exact))
    # A spreadsheet may have sorted the row with the facts to the end.
    for row in rows:
        try:
            check_indices(row.exact, facts)
        except ValueError as error:
            raise _not_exported(file, row, TRIAL_COLUMN) from error
    return replace(file, rows=tuple(rows), facts=facts)


def _not_exported(file: ImportFile, row: FileRow, column: str) -> UsageError:
    return UsageError(
        f"{safe_line(file.path.name)}, {row.place}, column {column} is not what an export writes.",
        hint="Remove the column: the others hold the trials.",
    )

"""Parameters as columns: numbers as stored, and the spaces they were drawn from."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.spaces.space import ChoiceParam, ParamSpec
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError
from hptui.storage.read.growing_column import GrowingColumn
from hptui.storage.read.stored_spaces import MAX_JSON_CHARS, stored_spec
from hptui.trials import ABSENT, UNKEPT, FloatArray, IntArray, ParamColumn, SpecIndices

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

MAX_PARAMS: Final = 1_000
"""Names beyond these are left out of the columns, see `KnownParams.has_omitted`."""
MAX_NAME_BYTES: Final = 10_000
_MAX_KEPT_CHARS: Final = 10_000_000
_MAX_CASES: Final = 64


class GrowingParam:
    """One parameter of a study: a row a trial, in the order of the file."""

    __slots__ = ("_shared", "_spec_indices", "_values", "index", "name", "specs")

    def __init__(self, name: str, index: int) -> None:
        self.name = name
        self.index = index
        """Its place among the study's parameters, in the order of first sight."""
        self.specs: list[ParamSpec] = []
        """The spaces it was drawn from, in the order in which they were first seen."""
        self._values = GrowingColumn(np.float64, np.nan)
        self._spec_indices = GrowingColumn(np.int32, ABSENT)
        self._shared: ParamColumn | None = None

    def put(self, rows: IntArray, values: FloatArray, spec_indices: SpecIndices) -> None:
        """Write the parameter into `rows`."""
        has_new_values = self._values.put(rows, values)
        if self._spec_indices.put(rows, spec_indices) or has_new_values:
            self._shared = None

    def grow_to(self, rows: int) -> None:
        """Add rows without the parameter, up to `rows` in all."""
        if rows > len(self._values):
            self._values.grow_to(rows)
            self._spec_indices.grow_to(rows)
            self._shared = None

    def share(self) -> ParamColumn:
        """Return it as it is now; the same object until the next change."""
        known = self._shared
        if known is None or len(known.specs) != len(self.specs):
            specs = tuple(self.specs)
            self._shared = ParamColumn(
                self.name, specs, self._values.share(), self._spec_indices.share()
            )
            return self._shared
        return known


@dataclass(frozen=True, slots=True, eq=False)
class ParamCells:
    """What some trials hold of one parameter."""

    column: GrowingParam
    rows: IntArray
    values: FloatArray
    spec_indices: SpecIndices


@dataclass(frozen=True, slots=True)
class _Pair:
    """A parameter's name with one stored spelling of its space."""

    name_index: int = ABSENT
    spec_index: int = ABSENT
    n_choices: int = 0
    damage: str = ""


_NAMELESS: Final = _Pair(damage="A parameter's name or space is missing or too long.")
_OMITTED: Final = _Pair()


class KnownParams:
    """All pairs of a name and a stored space seen so far, each with a small number, its code.

    Studies have few such pairs and many rows, so the query itself turns known pairs into their
    codes, and the long texts never leave SQLite.
    """

    def __init__(self) -> None:
        self.columns: dict[str, GrowingParam] = {}
        self.has_omitted = False
        """Whether there are parameters beyond the first MAX_PARAMS, which are left out."""
        self._columns: list[GrowingParam] = []
        self._pairs: list[_Pair] = []
        self._codes = _Codes(self._code_of)
        self._code_of_pair: dict[_Pair, int] = {}
        self._cases: list[tuple[str, str, int]] = []
        self._kept_chars = 0

    def put(
        self, found: Sequence[ParamCells], rows: IntArray, *, n_trials: int, is_new: bool
    ) -> None:
        """Write what the trials in some rows have, all of `n_trials`.

        Args:
            found: Their parameters; a cell's row is a place in `rows`.
            rows: Rows of the trials.
            n_trials: How many trials there are in all.
            is_new: Whether nothing was written into these rows before.
        """
        by_column: dict[int, list[ParamCells]] = {}
        for cells in found:
            by_column.setdefault(cells.column.index, []).append(cells)
        for column in self._columns:
            column.grow_to(n_trials)
            parts = by_column.get(column.index, ())
            if is_new:
                for cells in parts:
                    column.put(rows[cells.rows], cells.values, cells.spec_indices)
                continue
            # What they had before and have no more goes, too.
            values = np.full(len(rows), np.nan)
            spec_indices = np.full(len(rows), ABSENT, np.int32)
            for cells in parts:
                values[cells.rows], spec_indices[cells.rows] = cells.values, cells.spec_indices
            column.put(rows, values, spec_indices)

    def share(self, n_trials: int) -> Mapping[str, ParamColumn]:
        """Return the parameters as they are now, with a row for each of `n_trials`."""
        for column in self._columns:
            # One that was met in a reading that failed has no rows yet.
            column.grow_to(n_trials)
        return MappingProxyType({column.name: column.share() for column in self._columns})

    def code_expression(self) -> tuple[str, list[str | int]]:
        """Return SQL that gives a row's code where known, else its name and space, and arguments.

        Name and space are joined by a NUL, which JSON cannot hold.
        """
        # The functions of SQLite for text stop at a NUL, so a name's length is that of its bytes.
        text = (
            f"CASE WHEN length(CAST(param_name AS BLOB)) <= {MAX_NAME_BYTES} THEN param_name END "
            "|| char(0) || "
            f"substr(distribution_json, 1, {MAX_JSON_CHARS + 1})"
        )
        if not self._cases:
            return text, []
        whens = " ".join(
            ["WHEN param_name = ? AND distribution_json = ? THEN ?"] * len(self._cases)
        )
        arguments = [argument for case in self._cases for argument in case]
        return f"CASE {whens} ELSE {text} END", arguments

    def split(
        self, cells: Sequence[int | str | None], rows: IntArray, values: FloatArray
    ) -> tuple[list[ParamCells], list[tuple[int, str]]]:
        """Sort cells by parameter; return them, and for each damaged one its row and the reason.

        `cells` are what `code_expression` gave, each with the row and number at its place.
        """
        codes = np.fromiter(map(self._codes.__getitem__, cells), np.int64, len(cells))
        table = np.array([_as_numbers(pair) for pair in self._pairs], np.int64).reshape(-1, 4)
        names, specs, n_choices, is_damaged = table[codes].T
        is_index = (values >= 0) & (values < n_choices) & (values == np.floor(values))
        is_kept = names >= 0
        bad = (is_damaged != 0) | (is_kept & (np.isnan(values) | ((n_choices > 0) & ~is_index)))
        damage = [
            (int(rows[at]), self._reason(int(codes[at]), float(values[at])))
            for at in np.flatnonzero(bad).tolist()
        ]
        good = is_kept & ~bad
        found: list[ParamCells] = []
        # `np.unique` would import `numpy.ma`, an eighth of what NumPy takes to be there.
        indices: list[int] = np.flatnonzero(np.bincount(names[good])).tolist()
        for index in indices:
            chosen = good & (names == index)
            kept = specs[chosen].astype(np.int32)
            found.append(ParamCells(self._columns[index], rows[chosen], values[chosen], kept))
        return found, damage

    def _code_of(self, cell: object) -> tuple[int, bool]:
        """Return the code of a cell seen for the first time, and whether to remember the cell."""
        if isinstance(cell, int):
            return cell, False
        # A name may hold a NUL itself, JSON cannot.
        name, separator, text = str(cell or "").rpartition("\0")
        if not separator:
            return self._add(_NAMELESS), False
        index = self._index_of(name)
        if index is None:
            return self._add(_OMITTED), False
        if self._kept_chars + len(text) > _MAX_KEPT_CHARS:
            return self._add(_Pair(index, UNKEPT)), False
        self._kept_chars += len(name) + len(text)
        return self._add_space(index, name, text), True

    def _add_space(self, index: int, name: str, text: str) -> int:
        column = self._columns[index]
        try:
            spec = stored_spec(text)
        except SpaceError as error:
            shown = safe_line(name, max_chars=60)
            return self._add(_Pair(damage=f"Parameter {shown!r}: {error.message}"))
        column.specs.append(spec)
        n_choices = len(spec.choices) if isinstance(spec, ChoiceParam) else 0
        code = self._add(_Pair(index, len(column.specs) - 1, n_choices))
        if len(self._cases) < _MAX_CASES:
            self._cases.append((name, text, code))
        return code

    def _add(self, pair: _Pair) -> int:
        code = self._code_of_pair.get(pair)
        if code is None:
            code = self._code_of_pair[pair] = len(self._pairs)
            self._pairs.append(pair)
        return code

    def _index_of(self, name: str) -> int | None:
        column = self.columns.get(name)
        if column is not None:
            return column.index
        if len(self._columns) >= MAX_PARAMS:
            self.has_omitted = True
            return None
        column = self.columns[name] = GrowingParam(name, len(self._columns))
        self._columns.append(column)
        return column.index

    def _reason(self, code: int, value: float) -> str:
        pair = self._pairs[code]
        if pair.damage:
            return pair.damage
        name = safe_line(self._columns[pair.name_index].name, max_chars=60)
        if np.isnan(value):
            return f"Parameter {name!r} has no number."
        return f"Parameter {name!r} has no choice with index {value:g}."


class _Codes(dict[object, int]):
    """Codes by cell; a cell that is met for the first time is looked up and remembered."""

    def __init__(self, code_of: Callable[[object], tuple[int, bool]]) -> None:
        super().__init__()
        self._code_of = code_of

    def __missing__(self, cell: object) -> int:
        code, is_to_remember = self._code_of(cell)
        if is_to_remember or isinstance(cell, int):
            self[cell] = code
        return code


def _as_numbers(pair: _Pair) -> tuple[int, int, int, bool]:
    return pair.name_index, pair.spec_index, pair.n_choices, bool(pair.damage)

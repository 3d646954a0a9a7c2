"""Rows of a study's columns, chosen, sorted and printed in each form of `hptui trials`."""

from __future__ import annotations

import difflib
import itertools
import sys
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from hptui.cli.output.table import Column, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.spaces.choices import ChoiceValue, spell_choice
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.storage.transfer.trial_records import (
    Absent,
    WrittenTrial,
    durations_s,
    or_none,
    records_of,
    value_names,
    write_csv,
    write_json_lines,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.storage.read.study_reader import StudyReader


class TrialRows:
    """Some rows of a study's columns in some order: at first all, as they are stored."""

    def __init__(self, reader: StudyReader) -> None:
        self.columns = reader
        self._rows: npt.NDArray[np.int64] = np.arange(len(reader.trials))
        self._durations_s = durations_s(reader)

    def select(self, states: Sequence[int]) -> None:
        """Keep the trials in one of `states`; all, where there are none."""
        if states:
            self._rows = self._rows[np.isin(self.columns.trials.states[self._rows], states)]

    def keep(self, is_chosen: npt.NDArray[np.bool_]) -> None:
        """Keep the trials that are chosen: a cell for each row of the columns."""
        self._rows = self._rows[is_chosen[self._rows]]

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
            *(Column(name.replace("_", " "), "right") for name in value_names(self.columns)),
            Column("seconds", "right"),
            *(Column(name, "right") for name in self.columns.trials.params),
        ]
        rows = [_table_cells(record) for record in records_of(self.columns, self._rows)]
        print("\n".join(render_table(header, rows, width=Terminal.of_stdout().table_width)))

    def print_json(self) -> None:
        """Print one JSON object a line."""
        write_json_lines(sys.stdout, self.columns, self._rows)

    def print_csv(self) -> None:
        """Print CSV with a header."""
        write_csv(sys.stdout, self.columns, self._rows)

    def _sort_cells(self, key: str) -> npt.NDArray[np.float64]:
        columns = self.columns
        known = {
            "number": columns.trials.numbers.astype(np.float64),
            "state": columns.trials.states.astype(np.float64),
            "duration": self._durations_s,
            "start": columns.trials.starts_s,
        }
        for objective, name in enumerate(value_names(self.columns)):
            known[name] = columns.trials.values[:, objective]
        # A parameter that is called like a column can still be asked for with params_ before it.
        for name, param in columns.trials.params.items():
            known.setdefault(name, param.values)
            known.setdefault(f"params_{name}", param.values)
        if key in known:
            return known[key]
        near = difflib.get_close_matches(key, known, n=3) or list(known)
        listed = ", ".join(safe_line(name, max_chars=60) for name in itertools.islice(near, 20))
        raise UsageError(
            f"There is no column {safe_line(key, max_chars=60)!r} to sort by.",
            hint=f"Columns: {listed}.",
        )


def _table_cells(record: WrittenTrial) -> list[object]:
    state = record.state if record.is_feasible else f"{record.state}, infeasible"
    values = map(or_none, record.values)
    params = map(_shown, record.params.values())
    return [record.number, state, *values, or_none(record.duration_s), *params]


def _shown(value: ChoiceValue | Absent) -> object:
    if isinstance(value, Absent):
        return None
    return value if type(value) in (int, float) else spell_choice(value)

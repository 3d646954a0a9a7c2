"""Parameters of a study's best trials as a Python file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

from hptui.domain.python_text import python_literal
from hptui.domain.text import safe_line
from hptui.errors import UsageError
from hptui.storage.transfer.trial_records import ABSENT, TrialRecord, records_of

if TYPE_CHECKING:
    from hptui.storage.read.study_reader import StudyReader
    from hptui.trials import IntArray

NAME = "best_params"
"""What the file assigns: a dict, or for a front a list of dicts."""


def write_python(stream: TextIO, columns: StudyReader, rows: IntArray) -> None:
    """Write the parameters of the trials in `rows`; with one objective that is one trial.

    Raises:
        UsageError: There is none.
    """
    if not len(rows):
        raise UsageError(
            f"No feasible trial of {safe_line(columns.study_name, max_chars=60)!r} is complete, "
            "so there is no best one.",
            hint="A filter, where one is given, may have left it out.",
        )
    directions = columns.trials.directions
    goal = f"{safe_line(columns.study_name)} ({', '.join(directions)})"
    if len(directions) == 1:
        (record,) = records_of(columns, rows)
        stream.write(f"# {goal}: {_of(record)}\n{NAME} = {_lines(record, '')}\n")
        return
    stream.write(f"# {goal}: the Pareto front, by the first objective.\n{NAME} = [\n")
    # Trials with equal values stay in the order of their numbers.
    ordered = rows[columns.trials.values[rows, 0].argsort(kind="stable")]
    for record in records_of(columns, ordered):
        stream.write(f"    # {_of(record)}\n    {_lines(record, '    ')},\n")
    stream.write("]\n")


def _of(record: TrialRecord) -> str:
    return f"trial {record.number}: {', '.join(map(repr, record.values))}"


def _lines(record: TrialRecord, indent: str) -> str:
    items = [
        f"{indent}    {name!r}: {python_literal(value)},\n"
        for name, value in record.params.items()
        if value is not ABSENT
    ]
    return "{\n" + "".join(items) + indent + "}" if items else "{}"

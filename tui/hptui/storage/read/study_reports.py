"""The intermediate values of a whole study, as many as a figure can show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from hptui.storage.read.cells import floats, integers
from hptui.storage.read.session import open_study
from hptui.storage.sqlite.numbers import number_sql

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.trials import FloatArray, IntArray

MAX_REPORTS: Final = 100_000
"""Of more reports than these, those of the newest trials are read."""

_QUERY: Final = (
    f"SELECT v.trial_id, v.step, {number_sql('v.intermediate_value')} "
    # In this order SQLite goes through the trials backwards and stops; else it sorts all reports.
    "FROM trials t CROSS JOIN trial_intermediate_values v ON t.trial_id = v.trial_id "
    "WHERE t.study_id = ? AND t.state IN ('COMPLETE', 'PRUNED', 'RUNNING') "
    "ORDER BY t.trial_id DESC, v.step DESC LIMIT ?"
)


@dataclass(frozen=True, slots=True, eq=False)
class StudyReports:
    """What complete, pruned and running trials reported: a row a report, by trial and step."""

    trial_ids: IntArray
    steps: IntArray
    values: FloatArray
    """NaN for what is not a number."""
    has_more: bool
    """Whether older trials have reports that were not read."""


def read_reports(path: Path, study_name: str, *, max_reports: int = MAX_REPORTS) -> StudyReports:
    """Return the reports of a study's newest trials, whole trials only.

    Raises:
        StudyFileError: The file or study is not there, or cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    with open_study(path, study_name, is_known=True) as study:
        found: list[tuple[Any, ...]] = study.connection.execute(
            _QUERY, (study.study_id, max_reports + 1)
        ).fetchall()
    has_more = len(found) > max_reports
    trial_ids: IntArray = integers([row[0] for row in found])[::-1]
    # The oldest trial that was met may not be whole, but one trial is always shown.
    start = int((trial_ids == trial_ids[0]).sum()) if has_more else 0
    start = 0 if start == len(trial_ids) else start
    steps = integers([row[1] for row in found])[::-1]
    values = floats([row[2] for row in found])[::-1]
    return StudyReports(trial_ids[start:], steps[start:], values[start:], has_more)

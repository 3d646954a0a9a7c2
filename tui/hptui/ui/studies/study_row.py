"""One study as the list of studies shows it, read from its file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.text import safe_line
from hptui.errors import HptuiError, StudyFileError
from hptui.storage.files.leases import living_runs
from hptui.storage.files.study_identity import read_identity
from hptui.storage.files.validation import inspect_file, open_read_only
from hptui.storage.read.studies import StudySummary, summarize_all
from hptui.storage.read.study_trend import read_trend
from hptui.storage.sqlite.connection import as_storage_error

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.storage.files.leases import Living
    from hptui.ui.study.snapshot import EngineState

_CHECK_BUDGET_S: Final = 0.05
"""How long a file is searched for damage when it is met; there may be many."""


@dataclass(frozen=True, slots=True)
class StudyRow(StudySummary):
    """A study's summary, and what goes on with it."""

    engine: EngineState | None = None
    """None when nobody here runs the study."""
    trend: tuple[float, ...] = ()
    """The best value so far at a few places along the study."""

    @property
    def n_stale(self) -> int:
        """How many trials are stale."""
        return self.counts.get("STALE", 0)


def read_rows(path: Path, *, is_known: bool) -> tuple[StudyRow, ...]:
    """Return the studies of a file; one that cannot be read gives a row with its problem.

    Args:
        path: The file.
        is_known: Whether it was looked at before, so that it need not be searched for damage.
    """
    unknown = StudySummary(path, path.stem)
    try:
        unknown = replace(unknown, size_bytes=path.stat().st_size)
        if not is_known:
            _check(path)
        return _read(path, unknown, living_runs(path))
    except HptuiError as error:
        return (_row(unknown, problem=error.message, hint=error.hint),)
    except OSError as error:
        problem = f"{safe_line(str(path))} cannot be read: {error.strerror}."
        return (_row(unknown, problem=problem),)


def _check(path: Path) -> None:
    report = inspect_file(path, check_budget_s=_CHECK_BUDGET_S)
    if report.kind != "optuna":
        raise StudyFileError(report.sentence, hint=report.hint)


def _read(path: Path, unknown: StudySummary, living: Living) -> tuple[StudyRow, ...]:
    try:
        with closing(open_read_only(path)) as connection:
            connection.execute("BEGIN")
            summaries = summarize_all(connection, unknown, living)
            return tuple(_with_trend(connection, summary) for summary in summaries)
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error


def _with_trend(connection: sqlite3.Connection, summary: StudySummary) -> StudyRow:
    identity = None if summary.problem else read_identity(connection, summary.name)
    if identity is None:
        return _row(summary)
    trend: tuple[float, ...] = ()
    if len(summary.directions) == 1:
        trend = read_trend(connection, identity.study_id, summary.directions[0])
    return _row(summary, trend=trend)


def _row(summary: StudySummary, **more: Any) -> StudyRow:  # noqa: ANN401 - fields of a row
    known = {field.name: getattr(summary, field.name) for field in fields(StudySummary)}
    return StudyRow(**(known | more))

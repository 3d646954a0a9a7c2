"""One study as the list of studies shows it, read from its file."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.registry.catalogue import shown_name
from hptui.storage.files.leases import living_runs
from hptui.storage.files.study_identity import read_identity
from hptui.storage.read.best_trial import read_best_values, read_trend
from hptui.storage.read.session import open_file
from hptui.storage.read.studies import StudySummary, summarize_all

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path

    from hptui.storage.mirror.mirrors import MirrorState
    from hptui.ui.study.snapshot import EngineState


@dataclass(frozen=True, slots=True)
class StudyRow(StudySummary):
    """A study's summary, and what goes on with it."""

    engine: EngineState | None = None
    """None when nobody here runs the study."""
    trend: tuple[float, ...] = ()
    """The best value so far at a few places along the study."""
    bests: tuple[float, ...] = ()
    """The best value in each of several objectives; empty with one."""
    mirror: MirrorState | None = None
    """Where it is, and how old what is known of it; None where it is in a file of its own."""
    storage: str = ""
    """The name of that place in the settings; empty where it has none."""

    @property
    def label(self) -> str:
        """The study's name, with its place before it where that has a name."""
        return f"{self.storage}#{self.name}" if self.storage else self.name

    @property
    def objective_name(self) -> str:
        """How lists call what the study tunes; empty where its file does not say."""
        return "" if self.objective is None else shown_name(self.objective)

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
        living = living_runs(path)
        with open_file(path, is_known=is_known) as connection:
            summaries = summarize_all(connection, unknown, living)
            return tuple(_with_trend(connection, summary) for summary in summaries)
    except HptuiError as error:
        return (_row(unknown, problem=error.message, hint=error.hint),)
    except OSError as error:
        problem = f"{safe_line(str(path))} cannot be read: {error.strerror}."
        return (_row(unknown, problem=problem),)


def _with_trend(connection: sqlite3.Connection, summary: StudySummary) -> StudyRow:
    identity = None if summary.problem else read_identity(connection, summary.name)
    if identity is None:
        return _row(summary)
    directions = summary.directions
    if len(directions) == 1:
        return _row(summary, trend=read_trend(connection, identity.study_id, directions[0]))
    return _row(summary, bests=read_best_values(connection, identity.study_id, directions))


def _row(summary: StudySummary, **more: Any) -> StudyRow:  # noqa: ANN401 - fields of a row
    known = {field.name: getattr(summary, field.name) for field in fields(StudySummary)}
    return StudyRow(**(known | more))

"""Intermediate values of trials, read from a study file bit by bit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from hptui.domain.texts.text import safe_line
from hptui.errors import StudyFileError
from hptui.storage.read.cells import floats, integers
from hptui.storage.read.session import FollowedStudy
from hptui.storage.sqlite.numbers import number_sql

if TYPE_CHECKING:
    import sqlite3
    from pathlib import Path
    from types import TracebackType

    from hptui.trials import FloatArray, IntArray

MAX_TRIALS: Final = 300
"""Of more complete trials than these, the newest ones are read."""
MAX_REPORTS: Final = 100_000
"""Of all other trials together; no trial is begun when there are as many."""
MAX_REPORTS_A_TRIAL: Final = 20_000
"""Of more reports than these, those of the first steps are read."""

_REPORTS: Final = (
    f"SELECT step, {number_sql('intermediate_value')} "
    "FROM trial_intermediate_values WHERE trial_id = ? ORDER BY step LIMIT ?"
)


@dataclass(frozen=True, slots=True, eq=False)
class Reports:
    """What a trial reported, ordered by step; NaN for what is not a number."""

    steps: IntArray
    values: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class TrialReports:
    """The reports of a trial, and of those that it can be compared with."""

    number: int
    state: str
    """A word of `trial_states`."""
    own: Reports
    others: tuple[Reports, ...]
    """Of complete trials without this one, newest first; those without any report are left out."""


class CurveReader:
    """Reads the reports of one study's trials; those of complete ones are read only once.

    One thread at a time. The work of a reading is bounded, whatever the study's size.
    """

    def __init__(self, path: Path, study_name: str) -> None:
        self.path = path
        self.study_name = study_name
        self._study = FollowedStudy(path, study_name)
        self._of_complete: dict[int, Reports] = {}
        self._id_of: dict[int, int] = {}

    def read(self, number: int) -> TrialReports:
        """Return the reports of the trial with this number, and those to compare them with.

        Raises:
            StudyFileError: The file, study or trial is not there, or cannot be read.
            StudyBusyError: Another program has locked the file.
        """
        with self._study.look() as study:
            if not study.is_same:
                self._of_complete.clear()
                self._id_of.clear()
            return self._read(study.connection, study.study_id, number)

    def close(self) -> None:
        """Let go of the file; `read` opens it again."""
        self._study.close()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()

    def _read(self, connection: sqlite3.Connection, study_id: int, number: int) -> TrialReports:
        trial_id, state = self._find(connection, study_id, number)
        own = _reports(connection, trial_id)
        self._read_complete(connection, study_id)
        others = tuple(
            reports
            for other_id, reports in self._of_complete.items()
            if other_id != trial_id and len(reports.steps)
        )
        return TrialReports(number, state, own, others)

    def _find(self, connection: sqlite3.Connection, study_id: int, number: int) -> tuple[int, str]:
        """Return the id and the state of a trial."""
        known = self._id_of.get(number)
        # There is no index of numbers: the whole study is searched, but only once.
        where, sought = ("trial_id = ?", known) if known is not None else ("number = ?", number)
        row = connection.execute(
            f"SELECT trial_id, substr(state, 1, 40) FROM trials WHERE study_id = ? AND {where} "
            "ORDER BY trial_id LIMIT 1",
            (study_id, sought),
        ).fetchone()
        if row is None:
            raise StudyFileError(
                f"There is no trial {number} in the study {safe_line(self.study_name)!r}."
            )
        self._id_of[number] = int(row[0])
        return int(row[0]), str(row[1])

    def _read_complete(self, connection: sqlite3.Connection, study_id: int) -> None:
        rows = connection.execute(
            "SELECT trial_id FROM trials WHERE study_id = ? AND state = 'COMPLETE' "
            "ORDER BY trial_id DESC LIMIT ?",
            (study_id, MAX_TRIALS),
        ).fetchall()
        kept: dict[int, Reports] = {}
        n_reports = 0
        for (trial_id,) in rows:
            if n_reports >= MAX_REPORTS:
                break
            known = self._of_complete.get(trial_id)
            kept[trial_id] = _reports(connection, trial_id) if known is None else known
            n_reports += len(kept[trial_id].steps)
        self._of_complete = kept


def _reports(connection: sqlite3.Connection, trial_id: int) -> Reports:
    rows = connection.execute(_REPORTS, (trial_id, MAX_REPORTS_A_TRIAL)).fetchall()
    return Reports(integers([row[0] for row in rows]), floats([row[1] for row in rows]))

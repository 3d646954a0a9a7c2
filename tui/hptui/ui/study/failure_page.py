"""The failed trials of a study by their cause, as the application shows them."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hptui.analysis.filters.parser import quoted
from hptui.domain.causes import NO_REASON, FailureGroup, group_failures
from hptui.domain.texts.readable import by_count, plural
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.storage.read.failures import read_failures
from hptui.storage.read.trial_detail import read_trial
from hptui.ui.trial.trial_page_lines import error_sentence
from hptui.ui.widgets.table_model import Cell, Column, RowKey

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.domain.causes import Cause
    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.trial.trial_lines import Line

_COLUMNS: Final = (
    Column("count", "trials", 7, "right"),
    Column("retry", "to retry", 8, "right"),
    Column("newest", "newest", 7, "right"),
    Column("cause", "cause", 60),
)


@dataclass(frozen=True, slots=True)
class FailurePage:
    """One look at a study's failed trials."""

    groups: Sequence[FailureGroup] = ()
    trouble: str = ""
    """Why they could not be read, a sentence."""
    took_s: float = 0.0
    columns: Sequence[Column] = _COLUMNS
    sort: None = None
    grows_at: Literal["start", "end"] | None = None

    @property
    def n_failed(self) -> int:
        """How many trials have failed."""
        return sum(group.count for group in self.groups)

    @property
    def retriable(self) -> list[int]:
        """The trials that have not been tried again yet."""
        return [number for group in self.groups for number in group.retriable]

    @property
    def n_retriable(self) -> int:
        """How many have not been tried again yet."""
        return sum(len(group.retriable) for group in self.groups)

    def group_of(self, key: RowKey | None) -> FailureGroup | None:
        """Return the group of a row."""
        row = None if key is None else self.row_of_key(key)
        return None if row is None else self.groups[row]

    def __len__(self) -> int:
        """Return how many causes there are."""
        return len(self.groups)

    def cell(self, row: int, column: int) -> Cell:
        """Return what stands in a row of the column with this index."""
        group = self.groups[row]
        match column:
            case 0:
                return Cell(f"{group.count:,}", "failed")
            case 1:
                n_left = len(group.retriable)
                return Cell(f"{n_left:,}", "" if n_left else "dim")
            case 2:
                return Cell(f"#{group.newest}", "dim")
            case _:
                return Cell(group.cause.summary, "" if group.cause.kind else "dim")

    def key_of(self, row: int) -> str:
        """Return what tells a cause from the others."""
        return self.groups[row].cause.text

    def row_of_key(self, key: RowKey) -> int | None:
        """Return where a cause stands, or None."""
        return next((at for at, each in enumerate(self.groups) if each.cause.text == key), None)


def read_page(path: Path, study_name: str) -> FailurePage:
    """Read the failed trials of a study; what is wrong with its file becomes a sentence."""
    start_s = time.monotonic()
    try:
        groups = group_failures(read_failures(path, study_name))
    except HptuiError as error:
        return FailurePage(trouble=f"{error.message} {error.hint}".strip())
    return FailurePage(groups, took_s=time.monotonic() - start_s)


def headline(page: FailurePage | None, n_trials: int) -> str:
    """Return how many trials have failed, and of how many causes."""
    if page is None:
        return "Reading the failed trials."
    if page.trouble:
        return safe_line(page.trouble, max_chars=400)
    if not page.groups:
        return "No trial has failed."

    n_again = page.n_failed - page.n_retriable
    again = f"; {plural(n_again, 'was', 'were')} retried" if n_again else ""
    have = by_count(n_trials, "trial has", "trials have")
    causes = plural(len(page.groups), "cause")
    return f"{page.n_failed:,} of {n_trials:,} {have} failed, for {causes}{again}."


def read_example(path: Path, study_name: str, number: int) -> list[Line]:
    """Return what there is to say of one failed trial: its error, its parameters, its traceback."""
    try:
        trial = read_trial(path, study_name, number)
    except HptuiError as error:
        return [[(safe_line(error.message, max_chars=400), "note")]]
    lines: list[Line] = [[(error_sentence(trial), "failed")]]
    if trial.error is not None and trial.error.traceback:
        lines.append([])
        lines += [[(safe_line(line, max_chars=400), "")] for line in _lines(trial.error.traceback)]
    return lines


def _lines(text: str) -> list[str]:
    return text.rstrip().splitlines()


def cause_filter(cause: Cause) -> str:
    """Return the filter that means the trials of a cause."""
    return "state:failed cause:none" if cause == NO_REASON else f"cause={quoted(cause.text)}"


def disabled_reason(
    command_id: str,
    page: FailurePage | None,
    group: FailureGroup | None,
    snapshot: StudySnapshot,
) -> str | None:
    """Return why a command of the page cannot be given now; None where it can."""
    if command_id not in ("filter-cause", "open-newest", "retry-cause", "retry-failed"):
        return None
    if page is None:
        return "Reading the failed trials."
    if group is None:
        return "No trial has failed."
    if command_id in ("filter-cause", "open-newest"):
        return None
    n_left = len(group.retriable) if command_id == "retry-cause" else page.n_retriable
    return _why_no_retry(n_left, snapshot)


def _why_no_retry(n_left: int, snapshot: StudySnapshot) -> str | None:
    # What lasts comes before what passes: a command that changes the study holds it for a moment.
    if not n_left:
        return "Each of them was already retried."
    engine = snapshot.engine
    if engine is not None and engine.state == "stopping":
        return "The run is stopping."
    if engine is None and snapshot.is_filled:
        return safe_line(snapshot.runner, max_chars=300)
    return None

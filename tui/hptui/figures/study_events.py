"""What happened to a study between its trials, as marks on an axis of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.texts.readable import plural, show_moment
from hptui.figures.canvas.chart import AxisMark, LegendEntry
from hptui.figures.canvas.figure import entry
from hptui.figures.canvas.picture import label

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.axis import Axis
    from hptui.domain.study_changes import StudyChange
    from hptui.figures.canvas.picture import Look
    from hptui.figures.request import PlottedStudy
    from hptui.storage.read.study_detail import RunRecord
    from hptui.trials import Trials

_MAX_CHANGE_CELLS: Final = 48
_RUN: Final = ("▸", ">")
_CHANGE: Final = ("◇", "~")
_SEEN: Final = ("┃", "!")


@dataclass(frozen=True, slots=True)
class StudyEvents:
    """Between which trials something happened: each number is the first trial after it."""

    runs: tuple[int, ...] = ()
    """Without the first run, which begins with the study."""
    changes: tuple[StudyChange, ...] = ()
    """Oldest first."""
    first_unseen: int | None = None
    """The first trial that whoever looks has not seen yet; None where that is not known."""


NO_EVENTS: Final = StudyEvents()


def events_of(study: PlottedStudy, first_unseen: int | None = None) -> StudyEvents:
    """Return what is known to have happened to a study."""
    return StudyEvents(first_numbers(study.trials, study.runs), study.changes, first_unseen)


def first_numbers(trials: Trials, runs: Sequence[RunRecord]) -> tuple[int, ...]:
    """Return the first trial of each run but the first one; runs without trials are left out."""
    is_known = np.isfinite(trials.starts_s) & (trials.numbers >= 0)
    order = np.argsort(trials.starts_s[is_known], kind="stable")
    starts_s, numbers = trials.starts_s[is_known][order], trials.numbers[is_known][order]
    # Of trials that began later the least number: they may begin in another order.
    least = np.minimum.accumulate(numbers[::-1])[::-1]
    begun_s = np.array([run.started_s for run in runs if run.started_s is not None], np.float64)
    at = np.searchsorted(starts_s, begun_s)
    firsts = {int(least[each]) for each in at[at < len(starts_s)]}
    return tuple(sorted(firsts - {int(numbers.min())})) if len(numbers) else ()


def event_marks(events: StudyEvents, axis: Axis) -> tuple[AxisMark, ...]:
    """Return the marks of what happened within an axis of trial numbers."""
    marks = [AxisMark(_place(axis, number), "running", *_RUN) for number in events.runs]
    marks += [AxisMark(_place(axis, each.number), "target", *_CHANGE) for each in events.changes]
    if events.first_unseen is not None:
        marks.append(AxisMark(_place(axis, events.first_unseen), "selected", *_SEEN))
    return tuple(mark for mark in marks if 0.0 <= mark.place <= 1.0)


def event_entries(
    events: StudyEvents, first: int, last: int, *, look: Look
) -> tuple[LegendEntry, ...]:
    """Return what the legend says of the marks between two trials: the latest change in full."""
    which = 0 if look.unicode else 1
    entries: list[LegendEntry] = []
    n_runs = sum(first <= number <= last + 1 for number in events.runs)
    if n_runs:
        entries.append(entry(4, plural(n_runs, "later run"), _RUN[which], "running"))
    changes = [each for each in events.changes if first <= each.number <= last + 1]
    if changes:
        entries.append(entry(6, plural(len(changes), "change"), _CHANGE[which], "target"))
        # Where there is room, the latest one in full.
        entries.append(entry(2, change_text(changes[-1], look=look)))
    unseen = events.first_unseen
    if unseen is not None and first <= unseen <= last:
        text = f"{last + 1 - unseen} new since you last looked"
        entries.append(entry(4, text, _SEEN[which], "selected"))
    return tuple(entries)


def change_text(change: StudyChange, *, look: Look) -> str:
    """Return a change in short, with who made it and when: `#12 2 to 4 workers (jo, 12:30)`."""
    when = show_moment(change.at_s)[5:16]
    about = ", ".join(each for each in (change.who, when) if each)
    text = label(change.text, _MAX_CHANGE_CELLS, look=look)
    return f"#{change.number} {text}" + (f" ({label(about, 40, look=look)})" if about else "")


def _place(axis: Axis, number: int) -> float:
    """Return where a trial stands, below 0 or above 1 where it is not in sight."""
    if not axis.low <= number <= axis.high + 1:
        return -1.0
    return float(axis.place(np.array([number], np.float64))[0])

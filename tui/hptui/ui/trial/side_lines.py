"""What the detail column says of a trial: at once from the snapshot, the rest when it was read."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.texts.readable import four_digits, show_duration, show_moment
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import (
    COMPLETE,
    FAIL,
    PRUNED,
    RUNNING,
    STATE_WORDS,
    state_name,
)
from hptui.figures.request import value_name
from hptui.trials import NO_STEP
from hptui.ui.trial.gauges import gauge_lines, legend_lines
from hptui.ui.trial.trial_lines import (
    SYSTEM_SECTION,
    Field,
    field_lines,
    note_lines,
    sections,
)
from hptui.ui.trial.trial_page_lines import headline

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.trial.gauges import Gauge
    from hptui.ui.trial.trial_lines import Line
    from hptui.ui.trial.trial_page import TrialPage

_NAME_CHARS: Final = 24
_NOTE_LINES: Final = 12
_READ_LATER: Final = frozenset({"place", "memory", "tags"})
"""Of a trial's outcome, what is in the file alone."""
_KNOWN: Final = frozenset({"", "parameters", SYSTEM_SECTION})
"""Sections of the trial's page that stand above, or have no room here."""


def side_title(snapshot: StudySnapshot, number: int) -> str:
    """Return a trial's number and its state in a word."""
    row = snapshot.trials.row_of(number)
    if row is None:
        return f"#{number}"
    state = int(snapshot.trials.states[row])
    is_broken = state == COMPLETE and not snapshot.trials.is_feasible[row]
    word = "infeasible" if is_broken else STATE_WORDS[state_name(state)]
    best = ", the best" if number == snapshot.best_number else ""
    return f"#{number} {word}{best}"


def side_lines(
    snapshot: StudySnapshot,
    number: int,
    width: int,
    now_s: float,
    *,
    gauges: Sequence[Gauge] = (),
    page: TrialPage | None = None,
    has_unicode: bool = True,
) -> list[Line]:
    """Return outcome, gauges, and what is stored beside them.

    Args:
        snapshot: The study.
        number: The trial's.
        width: Cells of a line.
        now_s: Seconds since 1970; says how long a running trial runs.
        gauges: Its parameters; none where they are shown elsewhere.
        page: What was read of the trial; None, or another trial's, before it has been read.
        has_unicode: Whether the terminal shows more than ASCII.
    """
    if page is not None and page.number != number:
        page = None
    lines: list[Line] = []
    if why := _why(snapshot, number, page):
        failed = snapshot.trials.row_of(number)
        is_failed = failed is not None and snapshot.trials.states[failed] == FAIL
        lines += [[(why, "failed" if is_failed else "")], []]
    detail = None if page is None else page.detail
    outcome = _outcome(snapshot, number, now_s)
    if detail is not None:
        found = sections(detail, now_s)
        first = found[0].fields if found and not found[0].title else ()
        outcome += [each for each in first if each.name in _READ_LATER]
    if outcome:
        lines += field_lines(tuple(outcome), width)
    if gauges:
        lines += [[], *gauge_lines(gauges, width, has_unicode=has_unicode)]
        n_objectives = len(snapshot.trials.directions)
        lines += legend_lines(gauges, n_objectives, has_unicode=has_unicode)
    if page is not None:
        lines += note_lines(page.note, _NOTE_LINES)
    if detail is not None:
        for section in sections(detail, now_s):
            if section.title not in _KNOWN:
                lines += [[], [(section.title, "title")], *field_lines(section.fields, width)]
    return lines


def _why(snapshot: StudySnapshot, number: int, page: TrialPage | None) -> str:
    """Return why the trial failed or was pruned, or cannot be read; empty for any other."""
    if page is not None:
        return headline(page)[1]
    trials, row = snapshot.trials, snapshot.trials.row_of(number)
    if row is None:
        return ""
    if trials.states[row] == FAIL:
        return safe_line(snapshot.causes.get(number, ""), max_chars=400)
    step, value = int(trials.last_steps[row]), float(trials.last_values[row])
    if trials.states[row] == PRUNED and step != NO_STEP:
        return f"It was pruned after step {step}, where it reported {four_digits(value)}."
    return ""


def _outcome(snapshot: StudySnapshot, number: int, now_s: float) -> list[Field]:
    trials, row = snapshot.trials, snapshot.trials.row_of(number)
    if row is None:
        return []
    fields: list[Field] = []
    state = int(trials.states[row])
    n_objectives = len(trials.directions)
    for index, direction in enumerate(trials.directions):
        value = float(trials.values[row, index])
        if state == COMPLETE and not math.isnan(value):
            name = value_name(snapshot.metric_names, n_objectives, index)
            note = _rank(snapshot, row) if n_objectives == 1 else direction
            fields.append(Field(safe_line(name, max_chars=_NAME_CHARS), four_digits(value), note))
    if state == COMPLETE and n_objectives > 1 and number in snapshot.front:
        fields.append(Field("rank", "on the Pareto front"))
    step = int(trials.last_steps[row])
    if state != COMPLETE and step != NO_STEP:
        reported = four_digits(float(trials.last_values[row]))
        fields.append(Field("last report", reported, f"at step {step}"))
    start_s, end_s = float(trials.starts_s[row]), float(trials.completes_s[row])
    if math.isfinite(start_s):
        until_s = end_s if math.isfinite(end_s) else now_s if state == RUNNING else math.nan
        took = show_duration(max(0.0, until_s - start_s)) if math.isfinite(until_s) else ""
        fields.append(Field("time", took, f"from {show_moment(start_s)[:-3]}"))
    worker = snapshot.workers.get(number)
    if worker is not None:
        fields.append(Field("worker", str(worker)))
    return fields


def _rank(snapshot: StudySnapshot, row: int) -> str:
    """Return how many feasible complete trials a trial is among, and its place there."""
    trials = snapshot.trials
    counted = trials.is_complete & trials.is_feasible
    if not counted[row]:
        return trials.directions[0]
    values, value = trials.values[counted, 0], trials.values[row, 0]
    is_better = values < value if trials.directions[0] == "minimize" else values > value
    return f"rank {1 + int(np.count_nonzero(is_better)):,} of {int(counted.sum()):,}"

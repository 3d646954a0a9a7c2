"""What a run that has ended was, in a few lines: why it ended, and what it gained."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.objectives.best import best_row
from hptui.domain.texts.readable import four_digits, plural, show_duration
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STATE_WORDS
from hptui.engine.run.observer import reason_text
from hptui.ui.study.snapshot import count_states

if TYPE_CHECKING:
    from hptui.trials import BoolArray, Trials
    from hptui.ui.study.snapshot import StudySnapshot

_TOLD: Final = ("COMPLETE", "PRUNED", "FAIL")


def run_end_lines(snapshot: StudySnapshot, *, arrow: str = "→") -> tuple[str, ...]:
    """Return two lines about the latest run, safe for a terminal; none where none has ended."""
    run = snapshot.runs[-1] if snapshot.runs else None
    if run is None or snapshot.engine is not None or run.started_s is None:
        return ()
    trials = snapshot.trials
    is_of_run = trials.starts_s >= run.started_s
    ended_s = run.ended_s
    if ended_s is None:
        # The engine may be gone a moment before its last words are read.
        why = "The run has ended without a word." if snapshot.runner else "The run has ended."
    else:
        why = safe_line(reason_text(run.reason), max_chars=300)
    took = (
        "" if ended_s is None else f" It took {show_duration(max(0.0, ended_s - run.started_s))}."
    )
    counts = count_states(trials.states[is_of_run])
    told = [f"{counts[name]:,} {STATE_WORDS[name]}" for name in _TOLD if counts.get(name)]
    states = ", ".join(told) or "no trial has ended"
    return f"{why}{took}", f"{_gain(snapshot, is_of_run, arrow)}   {states}"


def _gain(snapshot: StudySnapshot, is_of_run: BoolArray, arrow: str) -> str:
    trials = snapshot.trials
    if len(trials.directions) > 1:
        rows = np.isin(trials.numbers, snapshot.front)
        new = plural(int((rows & is_of_run).sum()), "new trial")
        return f"{new} of {len(snapshot.front):,} on the Pareto front"
    before = _best(trials, ~is_of_run)
    now = "" if snapshot.best_value is None else four_digits(snapshot.best_value)
    if not now:
        return "no best value"
    after = f"{now} (#{snapshot.best_number})"
    if before is None:
        return f"best {after}"
    if before == snapshot.best_value:
        return f"best {after}, as before"
    return f"best {four_digits(before)} {arrow} {after}"


def _best(trials: Trials, chosen: BoolArray) -> float | None:
    rows = np.flatnonzero(chosen & trials.is_complete)
    values, is_feasible = trials.values[rows, 0], trials.is_feasible[rows]
    best = best_row(values, is_feasible, trials.directions[0])
    return None if best is None else float(values[best])

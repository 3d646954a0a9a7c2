"""Columns of the trial table: what stands in each, and how wide and in which tone."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from hptui.domain.spaces.choices import show_choice
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.texts.number_column import PLAIN, NumberStyle
from hptui.domain.texts.readable import show_duration, show_moment
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import (
    COMPLETE,
    FAIL,
    PRUNED,
    RUNNING,
    STALE,
    STATE_WORDS,
    WAITING,
    state_name,
)
from hptui.ui.look.marks import mark_of
from hptui.ui.trials.read_columns import show_cell
from hptui.ui.widgets.table_model import Cell, Column, Role

if TYPE_CHECKING:
    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import ParamColumn
    from hptui.ui.study.snapshot import StudySnapshot

PARAM_PREFIX: Final = "params_"
"""Before a parameter's name in the key of its column, as in Optuna's data frames."""
MAX_NAME_CHARS: Final = 60
_EMPTY: Final = Cell("")
_MIN_WIDTH: Final = 5
_MAX_CHOICE_WIDTH: Final = 16
_ROLES: Final[dict[int, Role]] = {
    RUNNING: "running",
    COMPLETE: "complete",
    PRUNED: "pruned",
    FAIL: "failed",
    WAITING: "waiting",
    STALE: "dim",
}


class TrialColumn(Protocol):
    """One column over the rows of a snapshot."""

    @property
    def column(self) -> Column:
        """Its header."""
        ...

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return what stands in a row."""
        ...


@dataclass(frozen=True, slots=True)
class NumberColumn:
    """The trial's number, with a mark where it is the best or on the front."""

    column: Column
    best: frozenset[int]
    mark: str

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return the number."""
        number = int(snapshot.trials.numbers[row])
        if number < 0:
            return Cell("?", "trouble")
        return Cell(f"{self.mark} {number}", "best") if number in self.best else Cell(str(number))


@dataclass(frozen=True, slots=True)
class StateColumn:
    """The trial's state with its mark; behind it marks of a note and of tags."""

    column: Column
    has_unicode: bool

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return mark and word."""
        state = int(snapshot.trials.states[row])
        role, word = _ROLES.get(state, "trouble"), STATE_WORDS[state_name(state)]
        if role == "complete" and not snapshot.trials.is_feasible[row]:
            role, word = "infeasible", "infeasible"
        mark = "!" if role == "trouble" else self._mark(word)
        text = f"{mark} {word}{self._annotations(snapshot, row)}"
        if state != FAIL:
            return Cell(text, role)
        return Cell(text, role, _cause_of(snapshot, row))

    def _annotations(self, snapshot: StudySnapshot, row: int) -> str:
        if not (snapshot.noted or snapshot.tagged):
            return ""
        number = int(snapshot.trials.numbers[row])
        note = self._mark("note") if number in snapshot.noted else ""
        tags = self._mark("tags") if number in snapshot.tagged else ""
        return f" {note or ' '}{tags}".rstrip()

    def _mark(self, name: str) -> str:
        return mark_of(name, has_unicode=self.has_unicode)


@dataclass(frozen=True, slots=True)
class ValueColumn:
    """A value; those that cannot be compared with the others are marked.

    `~` stands behind the last report of a running or stale trial, `·` behind that of a pruned one.
    """

    column: Column
    objective: int
    best: frozenset[int]
    has_unicode: bool
    style: NumberStyle = PLAIN

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return the value with its mark, which has a place of its own."""
        state = int(snapshot.trials.states[row])
        if state in (RUNNING, STALE):
            value = float(snapshot.trials.last_values[row])
            has_report = (
                snapshot.trials.last_steps[row] >= 0 and len(snapshot.trials.directions) == 1
            )
            role: Role = "running" if state == RUNNING else "dim"
            return Cell(f"{self.style.show(value)} ~", role) if has_report else _EMPTY
        value = float(snapshot.trials.values[row, self.objective])
        if math.isnan(value):
            return _EMPTY
        text = self.style.show(value)
        if state == PRUNED:
            return Cell(f"{text} {'·' if self.has_unicode else '.'}", "dim")
        if state != COMPLETE or not snapshot.trials.is_feasible[row]:
            return Cell(f"{text}  ", "dim")
        return Cell(f"{text}  ", "best" if int(snapshot.trials.numbers[row]) in self.best else "")


@dataclass(frozen=True, slots=True)
class TimeColumn:
    """How long the trial took, or runs."""

    column: Column

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return the duration."""
        start_s = float(snapshot.trials.starts_s[row])
        if snapshot.trials.states[row] == RUNNING:
            running_s = time.time() - start_s
            return _EMPTY if math.isnan(running_s) else Cell(show_duration(running_s), "running")
        took_s = float(snapshot.trials.completes_s[row]) - start_s
        return _EMPTY if math.isnan(took_s) else Cell(show_duration(took_s))


@dataclass(frozen=True, slots=True)
class StartColumn:
    """When the trial began, as local time."""

    column: Column

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return day and time; nothing for a trial that has not begun."""
        start_s = float(snapshot.trials.starts_s[row])
        return _EMPTY if math.isnan(start_s) else Cell(show_moment(start_s), "dim")


@dataclass(frozen=True, slots=True)
class WorkerColumn:
    """The worker that runs the trial; which one ran those that have ended is not stored."""

    column: Column

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return the worker's number as the line of workers has it."""
        worker = snapshot.workers.get(int(snapshot.trials.numbers[row]))
        return _EMPTY if worker is None else Cell(str(worker), "running")


@dataclass(frozen=True, slots=True)
class CauseColumn:
    """Why the trial failed."""

    column: Column

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return the cause as the page of failures has it."""
        text = _cause_of(snapshot, row)
        return Cell(text, "failed") if text else _EMPTY


def _cause_of(snapshot: StudySnapshot, row: int) -> str:
    """Return why a trial failed, with the kind where it is none of the objective's own errors."""
    cause = snapshot.causes.get(int(snapshot.trials.numbers[row]), "")
    return cause.removeprefix("exception ")


@dataclass(frozen=True, slots=True)
class ReadColumn:
    """What is read from the file for this column alone, see `read_columns`."""

    column: Column

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return what the file holds of the trial; nothing where it holds nothing."""
        key = self.column.key
        found = snapshot.read_cells.get(key, {}).get(int(snapshot.trials.numbers[row]))
        return _EMPTY if found is None else Cell(show_cell(key)(found))


@dataclass(frozen=True, slots=True)
class ParamTrialColumn:
    """A parameter."""

    column: Column
    param: ParamColumn
    style: NumberStyle = PLAIN

    def cell(self, snapshot: StudySnapshot, row: int) -> Cell:
        """Return the value as the objective received it, nothing where there is none."""
        if not self.param.has(row):
            return _EMPTY
        value = self.param.value_at(row)
        text = self.style.show(value) if isinstance(value, float) else show_choice(value)
        return Cell(text) if snapshot.trials.states[row] == COMPLETE else Cell(text, "dim")


def param_column(param: ParamColumn) -> Column:
    """Return the header of a parameter, with a width for all that its spaces allow."""
    label = safe_line(param.name, max_chars=MAX_NAME_CHARS)
    key = f"{PARAM_PREFIX}{param.name}"
    # The latest spaces say what is to come; what does not fit is cut.
    specs = param.specs[-10:]
    width = max((_spec_width(spec) for spec in specs), default=_MIN_WIDTH)
    is_text = bool(specs) and all(map(_is_text, specs))
    return Column(key, label, max(width, _MIN_WIDTH), "left" if is_text else "right")


def _spec_width(spec: ParamSpec) -> int:
    match spec:
        case ChoiceParam(choices):
            # Of endless lists of choices the first ones tell enough.
            widths = [len(show_choice(choice)) for choice in choices[:50]]
            return min(_MAX_CHOICE_WIDTH, max(widths))
        case IntParam(low, high):
            return max(len(str(low)), len(str(high)))
        case FloatParam(low):
            return 9 if low >= 0 else 10


def _is_text(spec: ParamSpec) -> bool:
    return isinstance(spec, ChoiceParam) and any(
        isinstance(choice, bool) or not isinstance(choice, (int, float))
        for choice in spec.choices[:50]
    )

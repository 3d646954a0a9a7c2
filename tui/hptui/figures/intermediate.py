"""What all trials reported, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.objectives.best import best_row
from hptui.analysis.pruning.curves import Curve, median_curve
from hptui.analysis.pruning.thresholds import Pruning
from hptui.domain.texts.readable import plural
from hptui.domain.trial_states import COMPLETE, PRUNED, RUNNING, STALE
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry, field_of
from hptui.figures.canvas.field import strokes
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE
from hptui.figures.canvas.points import Points, thin_line
from hptui.figures.request import Frame, TitledFigure
from hptui.figures.thresholds import (
    read_pruning,
    threshold_entries,
    threshold_lines,
    threshold_marks,
)
from hptui.storage.read.study_reports import read_reports
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Curves:
    """The reports of trials: a row a report, in the order of trials and of steps."""

    numbers: IntArray
    """Of the trials, as the next two."""
    states: npt.NDArray[np.int8]
    is_feasible: BoolArray
    steps: IntArray
    values: FloatArray
    best: int | None = None
    """The number of the best trial, by its final value, where it is among these."""
    has_more: bool = False
    """Whether there are older trials."""

    @property
    def n_trials(self) -> int:
        return len(np.unique(self.numbers))

    def of(self, number: int) -> Curve:
        """Return the curve of one trial."""
        rows = self.numbers == number
        return Curve(self.steps[rows], self.values[rows])

    def median(self) -> Curve:
        """Return the median of complete trials at each step."""
        rows = self.states == COMPLETE
        return median_curve([Curve(self.steps[rows], self.values[rows])] if rows.any() else [])

    def where(self, chosen: BoolArray) -> Curves:
        """Return some of the reports."""
        return Curves(
            self.numbers[chosen],
            self.states[chosen],
            self.is_feasible[chosen],
            self.steps[chosen],
            self.values[chosen],
            self.best,
            self.has_more,
        )


def build_curves(
    trials: Trials,
    rows: IntArray,
    steps: IntArray,
    values: FloatArray,
    *,
    has_more: bool = False,
) -> Curves:
    """Return the curves of reports, of which `rows` are the trials."""
    complete = complete_rows(trials)
    best = None
    if len(trials.directions) == 1:
        at = best_row(
            trials.values[complete, 0], trials.is_feasible[complete], trials.directions[0]
        )
        best = None if at is None else int(trials.numbers[complete[at]])
    is_shown = trials.numbers[rows] >= 0
    return Curves(
        trials.numbers[rows],
        trials.states[rows],
        trials.is_feasible[rows],
        steps,
        values,
        best,
        has_more,
    ).where(is_shown)


_CELL: Final = (1, 1)
_NO_PRUNING: Final = Pruning()


def draw_intermediate(
    curves: Curves,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    selected: int | None = None,
    pruning: Pruning = _NO_PRUNING,
) -> Figure:
    """Draw curves over each other: pruned ones as dots, complete ones as lines, the best on top.

    A report that is not a number makes a gap.
    """
    is_shown = np.isfinite(curves.values) & ((curves.values > 0) | (not is_log))
    if not is_shown.any():
        return Figure.saying(_empty_reason(curves), width, height)
    shown = curves.where(is_shown)
    x_axis = Axis.around(shown.steps.astype(np.float64))
    y_axis = Axis.around(shown.values, is_log=is_log)
    ticks = y_ticks(y_axis, width, height)
    area = field_of(ticks, width, height, has_legend=True)
    points = Points(x_axis.place(shown.steps.astype(np.float64)), y_axis.place(shown.values))
    is_next = np.zeros(len(is_shown), np.bool_)
    is_next[1:] = is_shown[1:] & is_shown[:-1] & (curves.numbers[1:] == curves.numbers[:-1])
    is_joined = is_next[is_shown]

    def layer(chosen: BoolArray, fineness: tuple[int, int]) -> Points:
        return _layer(points, is_joined, chosen, area, fineness)

    def line(curve: Curve) -> Points:
        drawable = np.isfinite(curve.values) & ((curve.values > 0) | (not is_log))
        x = x_axis.place(curve.steps[drawable].astype(np.float64))
        return thin_line(Points(x, y_axis.place(curve.values[drawable])), area.width)

    is_complete = shown.states == COMPLETE
    fine = look.fineness
    best = () if shown.best is None else (Line(line(shown.of(shown.best)), "best"),)
    canvas = Canvas(
        x_label="step",
        x_ticks=x_ticks(x_axis, width, whole=True),
        y_ticks=ticks,
        dots=(
            Dots(layer(is_complete & ~shown.is_feasible, _CELL), "infeasible", "⊘", "X"),
            Dots(layer(shown.states == PRUNED, _CELL), "pruned", "·", "."),
            Dots(layer(shown.states == STALE, _CELL), "stale", "◌", "S"),
            Dots(layer(is_complete & shown.is_feasible, fine), "trial", "", "o", is_line=True),
            Dots(layer(shown.states == RUNNING, fine), "running", "", "R", is_line=True),
        ),
        lines=(
            Line(line(curves.median()), "median", is_fine=True),
            *threshold_lines(pruning, x_axis, y_axis, area.width),
            *best,
        ),
        marks=[
            *threshold_marks(pruning, x_axis, y_axis),
            *selected_mark(shown.numbers, points, selected),
        ],
        legend=[
            *_legend(curves, int((~is_shown).sum()), is_log=is_log, look=look),
            *threshold_entries(pruning, x_axis, y_axis, width, look=look, importance=6),
        ],
    )
    return draw_figure(canvas, width, height, look=look, numbers=shown.numbers, points=points)


def _layer(
    points: Points, is_joined: BoolArray, chosen: BoolArray, area: Field, fineness: tuple[int, int]
) -> Points:
    rows = np.flatnonzero(chosen)
    # A report that nothing stands before is a line from itself to itself.
    before = np.where(is_joined[rows], rows - 1, rows)
    starts = Points(points.x[before], points.y[before])
    return strokes(starts, Points(points.x[rows], points.y[rows]), area, fineness)


def _legend(curves: Curves, n_hidden: int, *, is_log: bool, look: Look) -> list[LegendEntry]:
    which = 0 if look.unicode else 1
    numbers, first = np.unique(curves.numbers, return_index=True)
    states, is_feasible = curves.states[first], curves.is_feasible[first]
    entries: list[LegendEntry] = []
    if curves.best in numbers:
        entries.append(entry(9, f"#{curves.best}, the best", look.line, "best"))
    is_complete = states == COMPLETE
    groups: tuple[tuple[int, BoolArray, str, str, Role], ...] = (
        (8, is_complete & is_feasible, "complete", f"{look.fine_line}o", "trial"),
        (7, states == PRUNED, "pruned", "·.", "pruned"),
        (6, states == RUNNING, "running", f"{look.fine_line}R", "running"),
        (6, states == STALE, "stale", "◌S", "stale"),
        (5, is_complete & ~is_feasible, "infeasible", "⊘X", "infeasible"),
    )
    for importance, chosen, what, mark, role in groups:
        count = int(chosen.sum())
        if count:
            entries.append(entry(importance, f"{count} {what}", mark[which], role))
    if is_complete.any():
        entries.append(entry(4, "median of complete", look.fine_line, "median"))
    if curves.has_more:
        entries.append(entry(10, f"the newest {plural(len(numbers), 'trial')}"))
    if n_hidden:
        why = "not finite or not above 0" if is_log else "not finite"
        entries.append(entry(10, f"{plural(n_hidden, 'report')} {why}"))
    if is_log:
        entries.append(entry(1, "log axis"))
    return entries


def _empty_reason(curves: Curves) -> str:
    if not len(curves.values):
        return "No trial has reported an intermediate value."
    if np.isfinite(curves.values).any():
        return "No report is above 0, so a log axis shows none."
    return "No report is finite, so there is nothing to draw."


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the intermediate values of all trials, read from the study's file."""
    study = request.study
    reports = read_reports(study.path, study.name)
    # Trials that came since the columns were read are not among them.
    is_known = np.isin(reports.trial_ids, study.trials.trial_ids)
    curves = build_curves(
        study.trials,
        np.searchsorted(study.trials.trial_ids, reports.trial_ids[is_known]),
        reports.steps[is_known],
        reports.values[is_known],
        has_more=reports.has_more,
    )

    pruning = read_pruning(study.path, study.name)

    def draw(frame: Frame) -> Figure:
        return draw_intermediate(
            curves,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            look=frame.look,
            selected=frame.selected,
            pruning=pruning,
        )

    yield TitledFigure("intermediate values", draw)

"""One trial's intermediate values as a chart, against the median of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.pruning.curves import Curve
from hptui.analysis.pruning.thresholds import Pruning
from hptui.domain.texts.readable import four_digits, plural
from hptui.figures.canvas.chart import (
    MIN_HEIGHT,
    MIN_WIDTH,
    Canvas,
    LegendEntry,
    Mark,
    field_of,
    fit_legend,
)
from hptui.figures.canvas.figure import Figure, draw_figure
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE, Span, line_picture
from hptui.figures.canvas.points import Points, thin_line
from hptui.figures.thresholds import threshold_entries, threshold_lines, threshold_marks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role

_CELLS_A_Y_TICK: Final = 4
_CELLS_AN_X_TICK: Final = 12
_ROLES: Final[dict[str, Role]] = {
    "RUNNING": "running",
    "PRUNED": "pruned",
    "FAIL": "failed",
    "STALE": "stale",
}
_NO_PRUNING: Final = Pruning()
_END_MARKS: Final = {
    "RUNNING": ("●", "R"),
    "PRUNED": ("◐", "P"),
    "FAIL": ("✗", "F"),
    "STALE": ("◌", "S"),
}


@dataclass(frozen=True, slots=True, eq=False)
class CurveSource:
    """The curve of a trial and what it is compared with."""

    number: int
    state: str
    """A word of `trial_states`."""
    own: Curve
    median: Curve
    n_others: int
    """Of how many complete trials the median is."""
    pruning: Pruning = _NO_PRUNING
    """Where it is pruned, as things are now."""


def draw_curve(
    source: CurveSource, *, width: int, height: int, look: Look = FINE, is_log: bool = False
) -> Figure:
    """Draw a trial's intermediate values in `width` by `height` cells, over the median.

    Any curves and any size give a picture; where there is nothing to draw, it is a sentence, and
    where there is no room for axes, the legend alone.
    """
    own, median = _drawable(source.own, is_log=is_log), _drawable(source.median, is_log=is_log)
    if not len(own.steps):
        sentence = _empty_reason(source, is_log=is_log)
        return Figure.saying(sentence, width, height)
    n_hidden = len(source.own.steps) - len(own.steps)
    x_axis = Axis.around(np.concatenate([own.steps, median.steps]).astype(np.float64))
    y_axis = Axis.around(np.concatenate([own.values, median.values]), is_log=is_log)
    pruning, when = source.pruning, "" if source.state == "RUNNING" else " now"
    legend = [
        *_legend(source, own, n_hidden, is_log=is_log, look=look),
        *threshold_entries(pruning, x_axis, y_axis, width, look=look, importance=3, when=when),
    ]
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return Figure(line_picture(fit_legend(legend, width), width, height))
    y_ticks = y_axis.ticks(max(2, height // _CELLS_A_Y_TICK), max_chars=width // 3)
    n_columns = field_of(y_ticks, width, height, has_legend=True).width

    def line(curve: Curve) -> Points:
        x, y = x_axis.place(curve.steps.astype(np.float64)), y_axis.place(curve.values)
        return thin_line(Points(x, y), n_columns)

    points = line(own)
    marks = threshold_marks(pruning, x_axis, y_axis)
    if source.state in _END_MARKS:
        character, ascii_mark = _END_MARKS[source.state]
        end = float(points.x[-1]), float(points.y[-1])
        marks.append(Mark(*end, _role(source), character, ascii_mark))
    canvas = Canvas(
        x_label="step",
        x_ticks=x_axis.ticks(max(2, width // _CELLS_AN_X_TICK), whole=True),
        y_ticks=y_ticks,
        lines=(
            Line(line(median), "median", is_fine=True),
            *threshold_lines(pruning, x_axis, y_axis, n_columns),
            Line(points, _role(source)),
        ),
        marks=marks,
        legend=legend,
    )
    return draw_figure(canvas, width, height, look=look)


def _drawable(curve: Curve, *, is_log: bool) -> Curve:
    is_drawable = np.isfinite(curve.values)
    if is_log:
        is_drawable &= curve.values > 0
    return Curve(curve.steps[is_drawable], curve.values[is_drawable])


def _role(source: CurveSource) -> Role:
    return _ROLES.get(source.state, "trial")


def _legend(
    source: CurveSource, own: Curve, n_hidden: int, *, is_log: bool, look: Look
) -> Sequence[LegendEntry]:
    last = f"#{source.number}   {four_digits(float(own.values[-1]))} at step {own.steps[-1]}"
    mark = Span(f"{look.line} ", _role(source))
    entries = [LegendEntry((mark, Span(last, "note")), 5)]
    if len(source.median.steps):
        others = f"median of {source.n_others} complete"
        mark = Span(f"{look.fine_line} ", "median")
        entries.append(LegendEntry((mark, Span(others, "note")), 2))
    if n_hidden:
        why = "not finite or not above 0" if is_log else "not finite"
        entries.append(LegendEntry((Span(f"{n_hidden} {why}, not drawn", "note"),), 4))
    if is_log:
        entries.append(LegendEntry((Span("log axis", "note"),), 1))
    return entries


def _empty_reason(source: CurveSource, *, is_log: bool) -> str:
    trial, n_reports = f"Trial {source.number}", len(source.own.steps)
    if n_reports and is_log and np.isfinite(source.own.values).any():
        return f"{trial} reported nothing above 0, so a log axis shows nothing."
    if n_reports:
        return f"{trial} reported no finite value in {plural(n_reports, 'report')}."
    if source.state == "WAITING":
        return f"{trial} is waiting to run."
    if source.state == "RUNNING":
        return f"{trial} has not reported an intermediate value yet."
    return f"{trial} reported no intermediate values."

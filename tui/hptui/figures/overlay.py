"""The histories of several studies over each other: the best so far of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.compare.comparison import LETTERS
from hptui.analysis.compare.comparison_tables import NOTHING
from hptui.domain.texts.readable import four_digits
from hptui.figures.canvas.chart import Canvas, LegendEntry, Mark
from hptui.figures.canvas.figure import Figure, draw_figure, entry, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE, label
from hptui.figures.canvas.points import Points, row_after, thin_steps
from hptui.figures.canvas.roles import SERIES
from hptui.figures.edf import MAX_NAME_CHARS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.history import History
    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look
    from hptui.trials import BoolArray, FloatArray

_CELLS_A_LETTER: Final = 40
"""A line has its letter once in so many cells, and those of the others between."""
_START: Final = 0.1
"""The part of a study's trials whose bests may be out of sight."""
_MIN_GAIN: Final = 2.0
"""How many times more room the others must get for that."""


@dataclass(frozen=True, slots=True, eq=False)
class NamedHistory:
    """The history of one study."""

    name: str
    history: History


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """The part of a study's best so far that is in sight."""

    numbers: FloatArray
    best: FloatArray
    last: float
    """The number of the trial at which it ends: the study's last one, where it is seen so far."""


def draw_overlay(
    studies: Sequence[NamedHistory],
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    target: float | None = None,
) -> Figure:
    """Draw the best so far of at most as many studies as there are LETTERS over each other.

    Each line has a letter that the legend explains, and ends with its study. Where the first trials
    are so bad that they would squash the rest, lines begin later. `target` is a value that is drawn
    where it is in sight.
    """
    drawable = [_drawable(each.history, is_log=is_log) for each in studies]
    bests = [each.history.best[chosen] for each, chosen in zip(studies, drawable, strict=True)]
    if not any(map(len, bests)):
        return Figure.saying(_empty_reason(studies), width, height)
    y_axis = axis_of_bests(bests, studies[0].history.direction, is_log=is_log)
    runs = [
        _run(each.history, chosen, y_axis) for each, chosen in zip(studies, drawable, strict=True)
    ]
    ends = [0.0, *(float(each.history.numbers[-1]) for each in studies if len(each.history.best))]
    x_axis = Axis.around(np.array([0.0, max(ends)]))
    lines: list[Line] = []
    marks: list[Mark] = []
    for index, run in enumerate(runs):
        if not len(run.numbers):
            continue
        points = Points(x_axis.place(run.numbers), y_axis.place(run.best))
        end = float(x_axis.place(np.array([run.last]))[0])
        lines.append(Line(thin_steps(points, width, end=end), SERIES[index], is_steps=True))
        marks.extend(letters_along(points, end, index, len(runs), width))
    if target is not None and y_axis.low <= target <= y_axis.high:
        y = float(y_axis.place(np.array([target]))[0])
        lines.insert(
            0, Line(Points(np.array([0.0, 1.0]), np.array([y, y])), "target", is_fine=True)
        )
    canvas = Canvas(
        x_label="trial",
        x_ticks=x_ticks(x_axis, width, whole=True),
        y_ticks=y_ticks(y_axis, width, height),
        lines=lines,
        marks=marks,
        legend=_legend(studies, is_log=is_log, look=look),
    )
    return draw_figure(canvas, width, height, look=look)


def axis_of_bests(bests: Sequence[FloatArray], direction: Direction, *, is_log: bool) -> Axis:
    """Return the axis of bests of studies that can be drawn, one study at least.

    It leaves out the first ones where they would squash the others.
    """
    together = np.concatenate(bests)
    # Halves, so that the difference of the greatest floats is still one.
    losses = together / (2 if direction == "minimize" else -2)
    settled = [each[int(_START * len(each))] for each in bests if len(each)]
    worst = np.max(np.array(settled) / (2 if direction == "minimize" else -2))
    near = losses[losses <= worst]
    is_squashed = 0 < _MIN_GAIN * np.ptp(near) < np.ptp(losses)
    return Axis.around(together[losses <= worst] if is_squashed else together, is_log=is_log)


def _drawable(history: History, *, is_log: bool) -> BoolArray:
    is_drawable = np.isfinite(history.best)
    return is_drawable & (history.best > 0) if is_log else is_drawable


def _run(history: History, chosen: BoolArray, y_axis: Axis) -> _Run:
    is_seen = chosen & (history.best >= y_axis.low) & (history.best <= y_axis.high)
    behind = row_after(is_seen)
    last = history.numbers[-1 if behind is None else behind] if len(history.numbers) else 0
    return _Run(history.numbers[is_seen].astype(np.float64), history.best[is_seen], float(last))


def letters_along(points: Points, end: float, index: int, n_lines: int, width: int) -> list[Mark]:
    """Return the marks of a study's line: at places that no other line has, if it reaches one."""
    n_groups = max(1, width // _CELLS_A_LETTER)
    places = (np.arange(n_groups) + (index + 1) / (n_lines + 1)) / n_groups
    start = float(points.x[0])
    places = places[(places >= start) & (places <= end)]
    if not len(places):
        # A short line would otherwise go without.
        places = np.array([(start + end) / 2])
    at = np.maximum(0, np.searchsorted(points.x, places, side="right") - 1)
    return [
        Mark(x, y, SERIES[index], LETTERS[index], LETTERS[index])
        for x, y in zip(places.tolist(), points.y[at].tolist(), strict=True)
    ]


def _legend(studies: Sequence[NamedHistory], *, is_log: bool, look: Look) -> list[LegendEntry]:
    entries: list[LegendEntry] = []
    for index, study in enumerate(studies):
        name = label(study.name, MAX_NAME_CHARS, look=look)
        best = study.history.best
        reached = NOTHING if np.isnan(best[-1:]).all() else four_digits(float(best[-1]))
        entries.append(entry(9 - index, f"{name} {reached}", LETTERS[index], SERIES[index]))
    if is_log:
        entries.append(entry(1, "log axis"))
    return entries


def _empty_reason(studies: Sequence[NamedHistory]) -> str:
    bests = np.concatenate([each.history.best for each in studies])
    if np.isfinite(bests).any():
        return "No best value is above 0, so a log axis shows none."
    if not np.isnan(bests).all():
        return "No best value is finite, so there is nothing to draw."
    return "No feasible trial has completed yet."

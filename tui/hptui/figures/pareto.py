"""Two objectives against each other, a third one by marks, and the Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.objectives.front import build_front
from hptui.domain.texts.number_column import number_style
from hptui.errors import UsageError
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE, label
from hptui.figures.canvas.plane import Side
from hptui.figures.canvas.points import Points
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.analysis.objectives.front import Front
    from hptui.figures.canvas.picture import Look
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray


_FLAT: Final = 2
"""Objectives that have an axis."""
_MIN_GAIN: Final = 2.0
"""How many times more room the front must get for beaten trials to stand at the edge."""
_DOTS_A_CELL: Final = 2
_THIRDS: Final = (("●", "3"), ("◉", "2"), ("○", "1"))
"""Trials on the front by their third objective: the best third of them, the middle, the worst."""


def draw_front(
    front: Front,
    names: Sequence[str],
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    selected: int | None = None,
    objectives: tuple[int, ...] = (0, 1),
) -> Figure:
    """Draw a front in its two or three objectives, which are called `names`.

    The first two are the axes, from left to right and upwards; the third one is told in thirds of
    the front. `is_log` is for both axes. `objectives` says which ones they are.
    """
    is_finite = np.all(np.isfinite(front.values), axis=1)
    is_shown = is_finite & (np.all(front.values[:, :_FLAT] > 0, axis=1) | (not is_log))
    shown = front.where(is_shown)
    if not len(shown.numbers):
        return Figure.saying(_empty_reason(front, is_finite), width, height)
    axes = [_axis(shown, index, is_log=is_log) for index in range(_FLAT)]
    points = Points(*(axis.place(shown.values[:, i]) for i, axis in enumerate(axes)))
    is_far = np.any([_is_outside(each, shown, i) for i, each in enumerate(axes)], axis=0)
    n_far = int((is_far & shown.is_feasible & ~shown.on_front).sum())
    is_beaten = shown.is_feasible & ~shown.on_front

    def dots_of(chosen: BoolArray) -> Points:
        return Points(points.x[chosen], points.y[chosen])

    thirds = _thirds(shown)
    canvas = Canvas(
        x_label=label(names[0], width // 4, look=look),
        x_ticks=x_ticks(axes[0], width),
        y_ticks=y_ticks(axes[1], width, height),
        dots=(
            Dots(dots_of(~shown.is_feasible), "infeasible", "⊘", "X"),
            Dots(dots_of(is_beaten & ~is_far), "trial"),
            Dots(dots_of(is_beaten & is_far), "trial", "▫", "x"),
            *(
                Dots(dots_of(shown.on_front & (thirds == index)), "best", *marks)
                for index, marks in reversed(list(enumerate(_THIRDS)))
            ),
        ),
        lines=_border(shown, points, width),
        marks=selected_mark(shown.numbers, points, selected),
        legend=_legend(
            front,
            shown,
            n_far,
            names,
            is_finite,
            is_log=is_log,
            look=look,
        ),
    )
    x, y = (Side.of_value(axes[at], objectives[at]) for at in range(_FLAT))
    return draw_figure(
        canvas, width, height, look=look, numbers=shown.numbers, points=points, sides=(x, y)
    )


def _axis(shown: Front, index: int, *, is_log: bool) -> Axis:
    """Return an axis for the front, and what is no farther behind it than it is long."""
    values = shown.values[:, index]
    whole = Axis.around(values, is_log=is_log)
    front = values[shown.on_front & shown.is_feasible]
    if is_log or len(front) < _FLAT or front.min() == front.max():
        return whole
    # Halves, so that the difference of the greatest floats is still one.
    low, high = float(front.min()) / 2, float(front.max()) / 2
    if shown.directions[index] == "minimize":
        high += high - low
    else:
        low -= high - low
    is_near = (values / 2 >= low) & (values / 2 <= high)
    near = Axis.around(values[is_near])
    is_wide = whole.high / 2 - whole.low / 2 > _MIN_GAIN * (near.high / 2 - near.low / 2)
    return near if is_wide else whole


def _is_outside(axis: Axis, shown: Front, index: int) -> BoolArray:
    values = shown.values[:, index]
    return (values < axis.low) | (values > axis.high)


def _border(shown: Front, points: Points, width: int) -> tuple[Line, ...]:
    """Return the steps between what two objectives have reached together, and what not."""
    rows = np.flatnonzero(shown.on_front & shown.is_feasible)
    if len(shown.directions) != _FLAT or len(rows) < _FLAT:
        return ()
    rows = rows[np.lexsort((points.y[rows], points.x[rows]))]
    columns = (points.x[rows] * _DOTS_A_CELL * width).astype(np.int64)
    is_end = np.ones(len(rows), np.bool_)
    is_end[1:-1] = (columns[1:-1] != columns[:-2]) | (columns[1:-1] != columns[2:])
    x, y = points.x[rows[is_end]], points.y[rows[is_end]]
    if shown.directions[0] == "minimize":
        # Level up to the next trial, then upright.
        corners = Points(np.repeat(x, 2)[1:], np.repeat(y, 2)[:-1])
    else:
        corners = Points(
            np.append(x[0], np.repeat(x, 2)[:-1]), np.append(y[0], np.repeat(y, 2)[1:])
        )
    return (Line(corners, "best", is_fine=True, is_steps=True, is_behind=True),)


def _thirds(shown: Front) -> FloatArray:
    """Return for each trial on the front in which third of it it is: 0 for the best."""
    thirds = np.zeros(len(shown.numbers))
    if len(shown.directions) > _FLAT and shown.on_front.any():
        third = shown.values[:, _FLAT] * (1 if shown.directions[_FLAT] == "minimize" else -1)
        bounds = np.quantile(third[shown.on_front], (1 / 3, 2 / 3))
        thirds = np.searchsorted(bounds, third, side="left").astype(np.float64)
    return thirds


def _legend(
    front: Front,
    shown: Front,
    n_far: int,
    names: Sequence[str],
    is_finite: BoolArray,
    *,
    is_log: bool,
    look: Look,
) -> list[LegendEntry]:
    which = 0 if look.unicode else 1
    n_front, n_infeasible = int(front.on_front.sum()), int((~front.is_feasible).sum())
    entries = [
        entry(10, f"{n_front} on the front", _THIRDS[0][which], "best"),
        entry(7, f"{len(front.numbers) - n_front - n_infeasible} beaten", look.point, "trial"),
    ]
    if n_far:
        entries.append(entry(5, f"{n_far} far worse, at the edge", "▫x"[which], "trial"))
    if n_infeasible:
        entries.append(entry(6, f"{n_infeasible} infeasible", "⊘X"[which], "infeasible"))
    if len(front.directions) > _FLAT and shown.on_front.any():
        third = shown.values[shown.on_front, _FLAT]
        order = (float(third.min()), float(third.max()))
        best, worst = order if front.directions[_FLAT] == "minimize" else order[::-1]
        name = label(names[_FLAT], 20, look=look)
        marks = "".join(each[which] for each in _THIRDS)
        style = number_style(order)
        text = f"{name} {style.show(best)} to {style.show(worst)}"
        entries.append(entry(9, text, marks, "best"))
    n_infinite = int((~is_finite).sum())
    if n_infinite:
        entries.append(entry(8, f"{n_infinite} infinite, not drawn"))
    n_hidden = len(front.numbers) - n_infinite - len(shown.numbers)
    if n_hidden:
        entries.append(entry(8, f"{n_hidden} not above 0, not drawn"))
    if is_log:
        entries.append(entry(1, "log axes"))
    return entries


def _empty_reason(front: Front, is_finite: BoolArray) -> str:
    if is_finite.any():
        return "No trial has both values above 0, so log axes show none."
    if len(front.numbers):
        return "No trial has finite values only, so there is nothing to draw."
    return "No trial has completed yet."


FEWEST_AXES: Final = 2
MOST_AXES: Final = 3


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the Pareto front."""
    study = request.study
    directions = study.trials.directions
    axes = chosen_axes(request.axes, len(directions))
    names = [study.value_name(objective) for objective in axes]
    front = build_front(study.trials, axes)

    def draw(frame: Frame) -> Figure:
        return draw_front(
            front,
            names,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            look=frame.look,
            selected=frame.selected,
            objectives=axes,
        )

    x, y = (f"{names[index]} ({directions[axes[index]]})" for index in range(FEWEST_AXES))
    yield TitledFigure(f"{y} by {x}", draw)


def chosen_axes(given: tuple[int, ...], n_objectives: int) -> tuple[int, ...]:
    """Return the objectives that are the axes: those that were asked for, or the first ones.

    Raises:
        UsageError: The study does not have them, or has only one objective.
    """
    if n_objectives < FEWEST_AXES:
        raise UsageError(
            "A Pareto front needs two objectives or more, but the study has one.",
            hint="history and edf show one objective.",
        )
    axes = given or tuple(range(min(n_objectives, MOST_AXES)))
    is_known = all(0 <= axis < n_objectives for axis in axes)
    if not is_known or len(set(axes)) != len(axes) or not FEWEST_AXES <= len(axes) <= MOST_AXES:
        raise UsageError(
            f"--axes is {','.join(map(str, axes))}, but must be two or three different objectives "
            f"from 0 to {n_objectives - 1}.",
            hint="For example --axes 0,1.",
        )
    return axes

"""Two objectives against each other, a third one by marks, and the Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.objectives.front import build_front
from hptui.domain.readable import four_digits
from hptui.errors import UsageError
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, x_ticks, y_ticks
from hptui.figures.canvas.picture import label
from hptui.figures.canvas.points import Points
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.analysis.objectives.front import Front
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray


_FLAT: Final = 2
"""Objectives that have an axis."""
_THIRDS: Final = (("●", "3"), ("◉", "2"), ("○", "1"))
"""Trials on the front by their third objective: the best third of them, the middle, the worst."""


def draw_front(
    front: Front,
    names: Sequence[str],
    *,
    width: int,
    height: int,
    unicode: bool = True,
    is_log: bool = False,
    selected: int | None = None,
) -> Figure:
    """Draw a front in its two or three objectives, which are called `names`.

    The first two are the axes, from left to right and upwards; the third one is told in thirds of
    the front. `is_log` is for both axes.
    """
    is_finite = np.all(np.isfinite(front.values), axis=1)
    is_shown = is_finite & (np.all(front.values[:, :_FLAT] > 0, axis=1) | (not is_log))
    shown = front.where(is_shown)
    if not len(shown.numbers):
        return Figure.saying(_why_nothing(front, is_finite), width, height)
    axes = [Axis.around(shown.values[:, index], is_log=is_log) for index in range(_FLAT)]
    points = Points(*(axis.place(shown.values[:, i]) for i, axis in enumerate(axes)))
    is_beaten = shown.is_feasible & ~shown.on_front

    def dots_of(chosen: BoolArray) -> Points:
        return Points(points.x[chosen], points.y[chosen])

    thirds = _thirds(shown)
    canvas = Canvas(
        x_label=label(names[0], width // 4, unicode=unicode),
        x_ticks=x_ticks(axes[0], width),
        y_ticks=y_ticks(axes[1], width, height),
        dots=(
            Dots(dots_of(~shown.is_feasible), "infeasible", "⊘", "X"),
            Dots(dots_of(is_beaten), "trial", "·", "."),
            *(
                Dots(dots_of(shown.on_front & (thirds == index)), "best", *look)
                for index, look in reversed(list(enumerate(_THIRDS)))
            ),
        ),
        marks=selected_mark(shown.numbers, points, selected),
        legend=_legend(front, shown, names, is_finite, is_log=is_log, unicode=unicode),
    )
    return draw_figure(canvas, width, height, unicode=unicode, numbers=shown.numbers, points=points)


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
    names: Sequence[str],
    is_finite: BoolArray,
    *,
    is_log: bool,
    unicode: bool,
) -> list[LegendEntry]:
    look = 0 if unicode else 1
    n_front, n_infeasible = int(front.on_front.sum()), int((~front.is_feasible).sum())
    entries = [
        entry(10, f"{n_front} on the front", _THIRDS[0][look], "best"),
        entry(7, f"{len(front.numbers) - n_front - n_infeasible} beaten", "·."[look], "trial"),
    ]
    if n_infeasible:
        entries.append(entry(6, f"{n_infeasible} infeasible", "⊘X"[look], "infeasible"))
    if len(front.directions) > _FLAT and shown.on_front.any():
        third = shown.values[shown.on_front, _FLAT]
        order = (third.min(), third.max())
        best, worst = order if front.directions[_FLAT] == "minimize" else order[::-1]
        name = label(names[_FLAT], 20, unicode=unicode)
        marks = "".join(each[look] for each in _THIRDS)
        text = f"{name} {four_digits(float(best))} to {four_digits(float(worst))}"
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


def _why_nothing(front: Front, is_finite: BoolArray) -> str:
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
            unicode=frame.unicode,
            selected=frame.selected,
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

"""What several objectives have gained together, trial by trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.objectives.hypervolume import build_hypervolume, worst_values
from hptui.domain.texts.readable import four_digits, plural
from hptui.errors import UsageError
from hptui.figures.canvas.chart import Canvas
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE
from hptui.figures.canvas.points import Points, thin_steps
from hptui.figures.pareto import FEWEST_AXES
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.analysis.objectives.hypervolume import HypervolumeHistory
    from hptui.figures.canvas.picture import Look
    from hptui.figures.request import FigureRequest


def draw_hypervolume(
    history: HypervolumeHistory,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_worst_seen: bool = False,
    selected: int | None = None,
) -> Figure:
    """Draw the volume as a line of steps; `is_worst_seen` tells where the reference is from."""
    if not len(history.numbers):
        return Figure.saying("No trial has completed yet.", width, height)
    if not np.isfinite(history.volumes[-1]):
        sentence = "The volume is too large to compute, so there is nothing to draw."
        return Figure.saying(sentence, width, height)
    numbers = history.numbers.astype(np.float64)
    x_axis = Axis.around(numbers)
    y_axis = Axis.around(np.append(history.volumes, 0.0))
    points = Points(x_axis.place(numbers), y_axis.place(history.volumes))
    reference = ", ".join(map(four_digits, history.reference))
    legend = [
        entry(9, four_digits(float(history.volumes[-1])), look.line, "best"),
        entry(8, f"to {reference}{', the worst values' if is_worst_seen else ''}"),
    ]
    if history.n_beyond:
        legend.append(entry(10, f"{history.n_beyond} beyond it"))
    canvas = Canvas(
        x_label="trial",
        x_ticks=x_ticks(x_axis, width, whole=True),
        y_ticks=y_ticks(y_axis, width, height),
        lines=(Line(thin_steps(points, width), "best", is_steps=True),),
        marks=selected_mark(history.numbers, points, selected),
        legend=legend,
    )
    return draw_figure(canvas, width, height, look=look, numbers=history.numbers, points=points)


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the hypervolume after each trial."""
    history = build_hypervolume(request.study.trials, chosen_reference(request))

    def draw(frame: Frame) -> Figure:
        return draw_hypervolume(
            history,
            width=frame.width,
            height=frame.height,
            look=frame.look,
            is_worst_seen=not request.reference,
            selected=frame.selected,
        )

    yield TitledFigure("hypervolume", draw)


def chosen_reference(request: FigureRequest) -> tuple[float, ...]:
    """Return the point from which volumes are measured: the one asked for, or the worst values.

    Raises:
        UsageError: It has not a number for each objective, or the study has only one objective.
    """
    trials = request.study.trials
    n_objectives = len(trials.directions)
    if n_objectives < FEWEST_AXES:
        raise UsageError(
            "A hypervolume needs two objectives or more, but the study has one.",
            hint="history and edf show one objective.",
        )
    if request.reference and len(request.reference) != n_objectives:
        raise UsageError(
            f"--reference has {plural(len(request.reference), 'number')}, but the study has "
            f"{plural(n_objectives, 'objective')}.",
            hint="Give a number for each, worse than what you care for.",
        )
    return request.reference or worst_values(trials)

"""The hypervolume of a study over its trials as a chart."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.history import Points, thin_steps
from hptui.domain.readable import four_digits
from hptui.figures.canvas.chart import Canvas
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line

if TYPE_CHECKING:
    from hptui.analysis.objectives.hypervolume import HypervolumeHistory


def draw_hypervolume(
    history: HypervolumeHistory,
    *,
    width: int,
    height: int,
    unicode: bool = True,
    is_worst_seen: bool = False,
    selected: int | None = None,
) -> Figure:
    """Draw the volume as a line of steps; `is_worst_seen` tells where the reference is from."""
    if not len(history.numbers):
        return Figure.saying("No trial has completed yet.", width, height)
    if not np.isfinite(history.volumes[-1]):
        sentence = "The volume is larger than any number, so there is nothing to draw."
        return Figure.saying(sentence, width, height)
    numbers = history.numbers.astype(np.float64)
    x_axis = Axis.around(numbers)
    y_axis = Axis.around(np.append(history.volumes, 0.0))
    points = Points(x_axis.place(numbers), y_axis.place(history.volumes))
    reference = ", ".join(map(four_digits, history.reference))
    legend = [
        entry(9, four_digits(float(history.volumes[-1])), "▄" if unicode else "=", "best"),
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
    return draw_figure(
        canvas, width, height, unicode=unicode, numbers=history.numbers, points=points
    )

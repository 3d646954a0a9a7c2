"""What two trials reported, over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.compare.comparison import LETTERS
from hptui.figures.canvas.chart import Canvas, Mark
from hptui.figures.canvas.figure import Figure, draw_figure, entry, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE
from hptui.figures.canvas.points import Points, thin_line
from hptui.figures.canvas.roles import SERIES
from hptui.figures.overlay import letters_along

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.pruning.curves import Curve
    from hptui.figures.canvas.picture import Look


def draw_curve_pair(
    names: Sequence[str], curves: Sequence[Curve], *, width: int, height: int, look: Look = FINE
) -> Figure:
    """Draw two curves, each with a letter that the legend explains by its name.

    Any curves and any size give a picture. Names must be safe for a terminal.
    """
    is_finite = [np.isfinite(curve.values) for curve in curves]
    steps = [each.steps[seen] for each, seen in zip(curves, is_finite, strict=True)]
    values = [each.values[seen] for each, seen in zip(curves, is_finite, strict=True)]
    if not any(map(len, steps)):
        return Figure.saying("Neither trial has reported a finite value.", width, height)
    x_axis = Axis.around(np.concatenate(steps).astype(np.float64))
    y_axis = Axis.around(np.concatenate(values))
    lines: list[Line] = []
    marks: list[Mark] = []
    for index, (at, reported) in enumerate(zip(steps, values, strict=True)):
        if len(at):
            points = Points(x_axis.place(at.astype(np.float64)), y_axis.place(reported))
            lines.append(Line(thin_line(points, width), SERIES[index]))
            end = float(points.x[-1])
            marks += letters_along(points, end, index, len(curves), width)
    canvas = Canvas(
        x_label="step",
        x_ticks=x_ticks(x_axis, width, whole=True),
        y_ticks=y_ticks(y_axis, width, height),
        lines=lines,
        marks=marks,
        legend=[
            entry(
                9 - index,
                name if len(steps[index]) else f"{name}, no reports",
                LETTERS[index],
                SERIES[index],
            )
            for index, name in enumerate(names)
        ],
    )
    return draw_figure(canvas, width, height, look=look)

"""Two objectives against each other, a third one by marks, and the Pareto front."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.analysis.objectives.front import build_front
from hptui.charts.front_chart import draw_front
from hptui.errors import UsageError
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest

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

"""What several objectives have gained together, trial by trial."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.analysis.objectives.hypervolume import build_hypervolume, worst_values
from hptui.charts.hypervolume_chart import draw_hypervolume
from hptui.errors import UsageError
from hptui.figures.pareto import FEWEST_AXES
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the hypervolume after each trial."""
    history = build_hypervolume(request.study.trials, chosen_reference(request))

    def draw(frame: Frame) -> Figure:
        return draw_hypervolume(
            history,
            width=frame.width,
            height=frame.height,
            unicode=frame.unicode,
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
            f"--reference has {len(request.reference)} numbers, but the study has "
            f"{n_objectives} objectives.",
            hint="Give a number for each, worse than what you care for.",
        )
    return request.reference or worst_values(trials)

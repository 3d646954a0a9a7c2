"""Trials across all parameters."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hptui.analysis.parallel import Parallel, build_parallel
from hptui.charts.parallel_chart import dimensions_that_fit, draw_parallel
from hptui.figures.chosen_params import chosen_params
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return all objectives, or the chosen one, and the parameters side by side."""
    study = request.study
    objectives = request.objectives()
    names = chosen_params(request, objectives[0])
    value_names = [study.value_name(objective) for objective in objectives]

    @lru_cache(maxsize=1)
    def parallel(n_shown: int) -> Parallel:
        return build_parallel(
            study.trials, names[:n_shown], objectives, value_names, is_log=request.is_log
        )

    def draw(frame: Frame) -> Figure:
        n_fit = dimensions_that_fit(len(objectives) + len(names), frame.width)
        return draw_parallel(
            parallel(max(0, n_fit - len(objectives))),
            width=frame.width,
            height=frame.height,
            unicode=frame.unicode,
            n_params=len(names),
            selected=frame.selected,
            chooser=request.chooser,
        )

    yield TitledFigure("trials across their parameters", draw)

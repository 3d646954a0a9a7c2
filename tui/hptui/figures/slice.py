"""The value by each parameter."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from hptui.analysis.slice import Slices, build_slices
from hptui.charts.slice_chart import draw_slices, slices_that_fit
from hptui.figures.chosen_params import chosen_params
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return each objective by each parameter."""
    for objective in request.objectives():
        yield _slices(request, objective)


def _slices(request: FigureRequest, objective: int) -> TitledFigure:
    study = request.study
    names = chosen_params(request, objective)

    @lru_cache(maxsize=1)
    def slices(n_shown: int) -> Slices:
        return build_slices(study.trials, names[:n_shown], objective)

    def draw(frame: Frame) -> Figure:
        return draw_slices(
            slices(slices_that_fit(len(names), frame.width, frame.height)),
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            unicode=frame.unicode,
            n_params=len(names),
            selected=frame.selected,
            chooser=request.chooser,
        )

    return TitledFigure(f"{study.value_name(objective)} by parameter", draw)

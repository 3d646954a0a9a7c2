"""Which share of trials is how good, of one study or several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.analysis.compare.edf import build_edf
from hptui.charts.edf_chart import NamedEdf, draw_edf
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the distribution of each objective over all studies."""
    for objective in request.objectives():
        yield _edf(request, objective)


def _edf(request: FigureRequest, objective: int) -> TitledFigure:
    name = request.study.value_name(objective)
    edfs = [NamedEdf(study.name, build_edf(study.trials, objective)) for study in request.studies]

    def draw(frame: Frame) -> Figure:
        return draw_edf(
            edfs,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            unicode=frame.unicode,
            value_name=name,
            selected=frame.selected,
        )

    return TitledFigure(f"trials by {name}", draw)

"""The value of every trial, and the best so far; of several studies their mean, and a band."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.analysis.compare.history_band import build_band
from hptui.analysis.history import history_of
from hptui.charts.band_chart import draw_band
from hptui.charts.history_chart import draw_history, history_source
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the history of each objective."""
    draws = _history if len(request.studies) == 1 else _band
    for objective in request.objectives():
        yield draws(request, objective)


def _history(request: FigureRequest, objective: int) -> TitledFigure:
    study = request.study
    trials = study.trials
    source = history_source(
        history_of(trials, objective), trials.numbers, trials.states, trials.last_values
    )

    def draw(frame: Frame) -> Figure:
        return draw_history(
            source,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            unicode=frame.unicode,
            selected=frame.selected,
        ).as_figure()

    return TitledFigure(study.value_name(objective), draw)


def _band(request: FigureRequest, objective: int) -> TitledFigure:
    band = build_band([history_of(study.trials, objective) for study in request.studies])

    def draw(frame: Frame) -> Figure:
        return draw_band(
            band,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            unicode=frame.unicode,
        )

    return TitledFigure(request.study.value_name(objective), draw)

"""Whether more trials are worth it."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from hptui.analysis.advice import build_advice
from hptui.analysis.advice_text import advice_sentences
from hptui.analysis.history import history_of
from hptui.charts.advice_chart import draw_advice
from hptui.charts.history_chart import history_source
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.charts.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return advice on each objective."""
    for objective in request.objectives():
        yield _advice(request, objective)


def _advice(request: FigureRequest, objective: int) -> TitledFigure:
    trials = request.study.trials
    advice = build_advice(trials, objective)
    source = history_source(
        history_of(trials, objective), trials.numbers, trials.states, trials.last_values
    )

    def draw(frame: Frame) -> Figure:
        return draw_advice(
            advice,
            source,
            width=frame.width,
            height=frame.height,
            unicode=frame.unicode,
            is_log=request.is_log,
            selected=frame.selected,
        )

    return TitledFigure(f"advice on {request.study.value_name(objective)}", draw)


def data_of(request: FigureRequest) -> Iterator[dict[str, Any]]:
    """Return the same as plain data."""
    for objective in request.objectives():
        advice = build_advice(request.study.trials, objective)
        data = asdict(advice)
        regret = data.pop("regret")
        yield {
            "study": request.study.name,
            "name": request.study.value_name(objective),
            **data,
            "may_reach": advice.may_reach,
            "sentences": advice_sentences(advice),
            "model": regret,
        }

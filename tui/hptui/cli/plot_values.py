"""Figures of values: how they went, how they are spread, and what they are worth together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.plot_request import TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.cli.plot_request import PlotRequest


def draw_history(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the history of each objective."""
    from hptui.analysis.history import build_history
    from hptui.charts import history_chart
    from hptui.charts.figure import Figure

    trials = request.study.trials
    for objective in request.objectives():
        history = build_history(
            trials.numbers,
            trials.values[:, objective],
            trials.is_complete,
            trials.is_feasible,
            trials.directions[objective],
        )
        source = history_chart.history_source(
            history, trials.numbers, trials.states, trials.last_values
        )
        drawn = history_chart.draw_history(
            source,
            width=request.width,
            height=request.height,
            is_log=request.is_log,
            unicode=request.unicode,
        )
        title = f"{request.study.name}: {request.study.value_name(objective)}"
        yield TitledFigure(title, Figure(drawn.picture, drawn.sentence))


def draw_edf(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the distribution of each objective over all studies."""
    from hptui.analysis.edf import build_edf
    from hptui.charts import edf_chart

    for objective in request.objectives():
        name = request.study.value_name(objective)
        edfs = [
            edf_chart.NamedEdf(study.name, build_edf(study.trials, objective))
            for study in request.studies
        ]
        figure = edf_chart.draw_edf(
            edfs,
            width=request.width,
            height=request.height,
            is_log=request.is_log,
            unicode=request.unicode,
            value_name=name,
        )
        yield TitledFigure(f"{_names(request)}: trials by {name}", figure)


def _names(request: PlotRequest) -> str:
    return ", ".join(study.name for study in request.studies)

"""Figures of values: how they went, how they are spread, and what they are worth together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.cli.plot_request import TitledFigure
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.cli.plot_request import PlotRequest

_FEWEST_AXES: Final = 2
_MOST_AXES: Final = 3


def draw_history(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the history of each objective; of several studies their mean, and a band."""
    from hptui.analysis.history import history_of
    from hptui.charts import history_chart
    from hptui.charts.figure import Figure

    if len(request.studies) > 1:
        yield from _draw_band(request)
        return
    trials = request.study.trials
    for objective in request.objectives():
        history = history_of(trials, objective)
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


def _draw_band(request: PlotRequest) -> Iterator[TitledFigure]:
    from hptui.analysis.history import history_of
    from hptui.analysis.history_band import build_band
    from hptui.charts.band_chart import draw_band

    for objective in request.objectives():
        band = build_band([history_of(study.trials, objective) for study in request.studies])
        figure = draw_band(
            band,
            width=request.width,
            height=request.height,
            is_log=request.is_log,
            unicode=request.unicode,
        )
        title = f"{_names(request)}: {request.study.value_name(objective)}"
        yield TitledFigure(title, figure)


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


def draw_pareto(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the Pareto front."""
    from hptui.analysis.front import build_front
    from hptui.charts.front_chart import draw_front

    study = request.study
    axes = _axes(request.axes, len(study.trials.directions))
    names = [study.value_name(objective) for objective in axes]
    figure = draw_front(
        build_front(study.trials, axes),
        names,
        width=request.width,
        height=request.height,
        is_log=request.is_log,
        unicode=request.unicode,
    )
    x, y = (
        f"{name} ({study.trials.directions[axis]})"
        for name, axis in zip(names[:_FEWEST_AXES], axes[:_FEWEST_AXES], strict=True)
    )
    yield TitledFigure(f"{study.name}: {y} by {x}", figure)


def _axes(given: tuple[int, ...], n_objectives: int) -> tuple[int, ...]:
    if n_objectives < _FEWEST_AXES:
        raise UsageError(
            "A Pareto front needs two objectives or more, but the study has one.",
            hint="history and edf show one objective.",
        )
    axes = given or tuple(range(min(n_objectives, _MOST_AXES)))
    is_known = all(0 <= axis < n_objectives for axis in axes)
    if not is_known or len(set(axes)) != len(axes) or not _FEWEST_AXES <= len(axes) <= _MOST_AXES:
        raise UsageError(
            f"--axes is {','.join(map(str, axes))}, but must be two or three different objectives "
            f"from 0 to {n_objectives - 1}.",
            hint="For example --axes 0,1.",
        )
    return axes


def _names(request: PlotRequest) -> str:
    return ", ".join(study.name for study in request.studies)


def draw_hypervolume(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the hypervolume after each trial."""
    from hptui.analysis.hypervolume import build_hypervolume, worst_values
    from hptui.charts import hypervolume_chart

    study = request.study
    n_objectives = len(study.trials.directions)
    if n_objectives < _FEWEST_AXES:
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
    reference = request.reference or worst_values(study.trials)
    figure = hypervolume_chart.draw_hypervolume(
        build_hypervolume(study.trials, reference),
        width=request.width,
        height=request.height,
        unicode=request.unicode,
        is_worst_seen=not request.reference,
    )
    yield TitledFigure(f"{study.name}: hypervolume", figure)

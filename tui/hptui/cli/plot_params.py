"""Figures of parameters: how the value depends on them."""

from __future__ import annotations

import difflib
from itertools import combinations
from typing import TYPE_CHECKING, Final

from hptui.cli.plot_request import TitledFigure
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.charts.heat_chart import HeatKind
    from hptui.cli.plot_request import PlotRequest

_MAX_LISTED: Final = 10
_PAIR: Final = 2
_MAX_IN_PAIRS: Final = 5
"""Of more parameters than these, the first ones are drawn against each other."""


def draw_slice(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw each objective by each parameter."""
    from hptui.analysis.slice import build_slices
    from hptui.charts import slice_chart

    study = request.study
    for objective in request.objectives():
        names = chosen_params(request, objective)
        n_shown = slice_chart.slices_that_fit(len(names), request.width, request.height)
        figure = slice_chart.draw_slices(
            build_slices(study.trials, names[:n_shown], objective),
            width=request.width,
            height=request.height,
            is_log=request.is_log,
            unicode=request.unicode,
            n_params=len(names),
        )
        yield TitledFigure(f"{study.name}: {study.value_name(objective)} by parameter", figure)


def chosen_params(request: PlotRequest, objective: int) -> list[str]:
    """Return the parameters that were asked for, each once; all where none were.

    Raises:
        UsageError: No complete trial has one of them.
    """
    from hptui.analysis.arrays import finite_rows
    from hptui.analysis.param_axis import params_in

    trials = request.study.trials
    names = params_in(trials, finite_rows(trials, (objective,)))
    for name in request.params:
        if name not in names:
            near = difflib.get_close_matches(name, names, n=3) or names[:_MAX_LISTED]
            listed = ", ".join(safe_line(each, max_chars=60) for each in near)
            raise UsageError(
                f"No complete trial of {safe_line(request.study.name)} has a parameter "
                f"{safe_line(name, max_chars=60)!r}.",
                hint=f"There is {listed}." if listed else "There is none.",
            )
    return list(dict.fromkeys(request.params)) or names


def draw_contour(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw each objective over two parameters."""
    return _heat_maps(request, "contour")


def draw_rank(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the ranks of trials over two parameters."""
    return _heat_maps(request, "rank")


def _heat_maps(request: PlotRequest, kind: HeatKind) -> Iterator[TitledFigure]:
    from hptui.analysis.grid import build_pair
    from hptui.charts.figure import Figure
    from hptui.charts.heat_chart import draw_heat

    study = request.study
    for objective in request.objectives():
        names = chosen_params(request, objective)
        value = study.value_name(objective)
        if len(names) < _PAIR:
            _refuse_one(request)
            sentence = "The complete trials have fewer than two parameters."
            figure = Figure.saying(sentence, request.width, request.height)
            yield TitledFigure(f"{study.name}: {value}", figure)
            continue
        # Without a choice the first pair is drawn: of many parameters there are too many pairs.
        shown = names[:_MAX_IN_PAIRS] if request.params else names[:_PAIR]
        for x_name, y_name in combinations(shown, _PAIR):
            figure = draw_heat(
                build_pair(study.trials, x_name, y_name, objective),
                kind,
                width=request.width,
                height=request.height,
                unicode=request.unicode,
            )
            what = f"rank of {value}" if kind == "rank" else value
            title = f"{study.name}: {what} by {x_name} and {y_name}"
            if len(names) > len(shown):
                title += f" (of {len(names)} parameters, --param chooses)"
            yield TitledFigure(title, figure)


def _refuse_one(request: PlotRequest) -> None:
    if request.params:
        raise UsageError(
            "One --param was given, but a heat map is of two.",
            hint="Give --param again with another name.",
        )


def draw_parallel(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw all objectives, or the chosen one, and the parameters."""
    from hptui.analysis.parallel import build_parallel
    from hptui.charts import parallel_chart

    study = request.study
    objectives = request.objectives()
    names = chosen_params(request, objectives[0])
    n_fit = parallel_chart.dimensions_that_fit(len(objectives) + len(names), request.width)
    figure = parallel_chart.draw_parallel(
        build_parallel(
            study.trials,
            names[: max(0, n_fit - len(objectives))],
            objectives,
            [study.value_name(objective) for objective in objectives],
            is_log=request.is_log,
        ),
        width=request.width,
        height=request.height,
        unicode=request.unicode,
        n_params=len(names),
    )
    yield TitledFigure(f"{study.name}: trials across their parameters", figure)

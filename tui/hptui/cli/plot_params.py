"""Figures of parameters: how the value depends on them."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

from hptui.cli.plot_request import TitledFigure
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.cli.plot_request import PlotRequest

_MAX_LISTED = 10


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

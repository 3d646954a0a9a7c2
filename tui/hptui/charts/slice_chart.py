"""The values of trials by each parameter: a small chart for each, on one scale of values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.history import Points
from hptui.charts.param_ticks import param_x_ticks
from hptui.figures.canvas.chart import (
    MIN_HEIGHT,
    MIN_WIDTH,
    Canvas,
    Dots,
    LegendEntry,
    Mark,
    fit_legend,
)
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, y_ticks
from hptui.figures.canvas.label import label
from hptui.figures.canvas.panels import Panel, PanelGrid, join_panels
from hptui.figures.canvas.picture import line_picture

if TYPE_CHECKING:
    from hptui.analysis.arrays import BoolArray
    from hptui.analysis.slice import Slice, Slices

MIN_PANEL_WIDTH: Final = 28
MIN_PANEL_HEIGHT: Final = 8
_LEGEND_LINES: Final = 1


def slices_that_fit(n_params: int, width: int, height: int) -> int:
    """Return for how many of `n_params` parameters there is room."""
    return min(n_params, _grid(n_params, width, height).n_panels)


def draw_slices(
    slices: Slices,
    *,
    width: int,
    height: int,
    unicode: bool = True,
    is_log: bool = False,
    n_params: int | None = None,
    selected: int | None = None,
    chooser: str = "--param",
) -> Figure:
    """Draw as many of `slices` as have room, see `slices_that_fit`; `n_params` are there in all.

    `chooser` is what a person chooses them with.
    """
    values = slices.values[slices.values > 0] if is_log else slices.values
    if not len(values) or not slices.slices:
        return Figure.saying(_why_nothing(slices), width, height)
    n_params = len(slices.slices) if n_params is None else n_params
    grid = _grid(len(slices.slices), width, height)
    shown = slices.slices[: grid.n_panels]
    n_hidden = len(slices.values) - len(values)
    legend = _legend(
        slices, len(shown), n_params, n_hidden, chooser, is_log=is_log, unicode=unicode
    )
    if grid.width < MIN_WIDTH or grid.height < MIN_HEIGHT + 1:
        return Figure(line_picture(fit_legend(legend, width), width, height))
    y_axis = Axis.around(values, is_log=is_log)
    panels = [
        _panel(each, slices, y_axis, grid, unicode=unicode, selected=selected) for each in shown
    ]
    return join_panels(panels, grid, width, height, fit_legend(legend, width - 1))


def _grid(n_params: int, width: int, height: int) -> PanelGrid:
    return PanelGrid.fitting(
        max(1, n_params),
        width,
        height - _LEGEND_LINES,
        min_width=MIN_PANEL_WIDTH,
        min_height=MIN_PANEL_HEIGHT,
    )


def _panel(
    each: Slice,
    slices: Slices,
    y_axis: Axis,
    grid: PanelGrid,
    *,
    unicode: bool,
    selected: int | None,
) -> Panel:
    width, height = grid.width - 1, grid.height - 1
    is_shown = each.values >= y_axis.low
    numbers, is_feasible = each.numbers[is_shown], each.is_feasible[is_shown]
    points = Points(
        each.param.place(each.param.values[is_shown]), y_axis.place(each.values[is_shown])
    )

    def dots_of(chosen: BoolArray) -> Points:
        return Points(points.x[chosen], points.y[chosen])

    best = np.flatnonzero(numbers == slices.best) if slices.best is not None else ()
    canvas = Canvas(
        x_label="",
        x_ticks=param_x_ticks(each.param, width, height, unicode=unicode),
        y_ticks=y_ticks(y_axis, width, height),
        dots=(
            Dots(dots_of(~is_feasible), "infeasible", "⊘", "X"),
            Dots(dots_of(is_feasible), "trial"),
        ),
        marks=(
            *(Mark(float(points.x[row]), float(points.y[row]), "best", "★", "*") for row in best),
            *selected_mark(numbers, points, selected),
        ),
    )
    figure = draw_figure(canvas, width, height, unicode=unicode, numbers=numbers, points=points)
    return Panel(_title(each, slices, width, unicode=unicode), figure)


def _title(each: Slice, slices: Slices, width: int, *, unicode: bool) -> str:
    notes = ", log" if each.param.is_log else ""
    if len(each.numbers) < len(slices.numbers):
        notes += f", in {len(each.numbers)} of {len(slices.numbers)}"
    return f"{label(each.param.name, max(3, width - len(notes) - 1), unicode=unicode)}{notes}"


def _legend(
    slices: Slices,
    n_shown: int,
    n_params: int,
    n_hidden: int,
    chooser: str,
    *,
    is_log: bool,
    unicode: bool,
) -> list[LegendEntry]:
    entries: list[LegendEntry] = []
    if n_shown < n_params:
        entries.append(entry(10, f"{n_shown} of {n_params} parameters, {chooser} chooses"))
    entries.append(entry(7, f"{len(slices.values)} complete", "▖" if unicode else "o", "trial"))
    n_infeasible = max((int((~each.is_feasible).sum()) for each in slices.slices), default=0)
    if n_infeasible:
        entries.append(entry(5, "infeasible", "⊘" if unicode else "X", "infeasible"))
    if slices.best is not None:
        entries.append(entry(8, f"#{slices.best}", "★" if unicode else "*", "best"))
    if slices.n_infinite:
        entries.append(entry(9, f"{slices.n_infinite} infinite, not drawn"))
    if n_hidden:
        entries.append(entry(9, f"{n_hidden} not above 0, not drawn"))
    if is_log:
        entries.append(entry(1, "log values"))
    return entries


def _why_nothing(slices: Slices) -> str:
    if len(slices.values) and slices.slices:
        return "No value is above 0, so a log axis shows none."
    if len(slices.values):
        return "The complete trials have no parameters."
    if slices.n_infinite:
        return "No value is finite, so there is nothing to draw."
    return "No trial has completed yet."

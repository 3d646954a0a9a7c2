"""The value by each parameter."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.far_values import is_far_worse
from hptui.analysis.objectives.best import best_row
from hptui.analysis.param_axis import ParamAxis, build_param
from hptui.domain.texts.readable import plural
from hptui.figures.canvas.chart import (
    MIN_HEIGHT,
    MIN_WIDTH,
    Canvas,
    Dots,
    LegendEntry,
    Mark,
    fit_legend,
)
from hptui.figures.canvas.figure import (
    Figure,
    Spots,
    draw_figure,
    entry,
    ramp_entry,
    selected_mark,
    y_ticks,
)
from hptui.figures.canvas.picture import FINE, Cells, label, line_picture, ramp_levels
from hptui.figures.canvas.plane import Side
from hptui.figures.canvas.points import Points
from hptui.figures.heat import rank_shares
from hptui.figures.params import chosen_params, param_x_ticks
from hptui.figures.request import Frame, TitledFigure
from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.figures.canvas.picture import Look, Span
    from hptui.figures.canvas.plane import Plane
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


@dataclass(frozen=True, slots=True, eq=False)
class Slice:
    """The complete trials that have a parameter and a finite value, ordered by number."""

    param: ParamAxis
    numbers: IntArray
    values: FloatArray
    ranks: FloatArray
    """The share of all complete trials that are better, from 0 to 1."""
    is_feasible: BoolArray


@dataclass(frozen=True, slots=True, eq=False)
class Slices:
    """The same trials by several parameters."""

    slices: tuple[Slice, ...]
    numbers: IntArray
    """Of all complete trials with a finite value, also those without any of the parameters."""
    values: FloatArray
    best: int | None
    """The number of the best feasible one."""
    n_infinite: int
    """Complete trials that are left out."""
    objective: int = 0
    worse_is_above: bool = True


def build_slices(trials: Trials, names: Sequence[str], objective: int) -> Slices:
    """Return one objective by each of the parameters in `names`, which the study has."""
    rows = finite_rows(trials, (objective,))
    values, is_feasible = trials.values[rows, objective], trials.is_feasible[rows]
    numbers = trials.numbers[rows]
    ranks = rank_shares(values if trials.directions[objective] == "minimize" else -values)
    slices: list[Slice] = []
    for name in names:
        param = build_param(trials.params[name], rows)
        has = param.has
        slices.append(
            Slice(param.where(has), numbers[has], values[has], ranks[has], is_feasible[has])
        )
    best = best_row(values, is_feasible, trials.directions[objective])
    return Slices(
        tuple(slices),
        numbers,
        values,
        None if best is None else int(numbers[best]),
        n_infinite=len(complete_rows(trials)) - len(rows),
        objective=objective,
        worse_is_above=trials.directions[objective] == "minimize",
    )


MIN_PANEL_WIDTH: Final = 28
MIN_PANEL_HEIGHT: Final = 8
_LEGEND_LINES: Final = 1
_FAR_MARKS: Final = {True: ("▴", "^"), False: ("▾", "v")}
"""Of trials beyond the edge of the chart: whether worse ones are above."""


def slices_that_fit(n_params: int, width: int, height: int) -> int:
    """Return for how many of `n_params` parameters there is room."""
    return min(n_params, _grid(n_params, width, height).n_panels)


def draw_slices(
    slices: Slices,
    *,
    width: int,
    height: int,
    look: Look = FINE,
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
        return Figure.saying(_empty_reason(slices), width, height)
    n_params = len(slices.slices) if n_params is None else n_params
    grid = _grid(len(slices.slices), width, height)
    shown = slices.slices[: grid.n_panels]
    n_hidden = len(slices.values) - len(values)
    is_far = is_far_worse(values, is_log=is_log, is_above=slices.worse_is_above)
    legend = _legend(slices, len(shown), n_params, n_hidden, chooser, is_log=is_log, look=look)
    if is_far.any():
        text = f"{int(is_far.sum())} far {'above' if slices.worse_is_above else 'below'}"
        mark = _FAR_MARKS[slices.worse_is_above][0 if look.unicode else 1]
        legend.append(entry(4, text, mark, "label"))
    if grid.width < MIN_WIDTH or grid.height < MIN_HEIGHT + 1:
        return Figure(line_picture(fit_legend(legend, width), width, height))
    y_axis = Axis.around(values[~is_far], is_log=is_log)
    panels = [_panel(each, slices, y_axis, grid, look=look, selected=selected) for each in shown]
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
    look: Look,
    selected: int | None,
) -> Panel:
    width, height = grid.width - 1, grid.height - 1
    # Far worse ones stand at the edge; what is not above 0 has no place on a log axis.
    is_shown = (each.values > 0) | (not y_axis.is_log)
    is_far = ((each.values < y_axis.low) | (each.values > y_axis.high))[is_shown]
    numbers, is_feasible = each.numbers[is_shown], each.is_feasible[is_shown]
    points = Points(
        each.param.place(each.param.values[is_shown]), y_axis.place(each.values[is_shown])
    )

    levels = ramp_levels(1.0 - each.ranks[is_shown])
    is_near = is_feasible & ~is_far

    def dots_of(chosen: BoolArray) -> Points:
        return Points(points.x[chosen], points.y[chosen])

    best = np.flatnonzero(numbers == slices.best) if slices.best is not None else ()
    canvas = Canvas(
        x_label="",
        x_ticks=param_x_ticks(each.param, width, height, look=look),
        y_ticks=y_ticks(y_axis, width, height),
        dots=(
            Dots(dots_of(~is_feasible), "infeasible", "⊘", "X"),
            Dots(dots_of(is_near), "trial", levels=levels[is_near]),
            Dots(dots_of(is_feasible & is_far), "trial", *_FAR_MARKS[slices.worse_is_above]),
        ),
        marks=(
            *(Mark(float(points.x[row]), float(points.y[row]), "best", "★", "*") for row in best),
            *selected_mark(numbers, points, selected),
        ),
    )
    sides = Side.of_param(each.param), Side.of_value(y_axis, slices.objective)
    figure = draw_figure(
        canvas, width, height, look=look, numbers=numbers, points=points, sides=sides
    )
    return Panel(_title(each, slices, width, look=look), figure)


def _title(each: Slice, slices: Slices, width: int, *, look: Look) -> str:
    notes = ", log" if each.param.is_log else ""
    if len(each.numbers) < len(slices.numbers):
        notes += f", in {len(each.numbers)} of {len(slices.numbers)}"
    return f"{label(each.param.name, max(3, width - len(notes) - 1), look=look)}{notes}"


def _legend(
    slices: Slices,
    n_shown: int,
    n_params: int,
    n_hidden: int,
    chooser: str,
    *,
    is_log: bool,
    look: Look,
) -> list[LegendEntry]:
    entries: list[LegendEntry] = []
    if n_shown < n_params:
        entries.append(
            entry(10, f"{n_shown} of {plural(n_params, 'parameter')}, {chooser} chooses")
        )
    entries.append(entry(7, f"{len(slices.values)} complete", look.point, "trial"))
    if look.has_ramp:
        entries.append(ramp_entry(6, "worst", "best"))
    n_infeasible = max((int((~each.is_feasible).sum()) for each in slices.slices), default=0)
    if n_infeasible:
        entries.append(entry(5, "infeasible", "⊘" if look.unicode else "X", "infeasible"))
    if slices.best is not None:
        entries.append(entry(8, f"#{slices.best}", "★" if look.unicode else "*", "best"))
    if slices.n_infinite:
        entries.append(entry(9, f"{slices.n_infinite} infinite, not drawn"))
    if n_hidden:
        entries.append(entry(9, f"{n_hidden} not above 0, not drawn"))
    if is_log:
        entries.append(entry(1, "log values"))
    return entries


def _empty_reason(slices: Slices) -> str:
    if len(slices.values) and slices.slices:
        return "No value is above 0, so a log axis shows none."
    if len(slices.values):
        return "The complete trials have no parameters."
    if slices.n_infinite:
        return "No value is finite, so there is nothing to draw."
    return "No trial has completed yet."


@dataclass(frozen=True, slots=True)
class PanelGrid:
    """How many panels there are in a row, how many rows, and how large each panel is."""

    n_columns: int
    n_rows: int
    width: int
    height: int
    """With its title."""

    @classmethod
    def fitting(
        cls, n_panels: int, width: int, height: int, *, min_width: int, min_height: int
    ) -> PanelGrid:
        """Return a grid for as many of `n_panels` as have room, at least one."""
        most_columns, most_rows = max(1, width // min_width), max(1, height // min_height)
        n_rows = min(most_rows, -(-n_panels // most_columns))
        n_columns = min(most_columns, -(-n_panels // n_rows))
        return cls(n_columns, n_rows, width // n_columns, height // n_rows)

    @property
    def n_panels(self) -> int:
        """How many panels it has room for."""
        return self.n_columns * self.n_rows


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A small chart and the line above it, safe for a terminal."""

    title: str
    figure: Figure


def join_panels(
    panels: Sequence[Panel], grid: PanelGrid, width: int, height: int, legend: Sequence[Span]
) -> Figure:
    """Return the panels in one picture, row by row, over a line with the legend."""
    cells = Cells(width, height)
    spots: list[Spots] = []
    planes: list[Plane] = []
    for index, panel in enumerate(panels[: grid.n_panels]):
        top, left = index // grid.n_columns * grid.height, index % grid.n_columns * grid.width
        cells.put(top, left + 1, panel.title, "label")
        for row, line in enumerate(panel.figure.picture.lines, start=top + 1):
            cells.put_spans(row, left, line)
        spots.append(panel.figure.spots.moved(left, top + 1))
        planes += [plane.moved(left, top + 1) for plane in panel.figure.planes]
    cells.put_spans(height - 1, 1, legend)
    return Figure(cells.picture(), spots=Spots.joined(spots), planes=tuple(planes))


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
            look=frame.look,
            n_params=len(names),
            selected=frame.selected,
            chooser=request.chooser,
        )

    return TitledFigure(f"{study.value_name(objective)} by parameter", draw)

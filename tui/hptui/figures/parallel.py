"""Trials across all parameters."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.objectives.best import best_row
from hptui.analysis.objectives.pareto import pareto_front
from hptui.analysis.param_axis import ParamAxis, build_param
from hptui.domain.texts.number_column import PLAIN, number_style
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import cell_width
from hptui.figures.canvas.chart import LegendEntry, fit_legend
from hptui.figures.canvas.field import (
    Field,
    braille_dots,
    braille_of,
    quarter_blocks,
    strokes,
    whole_cells,
)
from hptui.figures.canvas.figure import Figure, Spots, entry, ramp_entry
from hptui.figures.canvas.lines import Line, draw_lines
from hptui.figures.canvas.picture import FINE, Cells, label, line_picture, ramp_levels
from hptui.figures.canvas.points import Points
from hptui.figures.canvas.roles import RAMP
from hptui.figures.heat import rank_shares
from hptui.figures.params import choice_label, chosen_params
from hptui.figures.request import Frame, TitledFigure
from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


_TOP: Final = 0.1
"""The share of trials that stands out."""


@dataclass(frozen=True, slots=True, eq=False)
class Parallel:
    """The complete trials with finite values, ordered by number."""

    dimensions: tuple[ParamAxis, ...]
    """The objectives first, then the parameters, of which a trial may lack some."""
    n_objectives: int
    numbers: IntArray
    ranks: FloatArray
    """The share of the feasible trials that are better, from 0 to 1; of one objective alone."""
    is_feasible: BoolArray
    is_top: BoolArray
    """The best tenth of the feasible ones; with several objectives, the front."""
    best: int | None
    """The number of the best one; None with several objectives."""
    n_infinite: int
    """Complete trials that are left out."""


def build_parallel(
    trials: Trials,
    names: Sequence[str],
    objectives: Sequence[int],
    value_names: Sequence[str],
    *,
    is_log: bool = False,
) -> Parallel:
    """Return the trials across `objectives`, which are called `value_names`, and parameters.

    `is_log` puts those objectives on logarithmic axes that are above 0 throughout.
    """
    rows = finite_rows(trials, objectives)
    values = trials.values[rows][:, list(objectives)]
    is_feasible = trials.is_feasible[rows]
    directions: list[Direction] = [trials.directions[objective] for objective in objectives]
    is_top = np.zeros(len(rows), np.bool_)
    ranks = np.ones(len(rows))
    feasible = np.flatnonzero(is_feasible)
    best = None
    if len(objectives) > 1:
        is_top[feasible] = pareto_front(values[feasible], directions)
    elif len(feasible):
        losses = values[feasible, 0] * (1 if directions[0] == "minimize" else -1)
        ranks[feasible] = rank_shares(losses)
        is_top[feasible] = ranks[feasible] <= _TOP
        best = best_row(values[:, 0], is_feasible, directions[0])
    axes: list[ParamAxis] = []
    for column, name in enumerate(value_names):
        each = values[:, column]
        each_log = is_log and bool((each > 0).all())
        axis = Axis.around(each, is_log=each_log)
        axes.append(ParamAxis(name, each, None, is_log=each_log, is_whole=False, axis=axis))
    axes.extend(build_param(trials.params[name], rows) for name in names)
    return Parallel(
        tuple(axes),
        len(objectives),
        trials.numbers[rows],
        ranks,
        is_feasible,
        is_top,
        None if best is None else int(trials.numbers[rows[best]]),
        n_infinite=len(complete_rows(trials)) - len(rows),
    )


CELLS_A_DIMENSION: Final = 14
_MIN_WIDTH: Final = 2 * CELLS_A_DIMENSION
_MIN_HEIGHT: Final = 8
_LINES_ABOVE: Final = 2
"""The name and the highest value."""
_LINES_BELOW: Final = 2
"""The lowest value, and the legend."""
_CELL: Final = (1, 1)


def dimensions_that_fit(n_dimensions: int, width: int) -> int:
    """Return how many of `n_dimensions` have room, at least two."""
    return min(n_dimensions, max(2, width // CELLS_A_DIMENSION))


def draw_parallel(
    parallel: Parallel,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    n_params: int | None = None,
    selected: int | None = None,
    chooser: str = "--param",
) -> Figure:
    """Draw as many dimensions as have room, see `dimensions_that_fit`.

    `n_params` are there in all; `chooser` is what a person chooses them with. A trial that lacks a
    parameter passes below its axis.
    """
    if not len(parallel.numbers):
        infinite = "No value is finite, so there is nothing to draw."
        sentence = infinite if parallel.n_infinite else "No trial has completed yet."
        return Figure.saying(sentence, width, height)
    shown = parallel.dimensions[: dimensions_that_fit(len(parallel.dimensions), width)]
    if len(shown) == 1:
        return Figure.saying("The complete trials have no parameters.", width, height)
    n_shown = len(shown) - parallel.n_objectives
    known = len(parallel.dimensions) - parallel.n_objectives if n_params is None else n_params
    legend = fit_legend(_legend(parallel, n_shown, known, chooser, look=look), width)
    if width < _MIN_WIDTH or height < _MIN_HEIGHT:
        return Figure(line_picture(legend, width, height))
    area = Field(0, _LINES_ABOVE, width, height - _LINES_ABOVE - _LINES_BELOW)
    lift = 2 / (area.height - 1) if any(not each.has.all() for each in shown) else 0.0
    # What is written at the last axis stands to its right, as at all others.
    beside = max(at + cell_width(text) - 1 for _, at, text in _texts(shown[-1], area, lift, look))
    area = replace(area, width=width - beside)
    x = np.linspace(0.0, 1.0, len(shown))
    heights = np.stack([_heights(each, lift) for each in shown])
    cells = Cells(width, height)
    dots = np.zeros((4 * area.height, 2 * area.width), np.bool_)
    for chosen, role, character in _layers(parallel, look):
        is_fine = look.unicode and role != "infeasible"
        points = _between(x, heights[:, chosen], area, look.fineness if is_fine else _CELL)
        if not is_fine:
            drawn = whole_cells(area, points, character)
        elif look.glyphs == "blocks":
            drawn = quarter_blocks(area, points)
        else:
            # A cell is in one colour, and still shows the dots of all lines through it.
            own = braille_dots(area, points)
            dots |= own
            drawn = np.where(braille_of(own) == " ", " ", braille_of(dots))
        cells.lay(area.top, area.left, drawn, role)
    marked: tuple[tuple[int | None, Role], ...] = (
        (parallel.best, "best"),
        (selected, "selected"),
    )
    chosen_lines: list[Line] = []
    for number, role in marked:
        rows = np.flatnonzero(parallel.numbers == number) if number is not None else ()
        chosen_lines += [Line(Points(x, heights[:, row]), role) for row in rows]
    for row, column, character, role in draw_lines(chosen_lines, area, look=look):
        cells.put(area.top + row, area.left + column, character, role)
    for each, at in zip(shown, x.tolist(), strict=True):
        _draw_axis(cells, each, area, area.column(at), lift, look=look)
    cells.put_spans(height - 1, 0, legend)
    spots = Spots.in_field(
        np.tile(parallel.numbers, len(shown)),
        Points(np.repeat(x, len(parallel.numbers)), heights.ravel()),
        area,
    )
    return Figure(cells.picture(), spots=spots)


def _layers(parallel: Parallel, look: Look) -> Iterator[tuple[BoolArray, Role, str]]:
    """Return which trials are drawn in which role, and with which character; the best last."""
    yield ~parallel.is_feasible, "infeasible", "·" if look.unicode else "."
    if look.has_ramp and parallel.n_objectives == 1:
        levels = ramp_levels(1.0 - parallel.ranks)
        for level in np.unique(levels[parallel.is_feasible]).tolist():
            yield parallel.is_feasible & (levels == level), RAMP[level], "o"
        return
    yield parallel.is_feasible & ~parallel.is_top, "median", "."
    yield parallel.is_top, "trial", "o"


def _heights(each: ParamAxis, lift: float) -> FloatArray:
    """Return where trials cross an axis; those without a value do so below it."""
    places = each.place(np.where(each.has, each.values, each.axis.low))
    return np.where(each.has, lift + places * (1 - lift), 0.0)


def _between(x: FloatArray, heights: FloatArray, area: Field, fineness: tuple[int, int]) -> Points:
    n_trials = heights.shape[1]
    starts = Points(np.repeat(x[:-1], n_trials), heights[:-1].ravel())
    ends = Points(np.repeat(x[1:], n_trials), heights[1:].ravel())
    return strokes(starts, ends, area, fineness)


def _draw_axis(
    cells: Cells, each: ParamAxis, area: Field, column: int, lift: float, *, look: Look
) -> None:
    for row in range(area.row(lift) + 1):
        cells.put(area.top + row, column, "│" if look.unicode else "|", "axis")
    for row, at, text in _texts(each, area, lift, look):
        cells.put(row, column + at, text, "label")


def _texts(each: ParamAxis, area: Field, lift: float, look: Look) -> Iterator[tuple[int, int, str]]:
    """Return what is written at an axis: in which row, how far to its right, and what."""
    room = CELLS_A_DIMENSION - 2
    lowest, below = area.top + area.row(lift), area.top + area.height
    log = ", log" if each.is_log else ""
    yield 0, 0, label(each.name, room - len(log), look=look) + log
    if not each.has.all():
        yield below, 0, "without"
    if each.choices is None:
        # The ends of a log axis have an order each.
        style = PLAIN if each.is_log else number_style((each.axis.low, each.axis.high))
        yield area.top - 1, 0, style.show(each.axis.high)
        row, at = (below, 0) if each.has.all() else (lowest, 1)
        yield row, at, style.show(each.axis.low)
        return
    places = each.place(np.arange(len(each.choices), dtype=np.float64))
    taken: set[int] = set()
    for index, place in enumerate(places.tolist()):
        row = area.top + area.row(lift + place * (1 - lift))
        if row not in taken:
            taken.add(row)
            yield row, 1, choice_label(each, index, room - 1, look=look)


def _legend(
    parallel: Parallel, n_shown: int, n_params: int, chooser: str, *, look: Look
) -> list[LegendEntry]:
    which = 0 if look.unicode else 1
    entries: list[LegendEntry] = []
    if n_shown < n_params:
        entries.append(
            entry(10, f"{n_shown} of {plural(n_params, 'parameter')}, {chooser} chooses")
        )
    if parallel.best is not None:
        entries.append(entry(9, f"#{parallel.best}, the best", look.line, "best"))
    if look.has_ramp and parallel.n_objectives == 1:
        entries.append(ramp_entry(8, "worst", "best"))
    else:
        top = "the front" if parallel.n_objectives > 1 else "the best tenth"
        mark = look.fine_line if look.unicode else "o"
        entries.append(entry(8, f"{int(parallel.is_top.sum())}, {top}", mark, "trial"))
        n_rest = int((parallel.is_feasible & ~parallel.is_top).sum())
        mark = look.fine_line if look.unicode else "."
        entries.append(entry(7, f"{n_rest} others", mark, "median"))
    n_infeasible = int((~parallel.is_feasible).sum())
    if n_infeasible:
        entries.append(entry(6, f"{n_infeasible} infeasible", "·."[which], "infeasible"))
    if parallel.n_infinite:
        entries.append(entry(8, f"{parallel.n_infinite} infinite, left out"))
    return entries


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return all objectives, or the chosen one, and the parameters side by side."""
    study = request.study
    objectives = request.objectives()
    names = chosen_params(request, objectives[0])
    value_names = [study.value_name(objective) for objective in objectives]

    @lru_cache(maxsize=1)
    def parallel(n_shown: int) -> Parallel:
        return build_parallel(
            study.trials, names[:n_shown], objectives, value_names, is_log=request.is_log
        )

    def draw(frame: Frame) -> Figure:
        n_fit = dimensions_that_fit(len(objectives) + len(names), frame.width)
        return draw_parallel(
            parallel(max(0, n_fit - len(objectives))),
            width=frame.width,
            height=frame.height,
            look=frame.look,
            n_params=len(names),
            selected=frame.selected,
            chooser=request.chooser,
        )

    yield TitledFigure("trials across their parameters", draw)

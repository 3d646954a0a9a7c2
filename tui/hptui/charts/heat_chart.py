"""Heat maps of two parameters: the value in between (contour), or the ranks of trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from hptui.analysis.grid import best_in_cells
from hptui.analysis.history import Points
from hptui.charts.param_ticks import param_x_ticks, param_y_ticks
from hptui.domain.readable import four_digits
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry, Mark, field_of
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark
from hptui.figures.canvas.label import label
from hptui.figures.canvas.picture import Span

if TYPE_CHECKING:
    from hptui.analysis.arrays import FloatArray, IntArray
    from hptui.analysis.grid import ParamPair
    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Role

HeatKind = Literal["contour", "rank"]

_SHADES: Final = (("█", "#"), ("▓", "+"), ("▒", "="), ("░", "-"), ("·", "."))
"""From the best fifth to the worst, in Unicode and in ASCII."""
_BEST_SHADES: Final = 1
"""How many of them stand out."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shading:
    """Which cells have which shade, and what the shades mean."""

    shades: IntArray
    """Rows upwards; -1 for none."""
    bounds: FloatArray
    """Values between the shades, from the best one on."""


def draw_heat(
    pair: ParamPair,
    kind: HeatKind,
    *,
    width: int,
    height: int,
    unicode: bool = True,
    selected: int | None = None,
) -> Figure:
    """Draw two parameters against each other, in five shades.

    A contour is the best feasible value in each cell, and between cells with trials an estimate
    from those around it. Ranks are those of single trials, the best feasible one in each cell.
    """
    if not len(pair.numbers):
        return Figure.saying(_why_nothing(pair, unicode=unicode), width, height)
    ticks = param_y_ticks(pair.y, width, height, unicode=unicode)
    area = field_of(ticks, width, height, has_legend=True)
    points = Points(pair.x.place(pair.x.values), pair.y.place(pair.y.values))
    shading = _shading(pair, kind, points, area)
    infeasible = np.flatnonzero(~pair.is_feasible)
    best = np.flatnonzero(pair.numbers == pair.best) if pair.best is not None else ()
    canvas = Canvas(
        x_label=label(pair.x.name, width // 4 - 2, unicode=unicode),
        x_ticks=param_x_ticks(pair.x, width, height, unicode=unicode),
        y_ticks=ticks,
        dots=(
            *_dots(shading, area),
            Dots(Points(points.x[infeasible], points.y[infeasible]), "infeasible", "⊘", "X"),
        ),
        marks=(
            *(Mark(float(points.x[row]), float(points.y[row]), "best", "★", "*") for row in best),
            *selected_mark(pair.numbers, points, selected),
        ),
        legend=_legend(pair, kind, shading, unicode=unicode),
    )
    return draw_figure(canvas, width, height, unicode=unicode, numbers=pair.numbers, points=points)


def _shading(pair: ParamPair, kind: HeatKind, points: Points, area: Field) -> _Shading:
    feasible = np.flatnonzero(pair.is_feasible)
    sign = 1.0 if pair.direction == "minimize" else -1.0
    shares = np.arange(1, len(_SHADES)) / len(_SHADES)
    none = np.full((area.height, area.width), -1)
    if not len(feasible):
        return _Shading(none, np.full(len(shares), np.nan))
    losses = pair.values[feasible] * sign
    columns = area.columns(points.x[feasible])
    rows = area.height - 1 - area.rows(points.y[feasible])
    by = losses if kind == "contour" else pair.ranks[feasible]
    grid = best_in_cells(columns, rows, by, (area.height, area.width))
    if kind == "rank":
        shades = np.searchsorted(shares, grid.values, side="left")
        return _Shading(np.where(np.isnan(grid.values), -1, shades), shares)
    bounds = np.quantile(grid.values[~np.isnan(grid.values)] / 4, shares) * 4
    shades = np.searchsorted(bounds, grid.filled(), side="left")
    return _Shading(shades, bounds * sign)


def _dots(shading: _Shading, area: Field) -> tuple[Dots, ...]:
    def points(shade: int) -> Points:
        rows, columns = np.nonzero(shading.shades == shade)
        return Points(columns / max(1, area.width - 1), rows / max(1, area.height - 1))

    return tuple(
        Dots(points(shade), _role(shade), mark, ascii_mark)
        for shade, (mark, ascii_mark) in enumerate(_SHADES)
    )


def _role(shade: int) -> Role:
    return "trial" if shade < _BEST_SHADES else "median"


def _legend(
    pair: ParamPair, kind: HeatKind, shading: _Shading, *, unicode: bool
) -> list[LegendEntry]:
    look = 0 if unicode else 1
    sign = "≤≥" if unicode else ("<=", ">=")
    better = sign[0] if pair.direction == "minimize" else sign[1]
    spans: list[Span] = []
    for shade, characters in enumerate(_SHADES[:-1]):
        bound = float(shading.bounds[shade])
        text = f"{better}{four_digits(bound)}" if kind == "contour" else f"best {bound:.0%}"
        spans += [Span(f"{characters[look]} ", _role(shade)), Span(f"{text} ", "note")]
    spans.append(Span(f"{_SHADES[-1][look]} worse", "note"))
    entries = [LegendEntry(tuple(spans), 10)] if not np.isnan(shading.bounds).any() else []
    y_name = label(pair.y.name, 24, unicode=unicode)
    entries.append(entry(9, f"{'↑' if unicode else '^'} {y_name}"))
    if pair.best in pair.numbers:
        entries.append(entry(6, f"#{pair.best}", "★*"[look], "best"))
    n_infeasible = int((~pair.is_feasible).sum())
    if n_infeasible:
        entries.append(entry(5, f"{n_infeasible} infeasible", "⊘X"[look], "infeasible"))
    for count, what in ((pair.n_infinite, "infinite"), (pair.n_without, "without one of them")):
        if count:
            entries.append(entry(8, f"{count} {what}"))
    return entries


def _why_nothing(pair: ParamPair, *, unicode: bool) -> str:
    if pair.n_without:
        names = (label(each.name, 40, unicode=unicode) for each in (pair.x, pair.y))
        return f"No complete trial has both parameters, {' and '.join(names)}."
    if pair.n_infinite:
        return "No value is finite, so there is nothing to draw."
    return "No trial has completed yet."

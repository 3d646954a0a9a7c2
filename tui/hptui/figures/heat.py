"""Two parameters against each other, as a heat map."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from hptui.analysis.objectives.best import best_row
from hptui.analysis.param_axis import ParamAxis, build_param
from hptui.analysis.param_effects import by_effect
from hptui.domain.texts.number_column import number_style
from hptui.domain.texts.readable import plural
from hptui.errors import UsageError
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry, Mark, Shading, field_of
from hptui.figures.canvas.figure import Figure, draw_figure, entry, ramp_entry, selected_mark
from hptui.figures.canvas.picture import FINE, Span, label
from hptui.figures.canvas.plane import Side
from hptui.figures.canvas.points import Points
from hptui.figures.canvas.roles import RAMP
from hptui.figures.params import chosen_params, param_x_ticks, param_y_ticks
from hptui.figures.request import Frame, TitledFigure
from hptui.trials import complete_rows, finite_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.domain.objective import Direction
    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


_SOFTNESS: Final = 0.04
"""Of a contour in colours."""
_MAX_SOURCES: Final = 24
"""In each direction, of an estimate between cells."""


@dataclass(frozen=True, slots=True, eq=False)
class ParamPair:
    """The complete trials that have both parameters, ordered by number."""

    x: ParamAxis
    y: ParamAxis
    numbers: IntArray
    values: FloatArray
    ranks: FloatArray
    """The share of all complete trials that are better, from 0 to 1; equal ones share theirs."""
    is_feasible: BoolArray
    direction: Direction
    best: int | None
    """The number of the best feasible trial, also where it lacks a parameter."""
    n_infinite: int
    """Complete trials that are left out, as the next one."""
    n_without: int
    """Trials that lack one of the parameters."""


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """The best of what stands in each cell: rows upwards, columns to the right."""

    values: FloatArray
    """NaN where nothing stands."""

    def filled(self, softness: float = 0.0) -> FloatArray:
        """Return the grid with empty cells between the others by their distance.

        There must be a cell with a value. Where cells are many, the mean of each block of them
        stands for it. With `softness`, a share of the width of the grid, cells that have a value
        are between those around them too, which lie farther apart than that.
        """
        sources = _thinned(self.values)
        rows, columns = np.nonzero(~np.isnan(sources.values))
        known = sources.values[rows, columns]
        n_rows, n_columns = self.values.shape
        across = (columns + 0.5) / sources.values.shape[1]
        up = (rows + 0.5) / sources.values.shape[0]
        filled = self.values.copy()
        x: FloatArray = (np.arange(n_columns, dtype=np.float64) + 0.5) / n_columns
        for row in range(n_rows):
            distance: FloatArray = (x[:, None] - across) ** 2 + ((row + 0.5) / n_rows - up) ** 2
            weights: FloatArray = 1.0 / (distance + softness**2 + 1e-12) ** 2
            # Quarters, so that the middle of the greatest floats is still one.
            estimate = (weights / weights.sum(axis=1, keepdims=True)) @ (known / 4) * 4
            # Rounding must not take a mean beyond what it is the mean of.
            estimate = np.clip(estimate, known.min(), known.max())
            is_empty = np.isnan(self.values[row]) | (softness > 0)
            filled[row, is_empty] = estimate[is_empty]
        return filled


def _thinned(values: FloatArray) -> Grid:
    n_rows, n_columns = (min(_MAX_SOURCES, size) for size in values.shape)
    rows, columns = np.nonzero(~np.isnan(values))
    thin = np.full((n_rows, n_columns), np.nan)
    cells = rows * n_rows // values.shape[0], columns * n_columns // values.shape[1]
    sums, counts = np.zeros(thin.shape), np.zeros(thin.shape)
    np.add.at(sums, cells, values[rows, columns] / 4)
    np.add.at(counts, cells, 1)
    is_set = counts > 0
    thin[is_set] = sums[is_set] / counts[is_set] * 4
    return Grid(thin)


def build_pair(trials: Trials, x_name: str, y_name: str, objective: int) -> ParamPair:
    """Return one objective by two of the study's parameters."""
    rows = finite_rows(trials, (objective,))
    values, is_feasible = trials.values[rows, objective], trials.is_feasible[rows]
    x, y = build_param(trials.params[x_name], rows), build_param(trials.params[y_name], rows)
    has = x.has & y.has
    direction = trials.directions[objective]
    best = best_row(values, is_feasible, direction)
    numbers = trials.numbers[rows]
    return ParamPair(
        x.where(has),
        y.where(has),
        numbers[has],
        values[has],
        rank_shares(values if direction == "minimize" else -values)[has],
        is_feasible[has],
        direction,
        None if best is None else int(numbers[best]),
        n_infinite=len(complete_rows(trials)) - len(rows),
        n_without=int((~has).sum()),
    )


def rank_shares(losses: FloatArray) -> FloatArray:
    """Return how far each stands in the order of all, from 0 to 1; equal ones in their middle."""
    if len(losses) < 2:  # noqa: PLR2004 - one alone is in the middle
        return np.full(len(losses), 0.5)
    _, which, counts = np.unique(losses, return_inverse=True, return_counts=True)
    last = np.cumsum(counts) - 1
    return ((last - (counts - 1) / 2) / (len(losses) - 1))[which.ravel()]


def best_in_cells(
    columns: IntArray, rows: IntArray, losses: FloatArray, shape: tuple[int, int]
) -> Grid:
    """Return the least of `losses` in each cell of a grid of `shape` (rows, columns)."""
    least = np.full(shape, np.inf)
    np.minimum.at(least, (rows, columns), losses)
    return Grid(np.where(np.isinf(least), np.nan, least))


HeatKind = Literal["contour", "rank"]

_SHADES: Final = (("█", "#"), ("▓", "+"), ("▒", "="), ("░", "-"), ("·", "."))
"""From the best fifth to the worst, in Unicode and in ASCII."""
N_LEVELS: Final = len(RAMP)
_BEST_SHADES: Final = 1
"""How many of them stand out."""


@dataclass(frozen=True, slots=True, eq=False)
class _Shading:
    """Which cells have which shade, and what the shades mean."""

    shades: IntArray
    """Rows upwards; -1 for none."""
    bounds: FloatArray
    """Values between the shades, from the best one on."""
    rows_a_cell: int = 1

    @property
    def levels(self) -> IntArray:
        """The shades in `RAMP`, from the top down, two rows to a cell."""
        levels = np.where(self.shades < 0, -1, N_LEVELS - 1 - self.shades)[::-1]
        return np.repeat(levels, 2 // self.rows_a_cell, axis=0)


def draw_heat(
    pair: ParamPair,
    kind: HeatKind,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    selected: int | None = None,
) -> Figure:
    """Draw two parameters against each other, in five shades.

    A contour is the best feasible value in each cell, and between cells with trials an estimate
    from those around it. Ranks are those of single trials, the best feasible one in each cell.
    """
    if not len(pair.numbers):
        return Figure.saying(_empty_reason(pair, look=look), width, height)
    ticks = param_y_ticks(pair.y, width, height, look=look)
    area = field_of(ticks, width, height, has_legend=True)
    points = Points(pair.x.place(pair.x.values), pair.y.place(pair.y.values))
    has_ramp = look.has_ramp and bool(pair.is_feasible.any())
    shading = _shading(pair, kind, points, area, N_LEVELS if has_ramp else len(_SHADES))
    infeasible = np.flatnonzero(~pair.is_feasible)
    is_dotted = has_ramp and kind == "contour"
    dotted = np.flatnonzero(pair.is_feasible & is_dotted)
    best = np.flatnonzero(pair.numbers == pair.best) if pair.best is not None else ()
    canvas = Canvas(
        x_label=label(pair.x.name, width // 4 - 2, look=look),
        x_ticks=param_x_ticks(pair.x, width, height, look=look),
        y_ticks=ticks,
        shading=Shading(shading.levels) if has_ramp else None,
        dots=(
            *(() if has_ramp else _dots(shading, area)),
            Dots(Points(points.x[dotted], points.y[dotted]), "trial", "·"),
            Dots(Points(points.x[infeasible], points.y[infeasible]), "infeasible", "⊘", "X"),
        ),
        marks=(
            *(Mark(float(points.x[row]), float(points.y[row]), "best", "★", "*") for row in best),
            *selected_mark(pair.numbers, points, selected),
        ),
        legend=_legend(pair, kind, shading, look=look),
    )
    sides = Side.of_param(pair.x), Side.of_param(pair.y)
    return draw_figure(
        canvas, width, height, look=look, numbers=pair.numbers, points=points, sides=sides
    )


def _shading(
    pair: ParamPair, kind: HeatKind, points: Points, area: Field, n_shades: int
) -> _Shading:
    """Return the best of what stands in each cell, in shades; of a ramp in each half of a cell."""
    rows_a_cell = 2 if n_shades == N_LEVELS and kind == "contour" else 1
    feasible = np.flatnonzero(pair.is_feasible)
    sign = 1.0 if pair.direction == "minimize" else -1.0
    shares = np.arange(1, n_shades) / n_shades
    none = np.full((area.height * rows_a_cell, area.width), -1)
    if not len(feasible):
        return _Shading(none, np.full(len(shares), np.nan), rows_a_cell)
    losses = pair.values[feasible] * sign
    columns = area.columns(points.x[feasible])
    rows = len(none) - 1 - area.rows(points.y[feasible], rows_a_cell)
    by = losses if kind == "contour" else pair.ranks[feasible]
    grid = best_in_cells(columns, rows, by, none.shape)
    if kind == "rank":
        shades = np.searchsorted(shares, grid.values, side="left")
        return _Shading(np.where(np.isnan(grid.values), -1, shades), shares)
    if rows_a_cell == 1:
        bounds = np.quantile(grid.values[~np.isnan(grid.values)] / 4, shares) * 4
        shades = np.searchsorted(bounds, grid.filled(), side="left")
        return _Shading(shades, bounds * sign, rows_a_cell)
    # In colours a cell that differs from those around it looks like a stain.
    filled = grid.filled(_SOFTNESS)
    bounds = np.quantile(filled / 4, shares) * 4
    shades = np.searchsorted(bounds, filled, side="left")
    return _Shading(shades, bounds * sign, rows_a_cell)


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


def _legend(pair: ParamPair, kind: HeatKind, shading: _Shading, *, look: Look) -> list[LegendEntry]:
    which = 0 if look.unicode else 1
    entries: list[LegendEntry] = []
    if not np.isnan(shading.bounds).any():
        if len(shading.bounds) == N_LEVELS - 1:
            entries.append(ramp_entry(10, *_ends(pair, kind)))
        else:
            entries.append(_shades_entry(pair, kind, shading, look))
    y_name = label(pair.y.name, 24, look=look)
    entries.append(entry(9, f"{'↑' if look.unicode else '^'} {y_name}"))
    if pair.best in pair.numbers:
        entries.append(entry(6, f"#{pair.best}", "★*"[which], "best"))
    n_infeasible = int((~pair.is_feasible).sum())
    if n_infeasible:
        entries.append(entry(5, f"{n_infeasible} infeasible", "⊘X"[which], "infeasible"))
    for count, what in ((pair.n_infinite, "infinite"), (pair.n_without, "without one of them")):
        if count:
            entries.append(entry(8, f"{count} {what}"))
    return entries


def _ends(pair: ParamPair, kind: HeatKind) -> tuple[str, str]:
    """Return what the worst and the best colour stand for."""
    if kind == "rank":
        return "worst", "best"
    values = pair.values[pair.is_feasible]
    ends = float(values.min()), float(values.max())
    style = number_style(ends)
    low, high = map(style.show, ends)
    return (high, low) if pair.direction == "minimize" else (low, high)


def _shades_entry(pair: ParamPair, kind: HeatKind, shading: _Shading, look: Look) -> LegendEntry:
    which = 0 if look.unicode else 1
    sign = "≤≥" if look.unicode else ("<=", ">=")
    better = sign[0] if pair.direction == "minimize" else sign[1]
    spans: list[Span] = []
    style = number_style(shading.bounds.tolist())
    for shade, characters in enumerate(_SHADES[:-1]):
        bound = float(shading.bounds[shade])
        text = f"{better}{style.show(bound)}" if kind == "contour" else f"best {bound:.0%}"
        spans += [Span(f"{characters[which]} ", _role(shade)), Span(f"{text} ", "note")]
    spans.append(Span(f"{_SHADES[-1][which]} worse", "note"))
    return LegendEntry(tuple(spans), 10)


def _empty_reason(pair: ParamPair, *, look: Look) -> str:
    if pair.n_without:
        names = (label(each.name, 40, look=look) for each in (pair.x, pair.y))
        return f"No complete trial has both parameters, {' and '.join(names)}."
    if pair.n_infinite:
        return "No value is finite, so there is nothing to draw."
    return "No trial has completed yet."


_PAIR: Final = 2
_MAX_IN_PAIRS: Final = 5
"""Of more parameters than these, the first ones are drawn against each other."""


def contours_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return each objective over two parameters."""
    return _heat_maps(request, "contour")


def ranks_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return how trials rank over two parameters."""
    return _heat_maps(request, "rank")


def _heat_maps(request: FigureRequest, kind: HeatKind) -> Iterator[TitledFigure]:
    """Return a map of each objective over each pair of the parameters that were asked for."""
    for objective in request.objectives():
        names = chosen_params(request, objective)
        if len(names) < _PAIR:
            yield _no_pair(request, objective)
            continue
        # Without a choice one pair is drawn: of many parameters there are too many pairs.
        shown = names[:_MAX_IN_PAIRS] if request.params else _most_telling(request, objective)
        more = ""
        if len(names) > len(shown):
            more = f" (of {plural(len(names), 'parameter')}, {request.chooser} chooses)"
        for pair in combinations(shown, _PAIR):
            yield _heat_map(request, kind, objective, pair, more)


def _most_telling(request: FigureRequest, objective: int) -> list[str]:
    """Return the two parameters that matter most, in the order in which the study has them.

    So a map keeps its axes while trials come in that make the second the first.
    """
    names = chosen_params(request, objective)
    first = by_effect(request.study.trials, objective, names)[:_PAIR]
    return [name for name in names if name in first]


def _heat_map(
    request: FigureRequest, kind: HeatKind, objective: int, names: tuple[str, str], more: str
) -> TitledFigure:
    study = request.study
    x_name, y_name = names
    pair = build_pair(study.trials, x_name, y_name, objective)

    def draw(frame: Frame) -> Figure:
        return draw_heat(
            pair,
            kind,
            width=frame.width,
            height=frame.height,
            look=frame.look,
            selected=frame.selected,
        )

    value = study.value_name(objective)
    what = f"rank of {value}" if kind == "rank" else value
    return TitledFigure(f"{what} by {x_name} and {y_name}{more}", draw)


def _no_pair(request: FigureRequest, objective: int) -> TitledFigure:
    if request.params:
        raise UsageError(
            "A heat map needs two --param, not one.",
            hint="Give --param again with another name.",
        )
    sentence = "The complete trials have fewer than two parameters."

    def draw(frame: Frame) -> Figure:
        return Figure.saying(sentence, frame.width, frame.height)

    return TitledFigure(request.study.value_name(objective), draw)

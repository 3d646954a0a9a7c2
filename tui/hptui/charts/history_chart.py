"""The history of a study as a chart: every complete trial, and the best so far."""

from __future__ import annotations

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.history import BoolArray, FloatArray, History, Points, thin_points, thin_steps
from hptui.charts.canvas import MIN_HEIGHT, MIN_WIDTH, Canvas, Layer, draw
from hptui.domain.text import safe_line

_CELLS_A_Y_TICK = 4
_CELLS_AN_X_TICK = 14
_NOTE_LINES = 1


def draw_history(
    history: History,
    title: str,
    *,
    width: int,
    height: int,
    is_log: bool = False,
    colour: bool = False,
    unicode: bool = True,
) -> str:
    """Return the chart and a line below it that says what it shows and what it cannot.

    Any history and any size give a text: where there is no room, or nothing to draw, it is the
    line alone. `width` and `height` count cells, the line included.
    """
    is_shown = np.isfinite(history.values)
    if is_log:
        is_shown &= history.values > 0
    notes = _notes(history, is_shown, is_log=is_log, unicode=unicode)
    room = max(0, height - _NOTE_LINES)
    if not is_shown.any() or width < MIN_WIDTH or room < MIN_HEIGHT:
        return f"{safe_line(title)}: {notes}"
    canvas = _canvas(history, is_shown, title, width, room, is_log=is_log, unicode=unicode)
    return f"{draw(canvas, width, room, colour=colour, unicode=unicode).rstrip()}\n{notes}"


def _canvas(
    history: History,
    is_shown: BoolArray,
    title: str,
    width: int,
    height: int,
    *,
    is_log: bool,
    unicode: bool,
) -> Canvas:
    x_axis = Axis.around(history.numbers.astype(np.float64))
    y_axis = Axis.around(history.values[is_shown], is_log=is_log)
    x = x_axis.place(history.numbers.astype(np.float64))

    def points(chosen: BoolArray, values: FloatArray) -> Points:
        return Points(x[chosen], y_axis.place(values[chosen]))

    has_best = np.isfinite(history.best)
    if is_log:
        has_best &= history.best > 0
    infeasible = thin_points(points(is_shown & ~history.is_feasible, history.values), width, height)
    feasible = thin_points(points(is_shown & history.is_feasible, history.values), width, height)
    best = thin_steps(points(has_best, history.best), width)
    return Canvas(
        title=safe_line(title, max_chars=width),
        x_label="trial",
        x_ticks=x_axis.ticks(max(2, width // _CELLS_AN_X_TICK), whole=True),
        y_ticks=y_axis.ticks(max(3, height // _CELLS_A_Y_TICK)),
        layers=(
            Layer(infeasible, "x", "red"),
            Layer(feasible, "·" if unicode else ".", "blue+"),
            Layer(best, "hd", "orange+", is_line=True),
        ),
    )


def _notes(history: History, is_shown: BoolArray, *, is_log: bool, unicode: bool) -> str:
    complete = ~np.isnan(history.values)
    if not complete.any():
        return f"no complete trial among {len(history.values)}."
    row = history.best_row
    parts = [f"{int(complete.sum())} complete"]
    if row is None:
        parts.append("none feasible")
    else:
        star = "★" if unicode else "*"
        parts.append(f"{star} {history.values[row]:.4g} at trial {history.numbers[row]}")
    infeasible = int((complete & ~history.is_feasible).sum())
    if infeasible:
        parts.append(f"x {infeasible} infeasible")
    infinite = int(np.isinf(history.values).sum())
    if infinite:
        parts.append(f"{infinite} infinite, not drawn")
    if is_log:
        below = int((np.isfinite(history.values) & ~is_shown).sum())
        if below:
            parts.append(f"{below} not above 0, not drawn on a log scale")
    return "   ".join(parts)

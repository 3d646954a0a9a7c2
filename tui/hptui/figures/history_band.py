"""The history of several studies as a chart: the mean of their bests, and a band around it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.domain.texts.readable import four_digits
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry, field_of
from hptui.figures.canvas.figure import Figure, draw_figure, entry, x_ticks, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE
from hptui.figures.canvas.points import Points, thin_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.history import History
    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Look
    from hptui.trials import BoolArray, FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class HistoryBand:
    """Means and standard deviations over studies, for each trial number with a feasible value."""

    numbers: IntArray
    means: FloatArray
    """Of the feasible finite values; NaN where there are only infinite ones, as the others."""
    deviations: FloatArray
    best_means: FloatArray
    """Of the best so far, of those studies that have so many trials."""
    best_deviations: FloatArray
    n_studies: int
    """How many have a feasible value."""


def build_band(histories: Sequence[History]) -> HistoryBand:
    """Return the band of one objective over studies."""
    # A damaged trial may have any number, so only those that there are get a place.
    known = np.unique(
        np.concatenate([np.zeros(0, np.int64), *(each.numbers for each in histories)])
    )
    shape = len(histories), len(known)
    values, bests = np.full(shape, np.nan), np.full(shape, np.nan)
    has_value = np.zeros(shape, np.bool_)
    for row, each in enumerate(histories):
        at = np.searchsorted(known, each.numbers)
        is_counted = each.is_feasible & ~np.isnan(each.values)
        has_value[row, at] = is_counted
        values[row, at] = np.where(is_counted, each.values, np.nan)
        bests[row, at] = each.best
    is_shown = has_value.any(axis=0)
    means, deviations = _mean_and_deviation(values[:, is_shown])
    best_means, best_deviations = _mean_and_deviation(bests[:, is_shown])
    n_studies = int(has_value.any(axis=1).sum())
    return HistoryBand(known[is_shown], means, deviations, best_means, best_deviations, n_studies)


def _mean_and_deviation(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return both for each column, over finite values; NaN where there is none."""
    is_finite = np.isfinite(values)
    counts = is_finite.sum(axis=0)
    # Of a size at which squares are numbers.
    size = max(1.0, float(np.abs(values[is_finite]).max(initial=0.0)))
    scaled = np.where(is_finite, values, 0.0) / size
    some = np.maximum(1, counts)
    means = scaled.sum(axis=0) / some
    squares = np.where(is_finite, (scaled - means) ** 2, 0.0).sum(axis=0) / some
    is_known = counts > 0
    return np.where(is_known, means * size, np.nan), np.where(
        is_known, np.sqrt(squares) * size, np.nan
    )


_SHOWN_SHARES: Final = (0.05, 0.95)
"""The means of values that are in sight for sure; the rest must not squash the band."""


def draw_band(
    band: HistoryBand, *, width: int, height: int, look: Look = FINE, is_log: bool = False
) -> Figure:
    """Draw the mean of the best so far over a band of one standard deviation to each side."""
    is_drawn = np.isfinite(band.best_means) & ((band.best_means > 0) | (not is_log))
    if not is_drawn.any():
        return Figure.saying(_empty_reason(band), width, height)
    numbers, best = band.numbers[is_drawn].astype(np.float64), band.best_means[is_drawn]
    deviations = band.best_deviations[is_drawn]
    # What a log axis cannot show of a band is cut off at the lowest mean.
    floor = float(best.min()) if is_log else -1.7e308
    low = np.maximum(best - deviations, floor)
    high = np.minimum(best + deviations, 1.7e308)
    is_value = np.isfinite(band.means) & ((band.means > 0) | (not is_log))
    y_axis, in_sight = _y_axis(low, high, band.means, is_value, is_log=is_log)
    x_axis = Axis.around(band.numbers.astype(np.float64))
    ticks = y_ticks(y_axis, width, height)
    area = field_of(ticks, width, height, has_legend=True)
    x = x_axis.place(numbers)
    band_points = _filled(x, y_axis.place(low), y_axis.place(high), area)
    value_x = x_axis.place(band.numbers[in_sight].astype(np.float64))
    n_hidden = int((np.isfinite(band.means) & ~in_sight).sum())
    canvas = Canvas(
        x_label="trial",
        x_ticks=x_ticks(x_axis, width, whole=True),
        y_ticks=ticks,
        dots=(
            Dots(band_points, "median", "░", ":"),
            Dots(Points(value_x, y_axis.place(band.means[in_sight])), "trial"),
        ),
        lines=(Line(thin_line(Points(x, y_axis.place(best)), area.width), "best"),),
        legend=_legend(band, best, deviations, n_hidden, is_log=is_log, look=look),
    )
    return draw_figure(canvas, width, height, look=look)


def _y_axis(
    low: FloatArray, high: FloatArray, means: FloatArray, is_value: BoolArray, *, is_log: bool
) -> tuple[Axis, BoolArray]:
    """Return the axis, and which of the means of values are in sight."""
    usual = np.quantile(means[is_value], _SHOWN_SHARES) if is_value.any() else np.zeros(0)
    axis = Axis.around(np.concatenate([low, high, usual]), is_log=is_log)
    inside = np.where(is_value, means, np.inf)
    return axis, (inside >= axis.low) & (inside <= axis.high)


def _filled(x: FloatArray, low: FloatArray, high: FloatArray, area: Field) -> Points:
    """Return a point in each cell of the band; a column shows the last trial that is in it."""
    columns = area.columns(x)
    is_last = np.append(columns[1:] != columns[:-1], True)
    columns = columns[is_last]
    # A column between two trials continues the one before.
    everywhere: IntArray = np.arange(int(columns[0]), int(columns[-1]) + 1)
    at = np.searchsorted(columns, everywhere, side="right") - 1
    bottom, top = area.rows(low[is_last])[at], area.rows(high[is_last])[at]
    counts = bottom - top + 1
    line = np.repeat(np.arange(len(counts)), counts)
    rows = top[line] + np.arange(len(line)) - np.repeat(np.cumsum(counts) - counts, counts)
    return Points(
        everywhere[line] / max(1, area.width - 1),
        (area.height - 1 - rows) / max(1, area.height - 1),
    )


def _legend(
    band: HistoryBand,
    best: FloatArray,
    deviations: FloatArray,
    n_hidden: int,
    *,
    is_log: bool,
    look: Look,
) -> list[LegendEntry]:
    sign = "±" if look.unicode else "+-"
    last = f"{four_digits(float(best[-1]))} {sign} {four_digits(float(deviations[-1]))}"
    entries = [
        entry(9, f"mean best of {band.n_studies}: {last}", look.line, "best"),
        entry(7, "standard deviation", "░" if look.unicode else ":", "median"),
        entry(6, "mean value", look.point, "trial"),
    ]
    if n_hidden:
        entries.append(entry(8, f"{n_hidden} out of sight"))
    if is_log:
        entries.append(entry(1, "log axis"))
    return entries


def _empty_reason(band: HistoryBand) -> str:
    if np.isfinite(band.best_means).any():
        return "No mean is above 0, so a log axis shows none."
    if len(band.numbers):
        return "No value is finite, so there is nothing to draw."
    return "No feasible trial has completed yet."

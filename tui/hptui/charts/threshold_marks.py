"""Where trials are pruned, in charts of intermediate values: lines, marks at rungs, and words."""

from __future__ import annotations

import re
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.history import Points
from hptui.analysis.pruning.curves import Curve, thin_line
from hptui.figures.canvas.chart import LegendEntry, Mark
from hptui.figures.canvas.figure import entry
from hptui.figures.canvas.lines import Line

if TYPE_CHECKING:
    from hptui.analysis.axis import Axis
    from hptui.analysis.pruning.thresholds import Pruning, Threshold

_WIDTH_FOR_NAMES: Final = 100
_MORE: Final = re.compile(r" of |, ")
"""What follows in the name of a threshold says of what it is, or when it holds."""


def threshold_lines(pruning: Pruning, x_axis: Axis, y_axis: Axis, columns: int) -> list[Line]:
    """Return the thresholds that hold at every step, in a field of so many columns."""
    lines: list[Line] = []
    for each in pruning.thresholds:
        if not each.is_rungs:
            points = thin_line(_points(_in_sight(each, x_axis, y_axis), x_axis, y_axis), columns)
            lines.append(Line(points, "target", is_fine=True))
    return lines


def threshold_marks(pruning: Pruning, x_axis: Axis, y_axis: Axis) -> list[Mark]:
    """Return a mark for each rung: hyperband's by the number of their bracket."""
    marks: list[Mark] = []
    for each in pruning.thresholds:
        if each.is_rungs:
            points = _points(_in_sight(each, x_axis, y_axis), x_axis, y_axis)
            for x, y in zip(points.x.tolist(), points.y.tolist(), strict=True):
                marks.append(Mark(x, y, "target", _rung_mark(each), _rung_mark(each, ascii=True)))
    return marks


def threshold_entries(
    pruning: Pruning,
    x_axis: Axis,
    y_axis: Axis,
    width: int,
    *,
    unicode: bool,
    importance: int,
    when: str = "",
) -> list[LegendEntry]:
    """Return what thresholds there are, or why there are none.

    Args:
        pruning: The thresholds.
        x_axis: Of the chart, as the next.
        y_axis: What is beyond it is out of sight.
        width: Of the chart; in a narrow one, names are without what they are of.
        unicode: Whether the terminal shows more than ASCII.
        importance: Of the entries of thresholds.
        when: Where it is not that of the moment of which the chart tells, a word for that.
    """
    entries: list[LegendEntry] = []
    for (full_name, is_upper), group in groupby(pruning.thresholds, _key):
        alike = list(group)
        if alike[0].is_rungs:
            mark = "".join(dict.fromkeys(_rung_mark(each, ascii=not unicode) for each in alike))
        else:
            mark = "⠒" if unicode else "-"
        levels = np.concatenate([each.curve.values for each in alike])
        name = _MORE.split(full_name)[0] if width < _WIDTH_FOR_NAMES else full_name
        if not np.isfinite(levels).any():
            text = f"all pruned, too few at the {name}"
        else:
            side = "above" if is_upper else "below"
            is_seen = any(len(_in_sight(each, x_axis, y_axis).steps) for each in alike)
            text = f"pruned {side}{when}: {name}{'' if is_seen else ', out of sight'}"
        entries.append(entry(importance, text, mark, "target"))
    if pruning.why_none:
        entries.append(entry(2, f"no threshold: {pruning.why_none}"))
    return entries


def _key(threshold: Threshold) -> tuple[str, bool]:
    return threshold.name, threshold.is_upper


def _rung_mark(threshold: Threshold, *, ascii: bool = False) -> str:  # noqa: A002 - as elsewhere
    if threshold.bracket is not None:
        return str(threshold.bracket) if threshold.bracket < len("0123456789") else "+"
    return ("v" if ascii else "▼") if threshold.is_upper else ("^" if ascii else "▲")


def _in_sight(threshold: Threshold, x_axis: Axis, y_axis: Axis) -> Curve:
    """Return the part that is between the ends of both axes."""
    steps, values = threshold.curve.steps, threshold.curve.values
    is_seen = (values >= y_axis.low) & (values <= y_axis.high)
    is_seen &= (steps >= x_axis.low) & (steps <= x_axis.high)
    return Curve(steps[is_seen], values[is_seen])


def _points(curve: Curve, x_axis: Axis, y_axis: Axis) -> Points:
    return Points(x_axis.place(curve.steps.astype(np.float64)), y_axis.place(curve.values))

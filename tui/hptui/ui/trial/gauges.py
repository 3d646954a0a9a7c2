"""A trial's parameters as gauges: a dot in the range, and behind it where the best trials are."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
from rich.cells import cell_len, set_cell_size

from hptui.analysis.axis import Axis
from hptui.analysis.objectives.best import leading_rows
from hptui.domain.spaces.choices import choice_key, show_choice
from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import FloatArray, IntArray, ParamColumn, Trials
    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.trial.trial_lines import Line

_HEIGHTS: Final = ("▁▂▃▄▅▆▇", ".:-=+*#")
"""From nothing to most: block elements, and what stands for them in ASCII."""
_DOT: Final = ("●", "O")
_GAP: Final = 2
_NAME_CELLS: Final = 16
_VALUE_CELLS: Final = 14
_LEAST_BAR: Final = 8
_MOST_BAR: Final = 40
_LEAST_NAME: Final = 6
_SMOOTHING: Final = np.array((1.0, 2.0, 3.0, 2.0, 1.0)) / 9
"""Spreads each of a few trials over its neighbouring cells."""
_MIDDLE: Final = 0.5


@dataclass(frozen=True, slots=True, eq=False)
class Gauge:
    """One parameter of a trial; all texts are safe for a terminal."""

    name: str
    value: str
    place: float | None
    """Where the value stands in its range, from 0 to 1; None where the range is not known."""
    leading: FloatArray
    """Where the best tenth, or the front, stands in the same range."""
    n_choices: int = 0
    """0 for a number."""
    low: str = ""
    high: str = ""


class GaugeMaker:
    """Makes the gauges of trials of one study; what trials have in common is computed once."""

    def __init__(self) -> None:
        self._trials: Trials | None = None
        self._leading: IntArray = np.zeros(0, np.int64)
        self._places: dict[tuple[str, int], FloatArray] = {}

    def make(self, snapshot: StudySnapshot, number: int) -> list[Gauge]:
        """Return a gauge for each parameter that the trial has; none where it is not known."""
        trials = snapshot.trials
        if trials is not self._trials:
            self._trials, self._places = trials, {}
            self._leading = leading_rows(trials, snapshot.front)
        row = trials.row_of(number)
        if row is None:
            return []
        return [self._gauge(each, row) for each in trials.params.values() if each.has(row)]

    def _gauge(self, param: ParamColumn, row: int) -> Gauge:
        name, index = safe_line(param.name, max_chars=60), int(param.spec_indices[row])
        value = show_choice(param.value_at(row), max_chars=60)
        if index < 0:
            return Gauge(name, value, None, np.zeros(0))
        spec, number = param.specs[index], param.values[row : row + 1]
        places = self._places.get((param.name, index))
        if places is None:
            places = self._places[param.name, index] = _places_in(param, self._leading, index)
        place = _place(spec, number)
        return Gauge(
            name,
            value,
            float(place[0]) if np.isfinite(place[0]) else None,
            places,
            len(spec.choices) if isinstance(spec, ChoiceParam) else 0,
            *(() if isinstance(spec, ChoiceParam) else map(four_digits, (spec.low, spec.high))),
        )


def _place(spec: ParamSpec, numbers: FloatArray) -> FloatArray:
    """Return where numbers stand in a range, from 0 to 1; NaN for those outside of it."""
    if isinstance(spec, ChoiceParam):
        return (numbers + _MIDDLE) / len(spec.choices)
    low, high = float(spec.low), float(spec.high)
    is_inside = (numbers >= low) & (numbers <= high)
    if low == high:
        return np.where(is_inside, _MIDDLE, math.nan)
    places = Axis(low, high, spec.log).place(np.where(is_inside, numbers, low))
    return np.where(is_inside, places, math.nan)


def _places_in(param: ParamColumn, rows: IntArray, index: int) -> FloatArray:
    """Return where the parameter of some trials stands in the range with this index."""
    spec, values, indices = param.specs[index], param.values[rows], param.spec_indices[rows]
    if isinstance(spec, ChoiceParam):
        numbers = np.full(len(rows), math.nan)
        own = {choice_key(choice): at for at, choice in enumerate(spec.choices)}
        known: list[int] = np.unique(indices[indices >= 0]).tolist()
        for other_index in known:
            other = param.specs[other_index]
            if isinstance(other, ChoiceParam):
                # Another list of choices may have the same ones at other places.
                to_own = [own.get(choice_key(choice), math.nan) for choice in other.choices]
                is_here = indices == other_index
                numbers[is_here] = np.array(to_own)[values[is_here].astype(np.int64)]
    else:
        is_choice = np.array([isinstance(each, ChoiceParam) for each in param.specs])
        numbers = values[(indices < 0) | ~is_choice[indices]]
    places = _place(spec, numbers)
    return places[np.isfinite(places)]


def gauge_lines(gauges: Sequence[Gauge], width: int, *, has_unicode: bool = True) -> list[Line]:
    """Return a line for each gauge: its name, its range with the dot, and its value."""
    if not gauges:
        return []
    names = min(_NAME_CELLS, max(cell_len(each.name) for each in gauges))
    values = min(_VALUE_CELLS, max(cell_len(each.value) for each in gauges))
    spare = width - names - values - 2 * _GAP - _LEAST_BAR
    if spare < 0:
        names = max(_LEAST_NAME, names + spare)
    bar = width - names - values - 2 * _GAP
    low = max(cell_len(each.low) for each in gauges)
    high = max(cell_len(each.high) for each in gauges)
    has_ends = bar - low - high - 2 >= 2 * _LEAST_BAR
    if has_ends:
        bar -= low + high + 2
    bar = min(bar, _MOST_BAR)
    lines: list[Line] = []
    for each in gauges:
        line: Line = [(_fitted(each.name, names) + " " * _GAP, "name")]
        if bar >= _LEAST_BAR // 2:
            low_end = each.low.rjust(low) + " " if has_ends else ""
            high_end = " " + each.high.ljust(high) if has_ends else ""
            line += [(low_end, "note"), *_bar(each, bar, has_unicode=has_unicode)]
            line.append((high_end + " " * _GAP, "note"))
        line.append((_fitted(each.value, values, is_right=True), ""))
        lines.append([span for span in line if span[0]])
    return lines


def _bar(gauge: Gauge, width: int, *, has_unicode: bool) -> Line:
    if gauge.place is None:
        return [(" " * width, "")]
    marks, dot = _HEIGHTS[0 if has_unicode else 1], _DOT[0 if has_unicode else 1]
    levels = _levels(gauge, width, len(marks) - 1)
    at = min(width - 1, int(gauge.place * width))
    if not gauge.n_choices:
        # Both ends of a range are in it.
        at = round(gauge.place * (width - 1))
    spans: Line = []
    for cell, level in enumerate(levels):
        role = "dot" if cell == at else "leading" if level else "rest"
        mark = dot if cell == at else marks[level]
        if spans and spans[-1][1] == role:
            spans[-1] = (spans[-1][0] + mark, role)
        else:
            spans.append((mark, role))
    return spans


def _levels(gauge: Gauge, width: int, most: int) -> list[int]:
    """Return how high the best trials stand in each cell, from 0 to `most`."""
    if gauge.n_choices:
        n = gauge.n_choices
        shares = np.bincount(np.minimum((gauge.leading * n).astype(np.int64), n - 1), minlength=n)
        # A choice has the cells that are nearer to its middle than to another one's.
        cells = np.minimum((np.arange(width) + _MIDDLE) / width * n, n - 1).astype(np.int64)
        heights = shares[cells].astype(np.float64)
    else:
        at = np.rint(gauge.leading * (width - 1)).astype(np.int64)
        counts = np.bincount(at, minlength=width).astype(np.float64)
        heights = np.convolve(counts, _SMOOTHING, "same")[:width]
    top = float(heights.max(initial=0.0))
    if not top:
        return [0] * width
    return np.ceil(heights / top * most).astype(np.int64).tolist()


def _fitted(text: str, cells: int, *, is_right: bool = False) -> str:
    if cell_len(text) > cells:
        return set_cell_size(text, cells - 1) + "…"
    padding = " " * (cells - cell_len(text))
    return padding + text if is_right else text + padding


def legend_lines(
    gauges: Sequence[Gauge], n_objectives: int, *, has_unicode: bool = True
) -> list[Line]:
    """Return a line that says what dots and heights are; none where there are no heights yet."""
    if not any(len(each.leading) for each in gauges):
        return []
    dot, high = _DOT[0 if has_unicode else 1], _HEIGHTS[0 if has_unicode else 1][3:6]
    others = "the Pareto front" if n_objectives > 1 else "the best tenth"
    return [[(f"{dot} this trial   {high} {others}", "note")]]

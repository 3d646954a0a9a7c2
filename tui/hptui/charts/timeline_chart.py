"""Slots over time as a chart: a row a slot, trials as bars, idle time as gaps."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.history import Points
from hptui.analysis.time_ticks import time_ticks
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, STALE
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry, field_of
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.arrays import BoolArray, FloatArray, IntArray
    from hptui.analysis.timeline import Timeline
    from hptui.figures.canvas.chart import Ticks
    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Role

_CELLS_A_TICK: Final = 14
_LINES_BESIDE: Final = 3
"""Of a chart: axis, labels and legend."""
_MIN_LINES: Final = 7
"""A chart with fewer lines has no legend."""
_MIN_BAR_CELLS: Final = 2
"""Shorter bars are not told from the one before."""
_HALF: Final = 0.5


@dataclass(frozen=True, slots=True)
class _Look:
    """How trials of one kind are drawn."""

    what: str
    role: Role
    character: str
    ascii: str


_LOOKS: Final = (
    _Look("complete", "trial", "█", "#"),
    _Look("infeasible", "infeasible", "⊘", "X"),
    _Look("pruned", "pruned", "▒", "P"),
    _Look("failed", "failed", "✗", "F"),
    _Look("running", "running", "▓", "R"),
    _Look("stale", "stale", "◌", "S"),
)
_COMPLETE, _INFEASIBLE, _PRUNED, _FAILED, _RUNNING, _STALE = range(len(_LOOKS))


def draw_timeline(
    timeline: Timeline,
    *,
    width: int,
    height: int,
    unicode: bool = True,
    selected: int | None = None,
) -> Figure:
    """Draw a timeline in `width` by at most `height` cells.

    A cell shows what filled most of its time. Slots beyond the room are left out and counted.
    """
    if not len(timeline.numbers):
        return Figure.saying("No trial has started yet.", width, height)
    kinds = _kinds(timeline)
    room = max(1, height - _LINES_BESIDE)
    n_shown = min(timeline.n_slots, room)
    gap = 2 if 2 * n_shown <= room else 1
    height = min(height, max(_MIN_LINES, n_shown * gap + _LINES_BESIDE))
    labels = [str(slot + 1) for slot in range(n_shown)]
    area = field_of([(0.0, text) for text in labels], width, height, has_legend=True)
    rows = 1.0 - np.arange(n_shown) * gap / max(1, area.height - 1)
    y_ticks: Ticks = list(zip(rows.tolist(), labels, strict=True))
    shown = np.flatnonzero(timeline.slots < n_shown)
    span_s = timeline.span_s
    starts, ends = (each[shown] / (span_s or 1.0) for each in timeline.without_breaks)
    slots = timeline.slots[shown]
    middles = Points((starts + ends) / 2, rows[slots])
    numbers = timeline.numbers[shown]
    canvas = Canvas(
        x_label="since the start",
        x_ticks=time_ticks(span_s, max(2, width // _CELLS_A_TICK)),
        y_ticks=y_ticks,
        dots=_dots(_Bars(starts, ends, slots, kinds[shown]), rows, area),
        marks=selected_mark(numbers, middles, selected),
        legend=_legend(timeline, kinds, n_shown, unicode=unicode),
    )
    figure = draw_figure(canvas, width, height, unicode=unicode, numbers=numbers, points=middles)
    reaches = (ends - starts) / 2 * area.width
    return replace(figure, spots=replace(figure.spots, reaches=reaches))


@dataclass(frozen=True, slots=True, eq=False)
class _Bars:
    """Trials with starts and ends from 0 to 1."""

    starts: FloatArray
    ends: FloatArray
    slots: IntArray
    kinds: IntArray


def _kinds(timeline: Timeline) -> IntArray:
    kinds = np.full(len(timeline.numbers), _FAILED)
    for state, kind in (
        (COMPLETE, _COMPLETE),
        (PRUNED, _PRUNED),
        (FAIL, _FAILED),
        (RUNNING, _RUNNING),
        (STALE, _STALE),
    ):
        kinds[timeline.states == state] = kind
    kinds[(kinds == _COMPLETE) & ~timeline.is_feasible] = _INFEASIBLE
    return kinds


def _dots(bars: _Bars, rows: FloatArray, area: Field) -> Sequence[Dots]:
    n_slots, n_columns = len(rows), area.width
    from_cell = np.minimum(bars.starts * n_columns, n_columns - 1e-9)
    to_cell = np.minimum(bars.ends * n_columns, n_columns - 1e-9)
    first, last = from_cell.astype(np.int64), to_cell.astype(np.int64)
    shares = np.zeros((len(_LOOKS), n_slots, n_columns))
    # A touch more than nothing, so that a trial of no length is seen.
    np.add.at(shares, (bars.kinds, bars.slots, first), 1e-9)
    is_within = first == last
    np.add.at(
        shares,
        (bars.kinds, bars.slots, first),
        np.where(is_within, to_cell - from_cell, first + 1 - from_cell),
    )
    longer = np.flatnonzero(~is_within)
    at = bars.kinds[longer], bars.slots[longer]
    np.add.at(shares, (*at, last[longer]), to_cell[longer] - last[longer])
    changes = np.zeros((len(_LOOKS), n_slots, n_columns + 1))
    np.add.at(changes, (*at, first[longer] + 1), 1.0)
    np.add.at(changes, (*at, last[longer]), -1.0)
    shares += np.cumsum(changes, axis=2)[:, :, :-1]

    busy = shares.sum(axis=0)
    most = np.where(busy > 0, shares.argmax(axis=0), -1)
    is_half = (most == _COMPLETE) & (busy < _HALF)
    is_start = np.zeros(busy.shape, np.bool_)
    is_long = (last - first >= _MIN_BAR_CELLS) & (first > 0)
    is_start[bars.slots[is_long], first[is_long]] = True
    is_start[:, 1:] &= busy[:, :-1] >= _HALF
    is_start &= most == _COMPLETE
    is_idle = busy == 0
    columns = np.arange(n_columns)
    for slot in range(n_slots):
        used = np.flatnonzero(busy[slot] > 0)
        is_idle[slot] &= (columns > used.min(initial=n_columns)) & (columns < used.max(initial=-1))

    def points(chosen: BoolArray) -> Points:
        slot, column = np.nonzero(chosen)
        return Points(column / max(1, n_columns - 1), rows[slot])

    return (
        Dots(points(is_idle), "axis", "·", "."),
        *(
            Dots(points(most == kind), look.role, look.character, look.ascii)
            for kind, look in enumerate(_LOOKS)
        ),
        Dots(points(is_half), "trial", "░", "-"),
        Dots(points(is_start & ~is_half), "trial", "▐", "|"),
    )


def _legend(
    timeline: Timeline, kinds: IntArray, n_shown: int, *, unicode: bool
) -> list[LegendEntry]:
    n_slots, n_breaks = timeline.n_slots, int((timeline.breaks_s > 0).sum())
    entries = [
        entry(9, f"{n_slots} slot{'s' if n_slots > 1 else ''}, {timeline.busy_share:.0%} busy")
    ]
    for kind, look in enumerate(_LOOKS):
        count = int((kinds == kind).sum())
        if count:
            mark = look.character if unicode else look.ascii
            entries.append(entry(8 - kind, f"{count} {look.what}", mark, look.role))
    for count, what in (
        (n_slots - n_shown, "slots out of sight"),
        (n_breaks, f"break{'s' if n_breaks > 1 else ''} between runs left out"),
        (timeline.n_not_started, "not started"),
        (timeline.n_reversed, "ended before their start"),
    ):
        if count:
            entries.append(entry(10, f"{count} {what}"))
    return entries

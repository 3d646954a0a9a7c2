"""Which trial ran when on which worker, and idle workers."""

from __future__ import annotations

import heapq
import math
import re
import time
from collections import Counter
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final, Literal

import numpy as np

from hptui.analysis.axis import Axis
from hptui.domain.texts.readable import plural, show_duration
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, STALE
from hptui.errors import HptuiError
from hptui.figures.canvas.chart import Canvas, Dots, LegendEntry, field_of
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark
from hptui.figures.canvas.picture import FINE
from hptui.figures.canvas.points import Points
from hptui.figures.request import Frame, TitledFigure
from hptui.storage.read.text_fields import FileTexts

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    from hptui.figures.canvas.chart import Ticks
    from hptui.figures.canvas.field import Field
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role
    from hptui.figures.request import FigureRequest, PlottedStudy
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials


_HOST_CHARS: Final = 16
_LEFT_BEHIND: Final = 5.0
"""Running for so many times the longest run that ended, a trial was killed, as Optuna sees it."""


@dataclass(frozen=True, slots=True, eq=False)
class Timeline:
    """The trials that have started, ordered by start."""

    numbers: IntArray
    states: npt.NDArray[np.int8]
    """The numbers of `hptui.domain.trial_states`."""
    is_feasible: BoolArray
    starts_s: FloatArray
    """Seconds since 1970."""
    ends_s: FloatArray
    """Not before the start; of a running trial the time until which is looked."""
    workers: IntArray
    """From 0, those of a host one after the other: the first that was free at the start."""
    hosts: tuple[str, ...]
    """Of each worker; empty: the machine that hptui ran on."""
    n_not_started: int
    """Trials that are left out."""
    n_reversed: int
    """Trials that have ended before they started, by their times."""
    breaks_s: FloatArray
    """How long the break between runs was that ended with each trial's start; mostly 0."""

    @property
    def n_workers(self) -> int:
        return len(self.hosts)

    @property
    def names(self) -> list[str]:
        """What each worker is called: its number, on its host."""
        numbers: Counter[str] = Counter()
        names: list[str] = []
        for host in self.hosts:
            numbers[host] += 1
            shown = safe_line(host, max_chars=_HOST_CHARS)
            names.append(f"{shown} {numbers[host]}".strip())
        return names

    @property
    def first_s(self) -> float:
        """When the first trial started; there must be one."""
        return float(self.starts_s[0])

    @property
    def last_s(self) -> float:
        """When the last trial ended; there must be one."""
        return float(self.ends_s.max())

    @property
    def span_s(self) -> float:
        """The time from the first start to the last end, without breaks between runs."""
        return self.last_s - self.first_s - float(self.breaks_s.sum())

    @property
    def without_breaks(self) -> tuple[FloatArray, FloatArray]:
        """Starts and ends in seconds from the first start, as if runs had followed at once."""
        moved_s = self.first_s + np.cumsum(self.breaks_s)
        return self.starts_s - moved_s, self.ends_s - moved_s

    @property
    def busy_share(self) -> float:
        """Which part of the time of all workers was used by trials; there must be one."""
        whole = self.span_s * self.n_workers
        return float((self.ends_s - self.starts_s).sum()) / whole if whole > 0 else 1.0


def build_timeline(
    trials: Trials,
    now_s: float,
    run_starts_s: Sequence[float] = (),
    hosts: Mapping[int, str] = MappingProxyType({}),
) -> Timeline:
    """Return the timeline.

    Workers are not stored, so they are inferred: each trial has the first one of its host that is
    free.

    Args:
        trials: The trials.
        now_s: The end of running trials, unless nobody runs them.
        run_starts_s: When runs began; where nothing is known of runs, a time without a trial that
            is longer than any trial is a break between them.
        hosts: The machines of trials, by their numbers, that ran on others than hptui.
    """
    is_started = np.isfinite(trials.starts_s) & (trials.numbers >= 0)
    rows = np.flatnonzero(is_started)
    rows = rows[np.lexsort((trials.numbers[rows], trials.starts_s[rows]))]
    starts_s, completes_s, states = trials.starts_s[rows], trials.completes_s[rows], trials.states
    is_running = states[rows] == RUNNING
    ends_s = np.where(is_running, _latest_s(trials, now_s), completes_s)
    ends_s = np.where(np.isfinite(ends_s), ends_s, starts_s)
    shown_s = np.maximum(starts_s, ends_s)
    workers, of_workers = _workers(
        starts_s, shown_s, [hosts.get(number, "") for number in trials.numbers[rows].tolist()]
    )
    return Timeline(
        trials.numbers[rows],
        states[rows],
        trials.is_feasible[rows],
        starts_s,
        shown_s,
        workers,
        breaks_s=_breaks(starts_s, shown_s, run_starts_s),
        hosts=of_workers,
        n_not_started=int((~is_started).sum()),
        n_reversed=int((~is_running & (ends_s < starts_s)).sum()),
    )


def _breaks(starts_s: FloatArray, ends_s: FloatArray, run_starts_s: Sequence[float]) -> FloatArray:
    """Return how long nothing ran before each trial, where a run began in that time."""
    if not len(starts_s):
        return np.zeros(0)
    free_s = np.zeros(len(starts_s))
    free_s[1:] = np.maximum(0.0, starts_s[1:] - np.maximum.accumulate(ends_s)[:-1])
    if not run_starts_s:
        return np.where(free_s > (ends_s - starts_s).max(), free_s, 0.0)
    first = np.searchsorted(starts_s, np.array(run_starts_s))
    is_first = np.zeros(len(starts_s) + 1, np.bool_)
    is_first[first] = True
    return np.where(is_first[:-1], free_s, 0.0)


def _latest_s(trials: Trials, now_s: float) -> float:
    """Return until when is looked: now while a trial runs, else the last end."""
    durations = trials.completes_s - trials.starts_s
    durations = durations[np.isfinite(durations)]
    running = trials.starts_s[trials.states == RUNNING]
    is_alive = len(running) > 0
    if len(durations):
        is_alive = bool((now_s - running < _LEFT_BEHIND * durations.max()).any())
    ends_s = trials.completes_s[np.isfinite(trials.completes_s)]
    return now_s if is_alive or not len(ends_s) else float(ends_s.max())


def _workers(
    starts_s: FloatArray, ends_s: FloatArray, hosts: Sequence[str]
) -> tuple[IntArray, tuple[str, ...]]:
    """Return the worker of each trial, and the host of each worker."""
    of_host: dict[str, tuple[list[int], list[tuple[float, int]]]] = {
        host: ([], []) for host in hosts
    }
    workers: list[int] = []
    for start, end, host in zip(starts_s.tolist(), ends_s.tolist(), hosts, strict=True):
        free, busy = of_host[host]
        while busy and busy[0][0] <= start:
            heapq.heappush(free, heapq.heappop(busy)[1])
        worker = heapq.heappop(free) if free else len(busy)
        heapq.heappush(busy, (end, worker))
        workers.append(worker)
    counts: Counter[str] = Counter()
    for worker, host in zip(workers, hosts, strict=True):
        counts[host] = max(counts[host], worker + 1)
    ordered = sorted(counts, key=_in_order)
    firsts: dict[str, int] = {}
    for host in ordered:
        firsts[host] = sum(counts[each] for each in firsts)
    found = [worker + firsts[host] for worker, host in zip(workers, hosts, strict=True)]
    return np.array(found, np.int64), tuple(each for each in ordered for _ in range(counts[each]))


def _in_order(host: str) -> list[tuple[int, str]]:
    """Return what sorts `gpu2` before `gpu10`."""
    parts = re.findall(r"\d{1,15}|\D+|\d", host)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


_MINUTE: Final = 60
_HOUR: Final = 3_600
_DAY: Final = 86_400
_STEPS: Final = (
    *(1, 2, 5, 10, 15, 30),
    *(_MINUTE * count for count in (1, 2, 5, 10, 15, 30)),
    *(_HOUR * count for count in (1, 2, 3, 6, 12)),
    *(_DAY * count for count in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000)),
)


def time_ticks(span_s: float, count: int) -> list[tuple[float, str]]:
    """Return about `count` places from 0 to 1 on an axis of `span_s` seconds, with durations."""
    raw = span_s / max(1, count)
    step = next((step for step in _STEPS if step >= raw), None)
    if raw < _STEPS[0] or step is None:
        ticks = Axis(0.0, span_s or 1.0).ticks(count)
        return [(place, f"{text} s") for place, text in ticks]
    stops = range(0, math.floor(span_s) + 1, step)
    return [
        (at_s / span_s, f"{at_s} s" if at_s < _MINUTE else show_duration(at_s)) for at_s in stops
    ]


_CELLS_A_TICK: Final = 14
_LINES_BESIDE: Final = 3
"""Of a chart: axis, labels and legend."""
_MIN_LINES: Final = 7
"""A chart with fewer lines has no legend."""
_MIN_BAR_CELLS: Final = 2
"""Shorter bars are not told from the one before."""
_HALF: Final = 0.5
_BREAK: Final = ("╎", ":")
_CELLS_A_BREAK: Final = 2
"""So many that one of them is free of the bars at both sides."""
_MOST_FOR_BREAKS: Final = 0.25
"""Of the width."""
_ROUNDING: Final = 1e-9


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
    look: Look = FINE,
    selected: int | None = None,
) -> Figure:
    """Draw a timeline in `width` by at most `height` cells.

    A cell shows what filled most of its time. Workers beyond the room are left out and counted.
    """
    if not len(timeline.numbers):
        return Figure.saying("No trial has started yet.", width, height)
    kinds = _kinds(timeline)
    room = max(1, height - _LINES_BESIDE)
    n_shown = min(timeline.n_workers, room)
    gap = 2 if 2 * n_shown <= room else 1
    height = min(height, max(_MIN_LINES, n_shown * gap + _LINES_BESIDE))
    labels = timeline.names[:n_shown]
    area = field_of([(0.0, text) for text in labels], width, height, has_legend=True)
    rows = 1.0 - np.arange(n_shown) * gap / max(1, area.height - 1)
    y_ticks: Ticks = list(zip(rows.tolist(), labels, strict=True))
    shown = np.flatnonzero(timeline.workers < n_shown)
    span_s = timeline.span_s
    starts_s, ends_s = timeline.without_breaks
    breaks = _Breaks.of(starts_s[timeline.breaks_s > 0] / (span_s or 1.0), area.width)
    starts = breaks.place(starts_s[shown] / (span_s or 1.0), "right")
    ends = breaks.place(ends_s[shown] / (span_s or 1.0), "left")
    workers = timeline.workers[shown]
    middles = Points((starts + ends) / 2, rows[workers])
    numbers = timeline.numbers[shown]
    ticks = time_ticks(span_s, max(2, width // _CELLS_A_TICK))
    places = breaks.place(np.array([place for place, _ in ticks]), "right").tolist()
    canvas = Canvas(
        x_label="since the start",
        x_ticks=[(place, text) for place, (_, text) in zip(places, ticks, strict=True)],
        y_ticks=y_ticks,
        dots=_dots(_Bars(starts, ends, workers, kinds[shown]), rows, area, breaks),
        marks=selected_mark(numbers, middles, selected),
        legend=_legend(timeline, kinds, n_shown, look=look),
    )
    figure = draw_figure(canvas, width, height, look=look, numbers=numbers, points=middles)
    reaches = (ends - starts) / 2 * area.width
    return replace(figure, spots=replace(figure.spots, reaches=reaches))


@dataclass(frozen=True, slots=True, eq=False)
class _Breaks:
    """Where the breaks between runs are drawn, each as some cells without time in them."""

    at: FloatArray
    """On an axis of the time without breaks, from 0 to 1."""
    n_columns: int
    """Of the chart, with the cells of breaks."""

    @classmethod
    def of(cls, at: FloatArray, n_columns: int) -> _Breaks:
        """Return them; none where they would take much of the room."""
        found = np.unique(at)
        is_much = _CELLS_A_BREAK * len(found) > n_columns * _MOST_FOR_BREAKS
        return cls(found[:0] if is_much else found, n_columns)

    def place(self, places: FloatArray, side: Literal["left", "right"]) -> FloatArray:
        """Return where places without breaks are; at a break itself `right` is behind it."""
        before = np.searchsorted(self.at, places, side=side)
        room = 1.0 - _CELLS_A_BREAK * len(self.at) / self.n_columns
        return places * room + before * _CELLS_A_BREAK / self.n_columns

    def columns(self) -> IntArray:
        """Return the cells that are free of time, one for each break."""
        return np.ceil(self.place(self.at, "left") * self.n_columns - _ROUNDING).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class _Bars:
    """Trials with starts and ends from 0 to 1."""

    starts: FloatArray
    ends: FloatArray
    workers: IntArray
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


def _dots(bars: _Bars, rows: FloatArray, area: Field, breaks: _Breaks) -> Sequence[Dots]:
    n_workers, n_columns = len(rows), area.width
    from_cell = np.minimum(bars.starts * n_columns, n_columns - 1e-9)
    to_cell = np.minimum(bars.ends * n_columns, n_columns - 1e-9)
    first, last = from_cell.astype(np.int64), to_cell.astype(np.int64)
    shares = np.zeros((len(_LOOKS), n_workers, n_columns))
    # A touch more than nothing, so that a trial of no length is seen.
    np.add.at(shares, (bars.kinds, bars.workers, first), 1e-9)
    is_within = first == last
    np.add.at(
        shares,
        (bars.kinds, bars.workers, first),
        np.where(is_within, to_cell - from_cell, first + 1 - from_cell),
    )
    longer = np.flatnonzero(~is_within)
    at = bars.kinds[longer], bars.workers[longer]
    np.add.at(shares, (*at, last[longer]), to_cell[longer] - last[longer])
    changes = np.zeros((len(_LOOKS), n_workers, n_columns + 1))
    np.add.at(changes, (*at, first[longer] + 1), 1.0)
    np.add.at(changes, (*at, last[longer]), -1.0)
    shares += np.cumsum(changes, axis=2)[:, :, :-1]

    busy = shares.sum(axis=0)
    most = np.where(busy > 0, shares.argmax(axis=0), -1)
    is_half = (most == _COMPLETE) & (busy < _HALF)
    is_start = np.zeros(busy.shape, np.bool_)
    is_long = (last - first >= _MIN_BAR_CELLS) & (first > 0)
    is_start[bars.workers[is_long], first[is_long]] = True
    is_start[:, 1:] &= busy[:, :-1] >= _HALF
    is_start &= most == _COMPLETE
    is_idle = busy == 0
    between = breaks.columns()
    for beside in range(_CELLS_A_BREAK):
        is_idle[:, np.minimum(between + beside, n_columns - 1)] = False
    columns = np.arange(n_columns)
    for worker in range(n_workers):
        used = np.flatnonzero(busy[worker] > 0)
        is_idle[worker] &= (columns > used.min(initial=n_columns)) & (
            columns < used.max(initial=-1)
        )

    def points(chosen: BoolArray) -> Points:
        worker, column = np.nonzero(chosen)
        return Points(column / max(1, n_columns - 1), rows[worker])

    return (
        Dots(points(is_idle), "axis", "·", "."),
        *(
            Dots(points(most == kind), each.role, each.character, each.ascii)
            for kind, each in enumerate(_LOOKS)
        ),
        Dots(points(is_half), "trial", "░", "-"),
        Dots(points(is_start & ~is_half), "trial", "▐", "|"),
        Dots(_upright(between, area), "label", *_BREAK),
    )


def _upright(columns: IntArray, area: Field) -> Points:
    """Return a point in each row of some columns."""
    levels = np.linspace(0, 1, area.height)
    x = np.repeat(columns / max(1, area.width - 1), len(levels))
    return Points(x, np.tile(levels, len(columns)))


def _legend(timeline: Timeline, kinds: IntArray, n_shown: int, *, look: Look) -> list[LegendEntry]:
    n_workers, n_breaks = timeline.n_workers, int((timeline.breaks_s > 0).sum())
    n_hosts = len(set(timeline.hosts))
    on = f" on {plural(n_hosts, 'machine')}" if any(timeline.hosts) else ""
    entries = [entry(9, f"{plural(n_workers, 'worker')}{on}, {timeline.busy_share:.0%} busy")]
    for kind, each in enumerate(_LOOKS):
        count = int((kinds == kind).sum())
        if count:
            mark = each.character if look.unicode else each.ascii
            entries.append(entry(8 - kind, f"{count} {each.what}", mark, each.role))
    if n_breaks:
        mark = _BREAK[0 if look.unicode else 1]
        text = plural(n_breaks, "break between runs left out", "breaks between runs left out")
        entries.append(entry(10, text, mark, "label"))
    for count, one, more in (
        (n_workers - n_shown, "worker out of sight", "workers out of sight"),
        (timeline.n_not_started, "not started", "not started"),
        (timeline.n_reversed, "ended before its start", "ended before their start"),
    ):
        if count:
            entries.append(entry(10, plural(count, one, more)))
    return entries


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the workers over time."""
    study = request.study
    timeline = build_timeline(study.trials, time.time(), study.run_starts_s, _hosts_of(study))

    def draw(frame: Frame) -> Figure:
        return draw_timeline(
            timeline,
            width=frame.width,
            height=frame.height,
            look=frame.look,
            selected=frame.selected,
        )

    yield TitledFigure("trials by worker", draw)


def _hosts_of(study: PlottedStudy) -> Mapping[int, str]:
    """Return the machines of a study's trials; it reads the file where a run had other machines."""
    if not study.is_far:
        return {}
    try:
        return dict(FileTexts(study.path, study.name).hosts())
    except HptuiError:
        # The file is locked or gone just now; the trials are shown without.
        return {}

"""The value of every trial, and the best so far; of several studies their mean, and a band."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.far_values import is_far_worse
from hptui.analysis.history import History, Reported, history_of
from hptui.analysis.number_styles import style_of
from hptui.analysis.region import Measure
from hptui.domain.texts.readable import four_digits, plural
from hptui.figures.canvas.chart import (
    MIN_HEIGHT,
    MIN_WIDTH,
    N_DENSE,
    Canvas,
    Dots,
    LegendEntry,
    Mark,
    draw,
    field_of,
    fit_legend,
)
from hptui.figures.canvas.figure import Figure, Spots
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE, Span, line_picture
from hptui.figures.canvas.plane import Plane, Side
from hptui.figures.canvas.points import Points, row_after, thin_steps
from hptui.figures.history_band import build_band, draw_band
from hptui.figures.repeat_whiskers import spreads_of, whiskers_of
from hptui.figures.request import Frame, TitledFigure
from hptui.figures.study_events import NO_EVENTS, event_entries, event_marks, events_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.analysis.stopping.outlook import Outlook
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.roles import Role
    from hptui.figures.repeat_whiskers import Spreads, Whiskers
    from hptui.figures.request import FigureRequest
    from hptui.figures.study_events import StudyEvents
    from hptui.trials import BoolArray, FloatArray, IntArray


_BAND_HEIGHTS: Final = 4.0
"""How many times the height of what may come is seen above the best value."""
_SEEN_BESIDE_BAND: Final = 0.25
"""The part of the trials that is seen beside it in any case."""


class Ahead(NamedTuple):
    """What is expected of trials to come, with a band around it; places go from 0 to 1."""

    x: FloatArray
    expected: FloatArray
    low: FloatArray
    high: FloatArray

    def points(self, n_columns: int, n_rows: int) -> Points:
        """Return a point for each cell of the band."""
        x, y = np.linspace(0, 1, max(2, n_columns)), np.linspace(0, 1, max(2, n_rows))
        low, high = (np.interp(x, self.x, ends) for ends in (self.low, self.high))
        half = 0.5 / max(1, n_rows - 1)
        is_in = (y[:, None] >= low - half) & (y[:, None] <= high + half) & (x > self.x[0])
        rows, columns = np.nonzero(is_in)
        return Points(x[columns], y[rows])


@dataclass(frozen=True, slots=True, eq=False)
class HistoryScene:
    """A history on its axes; places go from 0 to 1."""

    x_axis: Axis
    y_axis: Axis
    feasible: Points
    infeasible: Points
    pruned: Points
    running: Points
    stale: Points
    far: Points
    """Complete trials that are far worse than most; they stand at the edge of the y axis."""
    far_pruned: Points
    """Pruned trials beyond the same edge, as the next two."""
    far_running: Points
    far_stale: Points
    far_is_above: bool
    best: Points
    """A point for each trial for which the best so far is in sight, ordered by x."""
    best_end: float
    """Where its line ends."""
    best_trial: tuple[float, float] | None
    target: float | None
    """The place of the target on the y axis, where it is in sight."""
    numbers: IntArray
    """Of all trials that are seen, in the order of `places`."""
    places: Points
    n_infinite: int
    """Values that are not drawn, as the next two."""
    n_not_positive: int
    n_out_of_sight: int
    """Reports far better than any complete trial."""
    whiskers: Whiskers | None = None
    """Of repeated trials in sight; None where there are none."""
    ahead: Ahead | None = None
    """What is expected of trials to come; None where nothing is."""

    def place_of(self, number: int) -> tuple[float, float] | None:
        """Return where a trial is seen, or None."""
        rows = np.flatnonzero(self.numbers == number)
        if not len(rows):
            return None
        return float(self.places.x[rows[0]]), float(self.places.y[rows[0]])


def compose_scene(
    history: History,
    *,
    is_log: bool = False,
    target: float | None = None,
    spreads: Spreads | None = None,
    outlook: Outlook | None = None,
) -> HistoryScene | None:
    """Return what there is to see of `history`; None when that is nothing.

    The y axis leaves out the few complete trials that are so much worse than the others that those
    could not be told apart; they are `far`. Reports of other trials, and a target, are in sight
    where they are not farther outside than the range of the complete ones is wide.
    """
    is_shown = _is_drawable(history.values, is_log=is_log)
    complete = Reported(history.numbers[is_shown], history.values[is_shown])
    is_feasible = history.is_feasible[is_shown]
    others = [_drawable(group, is_log) for group in history.without_value]
    reports = np.concatenate([group.values for group in others])
    if not (len(complete.values) or len(reports)):
        return None
    far_is_above = history.direction == "minimize"
    is_far = is_far_worse(complete.values, is_log=is_log, is_above=far_is_above)
    if outlook is not None:
        is_far |= _is_beside(complete.values, outlook, is_above=far_is_above)
    sight = _sight(
        complete.values[~is_far],
        reports,
        is_log=is_log,
        has_far=bool(is_far.any()),
        worse_is_above=far_is_above,
    )
    near = [group.where(sight.has(group.values)) for group in others]
    targets = np.array([] if target is None else [target], np.float64)
    targets = targets[_is_drawable(targets, is_log=is_log) & sight.has(targets)]
    best_ever = history.best[_is_drawable(history.best, is_log=is_log)]
    if is_far.any():
        best_ever = best_ever[~sight.is_worse(best_ever)]
    expected = _drawable_ahead(outlook, sight, is_log=is_log)
    # The best of a part may have come before it, and be better than all in it.
    near_values = (group.values for group in near)
    seen = (complete.values[~is_far], *near_values, targets, best_ever, expected)
    y_axis = Axis.around(np.concatenate(seen), is_log=is_log)
    numbers_seen = _numbers(history).astype(np.float64)
    last = float(numbers_seen.max())
    n_more = 0.0 if outlook is None or not len(expected) else float(outlook.n_more[-1])
    x_axis = Axis.around(np.append(numbers_seen, last + n_more))

    def place(group: Reported) -> Points:
        return Points(x_axis.place(group.numbers.astype(np.float64)), y_axis.place(group.values))

    far = [group.where(sight.is_worse(group.values)) for group in others]
    near_pruned, near_running, near_stale = near
    far_pruned, far_running, far_stale = far
    drawn = (complete, *near, *far)
    is_seen = (history.best >= y_axis.low) & (history.best <= y_axis.high)
    best = Reported(history.numbers[is_seen], history.best[is_seen])
    behind = row_after(is_seen)
    numbers = np.concatenate([group.numbers for group in drawn])
    n_finite, n_infinite = _count(history)
    return HistoryScene(
        x_axis,
        y_axis,
        feasible=place(complete.where(is_feasible & ~is_far)),
        infeasible=place(complete.where(~is_feasible & ~is_far)),
        pruned=place(near_pruned),
        running=place(near_running),
        stale=place(near_stale),
        far=place(complete.where(is_far)),
        far_pruned=place(far_pruned),
        far_running=place(far_running),
        far_stale=place(far_stale),
        far_is_above=far_is_above,
        best=place(best),
        best_end=float(
            x_axis.place(np.array([last]) if behind is None else history.numbers[[behind]] / 1)[0]
        ),
        best_trial=_place_of_best(history, x_axis, y_axis),
        target=float(y_axis.place(targets)[0]) if len(targets) else None,
        numbers=numbers,
        places=place(Reported(numbers, np.concatenate([group.values for group in drawn]))),
        n_infinite=n_infinite,
        n_not_positive=n_finite - len(complete.values) - len(reports),
        n_out_of_sight=len(complete.values) + len(reports) - len(numbers),
        whiskers=whiskers_of(
            spreads, complete.numbers[~is_far], complete.values[~is_far], x_axis, y_axis
        ),
        ahead=_ahead(outlook, last, x_axis, y_axis) if n_more else None,
    )


def _drawable_ahead(outlook: Outlook | None, sight: _Sight, *, is_log: bool) -> FloatArray:
    """Return the expected values that can be seen; none at all where one of them cannot."""
    if outlook is None:
        return np.zeros(0)
    can_be = _is_drawable(outlook.expected, is_log=is_log) & sight.has(outlook.expected)
    return outlook.expected if can_be.all() else np.zeros(0)


def _ahead(outlook: Outlook | None, last: float, x_axis: Axis, y_axis: Axis) -> Ahead | None:
    if outlook is None:
        return None

    def place(values: FloatArray) -> FloatArray:
        return y_axis.place(np.clip(values, y_axis.low, y_axis.high))

    ends = np.sort([place(outlook.good), place(outlook.bad)], axis=0)
    return Ahead(x_axis.place(last + outlook.n_more), place(outlook.expected), ends[0], ends[1])


@dataclass(frozen=True, slots=True)
class _Sight:
    """The values outside of which nothing but marks at the edge is shown, to see the rest."""

    low: float
    high: float
    worse_is_above: bool

    def has(self, values: FloatArray) -> BoolArray:
        return (values >= self.low) & (values <= self.high)

    def is_worse(self, values: FloatArray) -> BoolArray:
        return values > self.high if self.worse_is_above else values < self.low


def _sight(
    near: FloatArray, reports: FloatArray, *, is_log: bool, has_far: bool, worse_is_above: bool
) -> _Sight:
    if not len(near):
        return _Sight(float(reports.min()), float(reports.max()), worse_is_above)
    low, high = float(near.min()), float(near.max())
    if low == high:
        return _Sight(-math.inf, math.inf, worse_is_above)
    if is_log:
        return _Sight(low * (low / high), high * (high / low), worse_is_above)
    # Where complete trials are beyond the edge, reports are too.
    below = low if has_far and not worse_is_above else low - (high - low)
    above = high if has_far and worse_is_above else high + (high - low)
    return _Sight(below, above, worse_is_above)


def _place_of_best(history: History, x_axis: Axis, y_axis: Axis) -> tuple[float, float] | None:
    row = history.best_row
    if row is None or not y_axis.low <= history.values[row] <= y_axis.high:
        return None
    x = x_axis.place(np.array([history.numbers[row]], np.float64))
    return float(x[0]), float(y_axis.place(history.values[[row]])[0])


def _count(history: History) -> tuple[int, int]:
    """Return how many values are finite, and how many are infinite."""
    groups = (history, *history.without_value)
    values = np.concatenate([group.values for group in groups])
    return int(np.isfinite(values).sum()), int(np.isinf(values).sum())


def _drawable(group: Reported, is_log: bool) -> Reported:
    return group.where(_is_drawable(group.values, is_log=is_log))


def _is_drawable(values: FloatArray, *, is_log: bool) -> BoolArray:
    is_drawable = np.isfinite(values)
    return is_drawable & (values > 0) if is_log else is_drawable


def _is_beside(values: FloatArray, outlook: Outlook, *, is_above: bool) -> BoolArray:
    """Say which values are so much worse than what is expected that its band could not be seen."""
    losses = values if is_above else -values
    best, good = outlook.expected[0], outlook.good[-1]
    if not is_above:
        best, good = -best, -good
    room = _BAND_HEIGHTS * (best - good)
    nearest = np.quantile(losses / 4, _SEEN_BESIDE_BAND) * 4 if len(losses) else best
    return losses > max(best + room, nearest)


def _numbers(history: History) -> IntArray:
    groups = (history, *history.without_value)
    return np.concatenate([group.numbers for group in groups])


_NOWHERE: Final = Points(np.array([], np.float64), np.array([], np.float64))
_CELLS_A_Y_TICK: Final = 4
_CELLS_AN_X_TICK: Final = 14


def draw_history(
    history: History,
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    target: float | None = None,
    target_name: str = "target",
    selected: int | None = None,
    window: tuple[int, int] | None = None,
    note: str = "",
    events: StudyEvents = NO_EVENTS,
    spreads: Spreads | None = None,
    outlook: Outlook | None = None,
    objective: int = 0,
) -> Figure:
    """Draw a history in `width` by `height` cells, the last one a legend where there is room.

    Any history and any size give a picture; where there is nothing to draw, it is a sentence, and
    where there is no room for axes, the legend alone.

    Args:
        history: What is drawn.
        width: In cells.
        height: In cells.
        look: What can be shown where it is seen.
        is_log: Whether the values are on a logarithmic axis.
        target: A value that is marked by a level line.
        target_name: What the legend calls it.
        selected: The number of a trial that is marked.
        window: The first and the last trial number that are shown; without, all are.
        note: What the legend says besides, safe for a terminal.
        events: What happened between trials; marked on the axis.
        spreads: Of its repeated trials; None where there are none.
        outlook: What is expected of trials to come, for a history that is shown to its end.
        objective: Of which its values are.
    """
    shown = history if window is None else history.within(*window)
    scene = compose_scene(shown, is_log=is_log, target=target, spreads=spreads, outlook=outlook)
    if scene is None:
        sentence = empty_reason(shown, is_log=is_log, is_part=window is not None)
        return Figure.saying(sentence, width, height)
    legend = history_legend(
        shown, scene, target=target, target_name=target_name, is_log=is_log, look=look
    )
    x_low, x_high = math.ceil(scene.x_axis.low), math.floor(scene.x_axis.high)
    legend = (*legend, *event_entries(events, x_low, x_high, look=look))
    if note:
        legend = (*legend, LegendEntry((Span(note, "note"),), 8))
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return Figure(line_picture(fit_legend(legend, width), width, height))
    y_ticks = scene.y_axis.ticks(max(2, height // _CELLS_A_Y_TICK), max_chars=width // 3)
    area = field_of(y_ticks, width, height, has_legend=True)
    place = None if selected is None else scene.place_of(selected)
    canvas = Canvas(
        x_label="trial",
        x_ticks=scene.x_axis.ticks(max(2, width // _CELLS_AN_X_TICK), whole=True),
        y_ticks=y_ticks,
        dots=_dots(scene, area.width, area.height),
        lines=(
            *_lines_ahead(scene),
            Line(thin_steps(scene.best, area.width, end=scene.best_end), "best", is_steps=True),
        ),
        marks=_marks(scene, place),
        axis_marks=event_marks(events, scene.x_axis),
        x_mark=_x_mark(scene, selected),
        legend=legend,
    )
    picture, area = draw(canvas, width, height, look=look)
    sides = (
        Side(Measure("number", is_whole=True), scene.x_axis, has_more_below=window is not None),
        Side.of_value(scene.y_axis, objective),
    )
    return Figure(
        picture,
        spots=Spots.in_field(scene.numbers, scene.places, area),
        area=area,
        planes=(Plane(area, *sides),),
    )


def _dots(scene: HistoryScene, n_columns: int, n_rows: int) -> Sequence[Dots]:
    across = np.linspace(0.0, 1.0, n_columns if scene.target is not None else 0)
    target = Points(across, np.full(len(across), scene.target or 0.0))
    whiskers = scene.whiskers.points(n_columns, n_rows) if scene.whiskers else _NOWHERE
    band = scene.ahead.points(n_columns, n_rows) if scene.ahead else _NOWHERE
    return (
        Dots(band, "target", "░", ":"),
        Dots(whiskers, "label", "│", "|"),
        Dots(target, "target", "┄", "-"),
        Dots(scene.pruned, "pruned", "·", "."),
        Dots(scene.infeasible, "infeasible", "⊘", "X"),
        Dots(scene.feasible, "trial"),
        Dots(scene.stale, "stale", "◌", "S"),
        Dots(scene.far_pruned, "pruned", *far_mark(scene)),
        Dots(scene.far_stale, "stale", *far_mark(scene)),
        Dots(scene.far, "trial", *far_mark(scene)),
        Dots(scene.far_running, "running", *far_mark(scene)),
    )


def _lines_ahead(scene: HistoryScene) -> tuple[Line, ...]:
    if scene.ahead is None:
        return ()
    return (Line(Points(scene.ahead.x, scene.ahead.expected), "target", is_fine=True),)


def _marks(scene: HistoryScene, selected: tuple[float, float] | None) -> Sequence[Mark]:
    running = zip(scene.running.x.tolist(), scene.running.y.tolist(), strict=True)
    marks = [Mark(x, y, "running", "●", "R") for x, y in running]
    if scene.best_trial is not None:
        marks.append(Mark(*scene.best_trial, "best", "★", "*"))
    if selected is not None:
        marks.append(Mark(*selected, "selected", "◆", "@"))
    return marks


def _x_mark(scene: HistoryScene, selected: int | None) -> float | None:
    if selected is None or not scene.x_axis.low <= selected <= scene.x_axis.high:
        return None
    return float(scene.x_axis.place(np.array([selected], np.float64))[0])


def history_legend(
    history: History,
    scene: HistoryScene,
    *,
    target: float | None,
    target_name: str = "target",
    is_log: bool,
    look: Look,
) -> Sequence[LegendEntry]:
    """Return the entries of a history's legend, with its counts."""
    entries: list[LegendEntry] = []

    def add(importance: int, mark: str, role: Role, text: str) -> None:
        spans = (Span(f"{mark} ", role), Span(text, "note")) if mark else (Span(text, "note"),)
        entries.append(LegendEntry(spans, importance))

    is_complete = ~np.isnan(history.values)
    n_infeasible = int((is_complete & ~history.is_feasible).sum())
    n_feasible = int(is_complete.sum()) - n_infeasible
    _add_best(entries, history, look=look)
    shaded = ", shaded by density" if n_feasible > N_DENSE and look.unicode else ""
    add(7, look.point, "trial", f"{n_feasible} complete{shaded}")
    others: tuple[tuple[int, str, Role, int], ...] = (
        (6, "·.", "pruned", len(history.pruned.numbers)),
        (5, "●R", "running", len(history.running.numbers)),
        (5, "◌S", "stale", len(history.stale.numbers)),
        (3, "⊘X", "infeasible", n_infeasible),
    )
    for importance, marks, role, count in others:
        if count:
            add(importance, marks[0 if look.unicode else 1], role, f"{count} {role}")
    if target is not None:
        where = "" if scene.target is not None else ", out of sight"
        mark = "┄" if look.unicode else "-"
        add(7, mark, "target", f"{target_name} {four_digits(target)}{where}")
    beside: tuple[tuple[object, int, str, Role, str], ...] = (
        (scene.ahead, 8, "░:", "target", "expected, 8 of 10 cases"),
        (scene.whiskers, 6, "│|", "label", "spread of repetitions"),
    )
    for is_there, importance, marks, role, text in beside:
        if is_there is not None:
            add(importance, marks[0 if look.unicode else 1], role, text)
    entries.extend(_unseen(scene, look=look))
    if is_log:
        add(1, "", "note", "log axis")
    return entries


def _unseen(scene: HistoryScene, *, look: Look) -> Iterator[LegendEntry]:
    """Yield what the legend says of trials that have no place on the axes."""
    far = (scene.far, scene.far_pruned, scene.far_running, scene.far_stale)
    n_far = sum(len(points.x) for points in far)
    if n_far:
        where = "above" if scene.far_is_above else "below"
        mark = far_mark(scene)[0 if look.unicode else 1]
        yield LegendEntry((Span(f"{mark} ", "label"), Span(f"{n_far} far {where}", "note")), 4)
    for importance, count, what in (
        (8, scene.n_infinite, "infinite, not drawn"),
        (8, scene.n_not_positive, "not above 0, not drawn"),
        (4, scene.n_out_of_sight, "out of sight"),
    ):
        if count:
            yield LegendEntry((Span(f"{count} {what}", "note"),), importance)


def far_mark(scene: HistoryScene) -> tuple[str, str]:
    """Return the character of a trial beyond the edge of the chart, and its ASCII form."""
    return ("▴", "^") if scene.far_is_above else ("▾", "v")


def empty_reason(history: History, *, is_log: bool, is_part: bool) -> str:
    """Return a sentence for a history of which nothing can be seen.

    `is_part` says that it is a part of a longer one.
    """
    n_complete = int((~np.isnan(history.values)).sum())
    n_running, n_pruned = len(history.running.numbers), len(history.pruned.numbers)
    if n_complete and is_log and np.isfinite(history.values).any():
        return "No value is above 0, so a log axis shows none."
    if n_complete:
        return "No value is finite, so there is nothing to draw."
    if is_part:
        return "No trial in this part has a value."
    if not (len(history.numbers) or n_running):
        return "No trial yet."
    if n_running:
        return f"No trial has completed yet; {plural(n_running, 'is', 'are')} running."
    if history.n_waiting:
        return f"No trial has completed yet; {plural(history.n_waiting, 'is', 'are')} waiting."
    ended = [f"{n_pruned} pruned"] if n_pruned else []
    ended += [f"{history.n_failed} failed"] if history.n_failed else []
    ended += [f"{len(history.stale.numbers)} stale"] if len(history.stale.numbers) else []
    return f"No trial has completed{': ' if ended else ''}{', '.join(ended)}."


def _add_best(entries: list[LegendEntry], history: History, *, look: Look) -> None:
    if not len(history.best) or np.isnan(history.best[-1]):
        return
    # As many digits as tell it from the others.
    best = style_of(history.values).alone(float(history.best[-1]))
    text = f"{'★' if look.unicode else '*'} {best}"
    row = history.best_row
    if row is not None:
        text += f" #{history.numbers[row]}"
    entries.append(LegendEntry((Span(text, "best"),), 9))


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the history of each objective."""
    draws = _history if len(request.studies) == 1 else _band
    for objective in request.objectives():
        yield draws(request, objective)


def _history(request: FigureRequest, objective: int) -> TitledFigure:
    study = request.study
    trials = study.trials
    history, spreads = history_of(trials, objective), spreads_of(study, objective)
    events = events_of(study)

    def draw(frame: Frame) -> Figure:
        return draw_history(
            history,
            spreads=spreads,
            events=events,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            look=frame.look,
            selected=frame.selected,
            objective=objective,
        )

    return TitledFigure(study.value_name(objective), draw)


def _band(request: FigureRequest, objective: int) -> TitledFigure:
    band = build_band([history_of(study.trials, objective) for study in request.studies])

    def draw(frame: Frame) -> Figure:
        return draw_band(
            band,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            look=frame.look,
        )

    return TitledFigure(request.study.value_name(objective), draw)

"""The best value so far against the time by the clock, of one study or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.compare.comparison import LETTERS
from hptui.analysis.number_styles import style_of
from hptui.analysis.spent import time_spent, wall_until
from hptui.domain.texts.readable import show_duration
from hptui.figures.canvas.chart import Canvas, LegendEntry, Mark
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, y_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE, Look, label
from hptui.figures.canvas.points import Points, thin_steps
from hptui.figures.canvas.roles import SERIES, Role
from hptui.figures.edf import MAX_NAME_CHARS
from hptui.figures.overlay import axis_of_bests, letters_along
from hptui.figures.request import Frame, TitledFigure
from hptui.figures.timeline import time_ticks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.domain.objective import Direction
    from hptui.figures.request import FigureRequest
    from hptui.trials import BoolArray, FloatArray, IntArray, Trials

_CELLS_A_TICK: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """The best value so far in one objective of a study, at the end of each trial that counts."""

    name: str
    """Of the study."""
    direction: Direction
    numbers: IntArray
    """Of feasible complete trials whose times are known, ordered by their ends."""
    ends_s: FloatArray
    """When each ended: time by the clock while any trial ran, without breaks between runs."""
    best: FloatArray
    """The best value until then."""
    total_s: float
    """The time that all trials took, by the same clock."""
    n_timeless: int
    """Trials that are left out, since it is not known when they ran."""

    @property
    def best_row(self) -> int | None:
        """The row of the trial that reached the last best value first; None without trials."""
        return int(np.argmax(self.best == self.best[-1])) if len(self.best) else None

    def drawable(self, *, is_log: bool) -> BoolArray:
        """Say which best values have a place on an axis."""
        is_drawable = np.isfinite(self.best)
        return is_drawable & (self.best > 0) if is_log else is_drawable


def progress_of(trials: Trials, objective: int, name: str = "") -> Progress:
    """Return the progress of a study in one objective."""
    direction = trials.directions[objective]
    is_counted = trials.is_complete & trials.is_feasible & (trials.numbers >= 0)
    # A comparison with an unknown time is false.
    is_timed = is_counted & (trials.starts_s <= trials.completes_s)
    rows = np.flatnonzero(is_timed)
    rows = rows[np.lexsort((trials.numbers[rows], trials.completes_s[rows]))]
    values = trials.values[rows, objective]
    return Progress(
        name,
        direction,
        trials.numbers[rows],
        wall_until(trials, trials.completes_s[rows]),
        (np.minimum if direction == "minimize" else np.maximum).accumulate(values),
        time_spent(trials).wall_s,
        int(is_counted.sum() - is_timed.sum()),
    )


def draw_progress(
    studies: Sequence[Progress],
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    selected: int | None = None,
) -> Figure:
    """Draw the progress of at most as many studies as there are LETTERS over each other.

    With several studies each line has a letter that the legend explains; with one, each trial has
    its place on the line, where the one with the number `selected` is marked. A line ends with its
    study, and begins later where its first values would squash the rest.
    """
    drawable = [each.drawable(is_log=is_log) for each in studies]
    bests = [each.best[chosen] for each, chosen in zip(studies, drawable, strict=True)]
    if not any(map(len, bests)):
        return Figure.saying(_empty_reason(studies), width, height)
    span_s = max(each.total_s for each in studies)
    x_axis = Axis(0.0, span_s or 1.0)
    y_axis = axis_of_bests(bests, studies[0].direction, is_log=is_log)
    lines: list[Line] = []
    marks: list[Mark] = []
    numbers, points = np.zeros(0, np.int64), Points(np.zeros(0), np.zeros(0))
    for index, (study, chosen) in enumerate(zip(studies, drawable, strict=True)):
        is_seen = chosen & (study.best >= y_axis.low) & (study.best <= y_axis.high)
        if not is_seen.any():
            continue
        points = Points(x_axis.place(study.ends_s[is_seen]), y_axis.place(study.best[is_seen]))
        end = float(x_axis.place(np.array([study.total_s]))[0])
        role: Role = SERIES[index] if len(studies) > 1 else "best"
        lines.append(Line(thin_steps(points, width, end=end), role, is_steps=True))
        if len(studies) > 1:
            marks.extend(letters_along(points, end, index, len(studies), width))
        else:
            numbers = study.numbers[is_seen]
    if len(studies) > 1:
        # Numbers of several studies would be ambiguous.
        points = Points(np.zeros(0), np.zeros(0))
    canvas = Canvas(
        x_label="time running",
        x_ticks=time_ticks(span_s, max(2, width // _CELLS_A_TICK)),
        y_ticks=y_ticks(y_axis, width, height),
        lines=lines,
        marks=[*marks, *selected_mark(numbers, points, selected)],
        legend=_legend(studies, is_log=is_log, look=look),
    )
    return draw_figure(canvas, width, height, look=look, numbers=numbers, points=points)


def _legend(studies: Sequence[Progress], *, is_log: bool, look: Look) -> list[LegendEntry]:
    entries: list[LegendEntry] = []
    for index, study in enumerate(studies):
        row = study.best_row
        reached = "no value"
        if row is not None:
            best, end_s = float(study.best[row]), float(study.ends_s[row])
            reached = f"{style_of(study.best).alone(best)} after {show_duration(end_s)}"
        if len(studies) > 1:
            name = label(study.name, MAX_NAME_CHARS, look=look)
            entries.append(entry(9 - index, f"{name} {reached}", LETTERS[index], SERIES[index]))
        else:
            number = "" if row is None else f" #{study.numbers[row]}"
            entries.append(entry(9, f"{reached}{number}", "★" if look.unicode else "*", "best"))
            entries.append(entry(8, f"{show_duration(study.total_s)} in all"))
    n_timeless = sum(study.n_timeless for study in studies)
    if n_timeless:
        entries.append(entry(10, f"{n_timeless} of unknown time, left out"))
    if is_log:
        entries.append(entry(1, "log axis"))
    return entries


def _empty_reason(studies: Sequence[Progress]) -> str:
    if any(np.isfinite(each.best).any() for each in studies):
        return "No best value is above 0, so a log axis shows none."
    if any(len(each.best) for each in studies):
        return "No best value is finite, so there is nothing to draw."
    if any(each.n_timeless for each in studies):
        return "It is not known when the trials ran."
    return "No feasible trial has completed yet."


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the progress in each objective over all studies."""
    for objective in request.objectives():
        yield _progress(request, objective)


def _progress(request: FigureRequest, objective: int) -> TitledFigure:
    studies = [progress_of(each.trials, objective, each.name) for each in request.studies]

    def draw(frame: Frame) -> Figure:
        return draw_progress(
            studies,
            width=frame.width,
            height=frame.height,
            look=frame.look,
            is_log=request.is_log,
            selected=frame.selected,
        )

    return TitledFigure(f"{request.study.value_name(objective)} over time", draw)

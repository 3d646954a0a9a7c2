"""The history of a study as a chart: its trials, the best so far, and what is worth a mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.history import Points, thin_steps
from hptui.analysis.history_scene import HistoryScene, HistorySource, Reported, compose_scene
from hptui.charts.history_legend import far_mark, history_legend, why_nothing
from hptui.domain.trial_states import FAIL, PRUNED, RUNNING, STALE, WAITING
from hptui.figures.canvas.chart import (
    MIN_HEIGHT,
    MIN_WIDTH,
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
from hptui.figures.canvas.picture import Picture, Span, line_picture
from hptui.figures.canvas.sentence import sentence_picture

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from hptui.analysis.history import FloatArray, History, IntArray
    from hptui.figures.canvas.field import Field

_CELLS_A_Y_TICK: Final = 4
_CELLS_AN_X_TICK: Final = 14


@dataclass(frozen=True, slots=True, eq=False)
class HistoryPicture:
    """A history that was drawn."""

    picture: Picture
    sentence: str = ""
    """Why there is nothing to see; empty for a chart."""
    spots: Spots = field(default_factory=Spots)
    area: Field | None = None
    """Where the chart is; None for a sentence, and where there is no room for axes."""

    def as_figure(self) -> Figure:
        """Return it as a figure, in which each trial that is seen has its spot."""
        return Figure(self.picture, self.sentence, self.spots)

    def number_at(self, x: int, y: int) -> int | None:
        """Return the number of the trial that is seen nearest to a cell, from the upper left one.

        None outside the axes, and where no trial is seen.
        """
        if self.area is None or not self.area.has(x, y):
            return None
        return self.spots.nearest(x, y)


def history_source(
    history: History, numbers: IntArray, states: npt.NDArray[np.int8], last_values: FloatArray
) -> HistorySource:
    """Return what the history of a study shows, from its columns (a row a trial, in any order)."""

    def reported(state: int) -> Reported:
        rows = np.flatnonzero((states == state) & (numbers >= 0))
        return Reported(numbers[rows], last_values[rows])

    return HistorySource(
        history,
        reported(PRUNED),
        reported(RUNNING),
        reported(STALE),
        n_failed=int((states == FAIL).sum()),
        n_waiting=int((states == WAITING).sum()),
    )


def draw_history(
    source: HistorySource,
    *,
    width: int,
    height: int,
    unicode: bool = True,
    is_log: bool = False,
    target: float | None = None,
    target_name: str = "target",
    selected: int | None = None,
    window: tuple[int, int] | None = None,
    note: str = "",
) -> HistoryPicture:
    """Draw a history in `width` by `height` cells, the last one a legend where there is room.

    Any history and any size give a picture; where there is nothing to draw, it is a sentence, and
    where there is no room for axes, the legend alone.

    Args:
        source: What is drawn.
        width: In cells.
        height: In cells.
        unicode: Whether characters beyond ASCII can be used.
        is_log: Whether the values are on a logarithmic axis.
        target: A value that is marked by a level line.
        target_name: What the legend calls it.
        selected: The number of a trial that is marked.
        window: The first and the last trial number that are shown; without, all are.
        note: What the legend says besides, safe for a terminal.
    """
    shown = source if window is None else source.within(*window)
    scene = compose_scene(shown, is_log=is_log, target=target)
    if scene is None:
        sentence = why_nothing(shown, is_log=is_log, is_part=window is not None)
        return HistoryPicture(sentence_picture(sentence, width, height), sentence)
    legend = history_legend(
        shown, scene, target=target, target_name=target_name, is_log=is_log, unicode=unicode
    )
    if note:
        legend = (*legend, LegendEntry((Span(note, "note"),), 8))
    if width < MIN_WIDTH or height < MIN_HEIGHT:
        return HistoryPicture(line_picture(fit_legend(legend, width), width, height))
    y_ticks = scene.y_axis.ticks(max(2, height // _CELLS_A_Y_TICK), max_chars=width // 3)
    area = field_of(y_ticks, width, height, has_legend=True)
    place = None if selected is None else scene.place_of(selected)
    canvas = Canvas(
        x_label="trial",
        x_ticks=scene.x_axis.ticks(max(2, width // _CELLS_AN_X_TICK), whole=True),
        y_ticks=y_ticks,
        dots=_dots(scene, area.width),
        lines=(
            Line(thin_steps(scene.best, area.width, end=scene.best_end), "best", is_steps=True),
        ),
        marks=_marks(scene, place),
        x_mark=_x_mark(scene, selected),
        legend=legend,
    )
    drawing = draw(canvas, width, height, unicode=unicode)
    spots = Spots.in_field(scene.numbers, scene.places, drawing.field)
    return HistoryPicture(drawing.picture, spots=spots, area=drawing.field)


def _dots(scene: HistoryScene, n_columns: int) -> Sequence[Dots]:
    across = np.linspace(0.0, 1.0, n_columns if scene.target is not None else 0)
    target = Points(across, np.full(len(across), scene.target or 0.0))
    return (
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

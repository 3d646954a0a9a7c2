"""Which share of trials is how good, of one study or several."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.axis import Axis
from hptui.analysis.compare.comparison import LETTERS, build_edf
from hptui.domain.texts.readable import four_digits
from hptui.figures.canvas.chart import Canvas, LegendEntry, Mark
from hptui.figures.canvas.figure import Figure, draw_figure, entry, selected_mark, x_ticks
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import FINE, label
from hptui.figures.canvas.points import Points, thin_steps
from hptui.figures.canvas.roles import SERIES, Role
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hptui.analysis.compare.comparison import Edf
    from hptui.figures.canvas.picture import Look
    from hptui.figures.request import FigureRequest
    from hptui.trials import IntArray


MAX_STUDIES: Final = len(SERIES)
_SHARES: Final = ((0.0, "0"), (0.25, "25%"), (0.5, "50%"), (0.75, "75%"), (1.0, "100%"))
MAX_NAME_CHARS: Final = 30


@dataclass(frozen=True, slots=True, eq=False)
class NamedEdf:
    """The distribution of one study."""

    name: str
    edf: Edf


def draw_edf(
    studies: Sequence[NamedEdf],
    *,
    width: int,
    height: int,
    look: Look = FINE,
    is_log: bool = False,
    value_name: str = "value",
    selected: int | None = None,
) -> Figure:
    """Draw the distributions of at most MAX_STUDIES studies over each other.

    With several studies, each line has a letter that the legend explains; with one, each trial has
    its place on the line, where the one with the number `selected` is marked.
    """
    edfs = [each.edf.above_zero() if is_log else each.edf for each in studies]
    values = np.concatenate([np.zeros(0), *(edf.values for edf in edfs)])
    if not len(values):
        sentence = _empty_reason([each.edf for each in studies])
        return Figure.saying(sentence, width, height)
    axis = Axis.around(values, is_log=is_log)
    lines: list[Line] = []
    marks: list[Mark] = []
    for index, edf in enumerate(edfs):
        if not len(edf.values):
            continue
        role: Role = SERIES[index] if len(edfs) > 1 else "trial"
        lines.append(Line(_steps(edf, axis, width), role, is_steps=True))
        if len(edfs) > 1:
            share = (index + 1) / (len(edfs) + 1)
            x = float(axis.place(np.array([edf.value_at(share)]))[0])
            marks.append(Mark(x, share, role, LETTERS[index], LETTERS[index]))
    numbers, points = _places(edfs, axis)
    marks += selected_mark(numbers, points, selected)
    canvas = Canvas(
        x_label=label(value_name, width // 4, look=look),
        x_ticks=x_ticks(axis, width),
        y_ticks=_SHARES,
        lines=lines,
        marks=marks,
        legend=_legend(studies, edfs, is_log=is_log, look=look),
    )
    return draw_figure(canvas, width, height, look=look, numbers=numbers, points=points)


def _places(edfs: Sequence[Edf], axis: Axis) -> tuple[IntArray, Points]:
    """Return where the trials of a single study are; numbers of several would be ambiguous."""
    if len(edfs) > 1:
        return np.zeros(0, np.int64), Points(np.zeros(0), np.zeros(0))
    (edf,) = edfs
    return edf.numbers, Points(axis.place(edf.values), edf.shares)


def _steps(edf: Edf, axis: Axis, width: int) -> Points:
    # All values stay when there are few; else those that a column can show.
    shown, counts = np.unique(axis.place(edf.values), return_counts=True)
    shares = np.cumsum(counts) / len(edf.values)
    return thin_steps(Points(np.append(0.0, shown), np.append(0.0, shares)), width)


def _legend(
    studies: Sequence[NamedEdf], edfs: Sequence[Edf], *, is_log: bool, look: Look
) -> list[LegendEntry]:
    entries: list[LegendEntry] = []
    if len(studies) > 1:
        for index, (study, edf) in enumerate(zip(studies, edfs, strict=True)):
            name = label(study.name, MAX_NAME_CHARS, look=look)
            text = f"{name} ({len(edf.values)})"
            entries.append(entry(9 - index, text, LETTERS[index], SERIES[index]))
    else:
        (edf,) = edfs
        entries.append(entry(8, f"{len(edf.values)} complete"))
        entries.append(entry(7, f"half at most {four_digits(edf.value_at(0.5))}"))
    n_infinite = sum(edf.n_infinite for edf in edfs)
    n_hidden = sum(len(study.edf.values) for study in studies) - sum(
        len(edf.values) for edf in edfs
    )
    if n_infinite:
        entries.append(entry(10, f"{n_infinite} infinite, left out"))
    if n_hidden:
        entries.append(entry(10, f"{n_hidden} not above 0, left out"))
    if is_log:
        entries.append(entry(1, "log axis"))
    return entries


def _empty_reason(edfs: Sequence[Edf]) -> str:
    if any(len(edf.values) for edf in edfs):
        return "No value is above 0, so a log axis shows none."
    if any(edf.n_infinite for edf in edfs):
        return "No value is finite, so there is nothing to draw."
    return "No trial has completed yet."


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the distribution of each objective over all studies."""
    for objective in request.objectives():
        yield _edf(request, objective)


def _edf(request: FigureRequest, objective: int) -> TitledFigure:
    name = request.study.value_name(objective)
    edfs = [NamedEdf(study.name, build_edf(study.trials, objective)) for study in request.studies]

    def draw(frame: Frame) -> Figure:
        return draw_edf(
            edfs,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            look=frame.look,
            value_name=name,
            selected=frame.selected,
        )

    return TitledFigure(f"trials by {name}", draw)

"""Advice on more trials: sentences over the history that they are about."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

from hptui.analysis.stopping.advice_text import advice_sentences
from hptui.charts.history_chart import draw_history
from hptui.figures.canvas.figure import Figure
from hptui.figures.canvas.picture import Cells

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hptui.analysis.history_scene import HistorySource
    from hptui.analysis.stopping.advice import Advice
    from hptui.figures.canvas.picture import Role

_MIN_CHART: Final = 7
_MARGIN: Final = 1


def draw_advice(
    advice: Advice,
    source: HistorySource,
    *,
    width: int,
    height: int,
    unicode: bool = True,
    is_log: bool = False,
    selected: int | None = None,
) -> Figure:
    """Draw the sentences, and below them the history with the value that may be reached."""

    def below(lines: int) -> Figure:
        return draw_history(
            source,
            width=width,
            height=lines,
            unicode=unicode,
            is_log=is_log,
            target=advice.may_reach,
            target_name="may reach",
            selected=selected,
        ).as_figure()

    return draw_told(advice_sentences(advice), below, width=width, height=height)


def draw_told(
    sentences: Sequence[str], below: Callable[[int], Figure], *, width: int, height: int
) -> Figure:
    """Draw sentences, the first of which is the answer, and what they are about below them.

    Args:
        sentences: Safe for a terminal.
        below: Draws a chart of that width in so many lines; called where there is room for one.
        width: In cells, as the next.
        height: Of both together.
    """
    if width < 1 or height < 1:
        return Figure(Cells(0, 0).picture())
    lines: list[tuple[str, Role]] = []
    for index, sentence in enumerate(sentences):
        role: Role = "note" if index else "best"
        for line in textwrap.wrap(sentence, max(1, width - 2 * _MARGIN)):
            lines.append((line, role))
    cells = Cells(width, height)
    for row, (line, role) in enumerate(lines[:height]):
        cells.put(row, min(_MARGIN, width - 1), line, role)
    top = len(lines) + 1
    if height - top < _MIN_CHART:
        return Figure(cells.picture())
    drawn = below(height - top)
    for row, spans in enumerate(drawn.picture.lines, start=top):
        cells.put_spans(row, 0, spans)
    return Figure(cells.picture(), spots=drawn.spots.moved(0, top))

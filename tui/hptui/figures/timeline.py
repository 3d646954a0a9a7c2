"""Which trial ran when in which slot, and idle slots."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hptui.analysis.timeline import build_timeline
from hptui.charts.timeline_chart import draw_timeline
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the slots over time."""
    timeline = build_timeline(request.study.trials, time.time(), request.study.run_starts_s)

    def draw(frame: Frame) -> Figure:
        return draw_timeline(
            timeline,
            width=frame.width,
            height=frame.height,
            unicode=frame.unicode,
            selected=frame.selected,
        )

    yield TitledFigure("trials by slot", draw)

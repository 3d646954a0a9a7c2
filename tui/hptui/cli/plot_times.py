"""Figures of how trials went: when they ran, and what they reported on the way."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from hptui.cli.plot_request import TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.cli.plot_request import PlotRequest


def draw_timeline(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the slots over time."""
    from hptui.analysis.timeline import build_timeline
    from hptui.charts import timeline_chart

    study = request.study
    figure = timeline_chart.draw_timeline(
        build_timeline(study.trials, time.time()),
        width=request.width,
        height=request.height,
        unicode=request.unicode,
    )
    yield TitledFigure(f"{study.name}: trials by slot", figure)

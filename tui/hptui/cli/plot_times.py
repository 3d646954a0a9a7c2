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


def draw_intermediate(request: PlotRequest) -> Iterator[TitledFigure]:
    """Draw the intermediate values of all trials."""
    import numpy as np

    from hptui.analysis.intermediate import build_curves
    from hptui.charts import intermediate_chart
    from hptui.storage.study_reports import read_reports

    study = request.study
    reports = read_reports(study.place.path, study.name)
    # Trials that came since the columns were read are not among them.
    is_known = np.isin(reports.trial_ids, study.trials.trial_ids)
    curves = build_curves(
        study.trials,
        np.searchsorted(study.trials.trial_ids, reports.trial_ids[is_known]),
        reports.steps[is_known],
        reports.values[is_known],
        has_more=reports.has_more,
    )
    figure = intermediate_chart.draw_intermediate(
        curves,
        width=request.width,
        height=request.height,
        is_log=request.is_log,
        unicode=request.unicode,
    )
    yield TitledFigure(f"{study.name}: intermediate values", figure)

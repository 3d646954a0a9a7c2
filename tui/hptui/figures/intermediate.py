"""What all trials reported, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.intermediate import build_curves
from hptui.charts.intermediate_chart import draw_intermediate
from hptui.figures.request import Frame, TitledFigure
from hptui.figures.thresholds import read_pruning
from hptui.storage.read.study_reports import read_reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.request import FigureRequest


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the intermediate values of all trials, read from the study's file."""
    study = request.study
    reports = read_reports(study.path, study.name)
    # Trials that came since the columns were read are not among them.
    is_known = np.isin(reports.trial_ids, study.trials.trial_ids)
    curves = build_curves(
        study.trials,
        np.searchsorted(study.trials.trial_ids, reports.trial_ids[is_known]),
        reports.steps[is_known],
        reports.values[is_known],
        has_more=reports.has_more,
    )

    pruning = read_pruning(study.path, study.name)

    def draw(frame: Frame) -> Figure:
        return draw_intermediate(
            curves,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            unicode=frame.unicode,
            selected=frame.selected,
            pruning=pruning,
        )

    yield TitledFigure("intermediate values", draw)

"""What all trials reported, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.analysis.intermediate import build_curves
from hptui.analysis.pruning import CompleteReports, Threshold, pruning_thresholds
from hptui.charts.intermediate_chart import draw_intermediate
from hptui.domain.sampling import parse_pruner
from hptui.errors import OptionError
from hptui.figures.request import Frame, TitledFigure
from hptui.storage.study_facts import read_facts
from hptui.storage.study_reports import StudyReports, read_reports

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.charts.figure import Figure
    from hptui.figures.request import FigureRequest, PlottedStudy


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

    thresholds = _thresholds(study, reports)

    def draw(frame: Frame) -> Figure:
        return draw_intermediate(
            curves,
            width=frame.width,
            height=frame.height,
            is_log=request.is_log,
            unicode=frame.unicode,
            selected=frame.selected,
            thresholds=thresholds,
        )

    yield TitledFigure("intermediate values", draw)


def _thresholds(study: PlottedStudy, reports: StudyReports) -> tuple[Threshold, ...]:
    """Return where the pruner of the latest run ends trials; of all trials, as it looks at all."""
    directions = study.trials.directions
    if reports.has_more or len(directions) != 1:
        return ()
    text = read_facts(study.path, study.name, len(directions)).pruner
    try:
        pruner = parse_pruner(text)
    except OptionError:
        # Nothing that hptui knows by that name.
        return ()
    is_complete = reports.is_complete
    complete = CompleteReports(
        reports.steps[is_complete], reports.values[is_complete], reports.n_complete
    )
    return pruning_thresholds(complete, pruner, directions[0])

"""Where the pruner of a study ends trials, told from its file."""

from __future__ import annotations

import re
import threading
from itertools import groupby
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.pruning.curves import Curve
from hptui.analysis.pruning.rungs import RungValues
from hptui.analysis.pruning.step_reports import CompleteReports
from hptui.analysis.pruning.thresholds import (
    JudgedTrial,
    PrunerSight,
    Pruning,
    needs_reports,
    needs_rungs,
    pruning_of,
)
from hptui.domain.methods.asked_methods import parse_pruner
from hptui.errors import OptionError
from hptui.figures.canvas.chart import LegendEntry, Mark
from hptui.figures.canvas.figure import entry
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.points import Points, thin_line
from hptui.storage.read.pruner_inputs import MAX_REPORTS, PrunerInputs
from hptui.storage.read.study_facts import read_facts

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.analysis.axis import Axis
    from hptui.analysis.pruning.thresholds import Threshold
    from hptui.figures.canvas.picture import Look
    from hptui.storage.read.pruner_inputs import StoredReports


_WIDTH_FOR_NAMES: Final = 100
_MORE: Final = re.compile(r" of |, ")
"""What follows in the name of a threshold says of what it is, or when it holds."""


def threshold_lines(pruning: Pruning, x_axis: Axis, y_axis: Axis, columns: int) -> list[Line]:
    """Return the thresholds that hold at every step, in a field of so many columns."""
    lines: list[Line] = []
    for each in pruning.thresholds:
        if not each.is_rungs:
            points = thin_line(_points(_in_sight(each, x_axis, y_axis), x_axis, y_axis), columns)
            lines.append(Line(points, "target", is_fine=True))
    return lines


def threshold_marks(pruning: Pruning, x_axis: Axis, y_axis: Axis) -> list[Mark]:
    """Return a mark for each rung: hyperband's by the number of their bracket."""
    marks: list[Mark] = []
    for each in pruning.thresholds:
        if each.is_rungs:
            points = _points(_in_sight(each, x_axis, y_axis), x_axis, y_axis)
            for x, y in zip(points.x.tolist(), points.y.tolist(), strict=True):
                marks.append(Mark(x, y, "target", _rung_mark(each), _rung_mark(each, ascii=True)))
    return marks


def threshold_entries(
    pruning: Pruning,
    x_axis: Axis,
    y_axis: Axis,
    width: int,
    *,
    look: Look,
    importance: int,
    when: str = "",
) -> list[LegendEntry]:
    """Return what thresholds there are, or why there are none.

    Args:
        pruning: The thresholds.
        x_axis: Of the chart, as the next.
        y_axis: What is beyond it is out of sight.
        width: Of the chart; in a narrow one, names are without what they are of.
        look: What the terminal can show.
        importance: Of the entries of thresholds.
        when: Where it is not that of the moment of which the chart tells, a word for that.
    """
    entries: list[LegendEntry] = []
    for (full_name, is_upper), group in groupby(pruning.thresholds, _key):
        alike = list(group)
        if alike[0].is_rungs:
            mark = "".join(
                dict.fromkeys(_rung_mark(each, ascii=not look.unicode) for each in alike)
            )
        else:
            mark = look.fine_line
        levels = np.concatenate([each.curve.values for each in alike])
        name = _MORE.split(full_name)[0] if width < _WIDTH_FOR_NAMES else full_name
        if not np.isfinite(levels).any():
            text = f"all pruned, too few at the {name}"
        else:
            side = "above" if is_upper else "below"
            is_seen = any(len(_in_sight(each, x_axis, y_axis).steps) for each in alike)
            text = f"pruned {side}{when}: {name}{'' if is_seen else ', out of sight'}"
        entries.append(entry(importance, text, mark, "target"))
    if pruning.why_none:
        entries.append(entry(2, f"no threshold: {pruning.why_none}"))
    return entries


def _key(threshold: Threshold) -> tuple[str, bool]:
    return threshold.name, threshold.is_upper


def _rung_mark(threshold: Threshold, *, ascii: bool = False) -> str:  # noqa: A002 - as elsewhere
    if threshold.bracket is not None:
        return str(threshold.bracket) if threshold.bracket < len("0123456789") else "+"
    return ("v" if ascii else "▼") if threshold.is_upper else ("^" if ascii else "▲")


def _in_sight(threshold: Threshold, x_axis: Axis, y_axis: Axis) -> Curve:
    """Return the part that is between the ends of both axes."""
    steps, values = threshold.curve.steps, threshold.curve.values
    is_seen = (values >= y_axis.low) & (values <= y_axis.high)
    is_seen &= (steps >= x_axis.low) & (steps <= x_axis.high)
    return Curve(steps[is_seen], values[is_seen])


def _points(curve: Curve, x_axis: Axis, y_axis: Axis) -> Points:
    return Points(x_axis.place(curve.steps.astype(np.float64)), y_axis.place(curve.values))


_NO_REPORTS: Final = CompleteReports(
    np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), n_trials=0
)
_NO_RUNGS: Final = RungValues(np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0))


class _StudyPruning:
    """One study's pruner and what it goes by; what was read and sorted once is kept."""

    def __init__(self, path: Path, study_name: str) -> None:
        self.inputs = PrunerInputs(path, study_name)
        self._stored: StoredReports | None = None
        self._reports = _NO_REPORTS

    def read(self, trial: JudgedTrial | None) -> Pruning:
        inputs = self.inputs
        directions = inputs.directions()
        if len(directions) != 1:
            return Pruning()
        text = read_facts(inputs.path, inputs.study_name, 1).pruner
        if not text:
            return Pruning(why_none="no pruner is recorded")
        try:
            pruner = parse_pruner(text)
        except OptionError:
            return Pruning(why_none="hptui does not know its pruner")
        reports = self._read_reports() if needs_reports(pruner) else _NO_REPORTS
        if reports is None:
            return Pruning(why_none=f"there are more than {MAX_REPORTS:,} reports")
        rungs = _NO_RUNGS
        if needs_rungs(pruner):
            found = inputs.rungs()
            rungs = RungValues(found.numbers, found.rungs, found.values)
        return pruning_of(
            PrunerSight(inputs.study_name, directions[0], reports, rungs, trial), pruner
        )

    def _read_reports(self) -> CompleteReports | None:
        stored = self.inputs.reports()
        if stored is None:
            return None
        if stored is not self._stored:
            self._stored = stored
            self._reports = CompleteReports(
                stored.trial_ids, stored.steps, stored.values, stored.n_trials
            )
        return self._reports


_lock = threading.Lock()
_latest: list[_StudyPruning] = []
"""The study that was asked for last."""


def is_pruning_known(path: Path, study_name: str) -> bool:
    """Say whether `read_pruning` has what it read of this study before."""
    return any((each.inputs.path, each.inputs.study_name) == (path, study_name) for each in _latest)


def read_pruning(path: Path, study_name: str, trial: JudgedTrial | None = None) -> Pruning:
    """Return where the pruner of a study's latest run ends trials, or one of them.

    It may take a second when a large study is asked for first; what was read is kept.

    Raises:
        StudyFileError: The file or study is not there, or cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    with _lock:
        if not is_pruning_known(path, study_name):
            _latest[:] = [_StudyPruning(path, study_name)]
        return _latest[0].read(trial)

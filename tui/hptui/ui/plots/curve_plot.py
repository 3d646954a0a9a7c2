"""The plot of one trial's intermediate values, which are read in a thread of its own."""

from __future__ import annotations

import operator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hptui.analysis.pruning.curves import Curve, median_curve
from hptui.analysis.pruning.thresholds import JudgedTrial, Pruning
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.figures.thresholds import is_pruning_known, read_pruning
from hptui.figures.trial_curve import CurveSource, draw_curve
from hptui.storage.read.reports import CurveReader, Reports, TrialReports
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.plots.charts_thread import ChartThread
from hptui.ui.plots.plot import Plot

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Unpack

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.ui.widgets.pane_title import WidgetName


class CurvePlot(Plot):
    """What one trial reported at each step, against the median of complete ones."""

    @dataclass
    class Read(LatestMessage):
        """The reports of a trial were read, or could not be."""

        plot: CurvePlot
        source: CurveSource | None
        trouble: str

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(**naming)
        self._wanted: tuple[Path, str, int, int] | None = None
        self._is_log = False
        self._source: CurveSource | None = None
        self._readings = ChartThread("hptui-curves")
        # The thread of readings alone uses these.
        self._reader: CurveReader | None = None
        self._others: tuple[Reports, ...] = ()
        self._former_median = Curve.empty()

    def show(
        self, path: Path, study_name: str, number: int, revision: int, *, is_log: bool = False
    ) -> None:
        """Show a trial's curve; it is read again when `revision` has changed.

        Until another trial's curve was read, the former one stays.
        """
        wanted = (path, study_name, number, revision)
        if is_log != self._is_log:
            self._is_log = is_log
            self._show_source()
        if wanted == self._wanted:
            return
        self._wanted = wanted
        self._readings.submit(
            "curve", lambda: self._read(path, study_name, number), self.post_from_thread
        )

    def clear(self) -> None:
        """Show nothing, because no trial is selected."""
        self._wanted = None
        self._readings.forget("curve")
        self._source = None
        self.show_sentence("No trial is selected.")

    def on_unmount(self) -> None:
        self._readings.stop(self._close_reader, timeout_s=0.0)

    def on_curve_plot_read(self, message: Read) -> None:
        message.stop()
        if self._wanted is None:
            return
        if message.source is not None:
            self._source = message.source
            self._show_source()
            return
        shown, wanted = self._source, self._wanted
        # The next showing tries again.
        self._wanted = None
        if shown is None or shown.number != wanted[2]:
            self._source = None
            self.show_sentence(message.trouble)

    def _show_source(self) -> None:
        source, is_log = self._source, self._is_log
        if source is None:
            return

        def draw(width: int, height: int, look: Look) -> Figure:
            return draw_curve(source, width=width, height=height, look=look, is_log=is_log)

        self.show_chart(draw)

    def _read(self, path: Path, study_name: str, number: int) -> CurvePlot.Read:
        reader = self._reader
        if reader is None or (reader.path, reader.study_name) != (path, study_name):
            self._close_reader()
            reader = self._reader = CurveReader(path, study_name)
        try:
            found = reader.read(number)
            own, median = _curve(found.own), self._median(found.others)
            source = CurveSource(number, found.state, own, median, len(found.others))
            if not is_pruning_known(path, study_name):
                # That takes a while in a large study, and the curve need not wait for it.
                self.post_from_thread(self.Read(self, source, ""))
            source = replace(source, pruning=_pruning(path, study_name, found))
        except HptuiError as error:
            return self.Read(self, None, safe_line(error.message))
        return self.Read(self, source, "")

    def _median(self, others: tuple[Reports, ...]) -> Curve:
        """Return the median, the former one as long as it is that of the same trials."""
        before = self._others
        if len(before) != len(others) or any(map(operator.is_not, before, others)):
            self._others = others
            self._former_median = median_curve([_curve(reports) for reports in others])
        return self._former_median

    def _close_reader(self) -> None:
        if self._reader is not None:
            self._reader.close()


def _curve(reports: Reports) -> Curve:
    return Curve(reports.steps, reports.values)


def _pruning(path: Path, study_name: str, found: TrialReports) -> Pruning:
    """Return where the trial is pruned; nothing of one that has not reported."""
    if not len(found.own.steps):
        return Pruning()
    trial = JudgedTrial(found.number, _curve(found.own), found.state == "COMPLETE")
    return read_pruning(path, study_name, trial)

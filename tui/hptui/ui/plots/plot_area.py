"""The plots above a study's trials: which view they show, and when they are drawn."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final, cast

from textual import getters, on
from textual.containers import Horizontal, Vertical
from textual.message import Message

from hptui.domain.texts.readable import plural
from hptui.figures.request import value_name
from hptui.trials import NO_STEP
from hptui.ui.application.services import ServingApp
from hptui.ui.plots.curve_plot import CurvePlot
from hptui.ui.plots.history_plot import HistoryPlot
from hptui.ui.plots.last_seen import LastSeen
from hptui.ui.plots.plot import Plot
from hptui.ui.plots.shown_trials import ShownTrials, Zoom
from hptui.ui.plots.trial_plot import TrialPlot
from hptui.ui.plots.view_options import ViewOptions
from hptui.ui.plots.view_plot import ViewPlot
from hptui.ui.plots.views import OVERVIEW, VIEWS, View
from hptui.ui.trial.gauges import GaugeMaker, gauge_lines, legend_lines
from hptui.ui.trial.trial_lines import in_short
from hptui.ui.trials.trial_table import TrialTable
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.line_view import LineView
from hptui.ui.widgets.pane_title import pane_title
from hptui.ui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult
    from textual.timer import Timer
    from textual.widget import Widget

    from hptui.analysis.region import Region
    from hptui.figures.kinds import Kind
    from hptui.trials import BoolArray
    from hptui.ui.study.snapshot import StudySnapshot

_SETTLE_S: Final = 0.1
_PAUSE_S_A_TRIAL: Final = 1e-5
_MAX_PAUSE_S: Final = 2.0
_STEP_LINES: Final = 2
_MIN_LINES: Final = 6
_LEAST_LINES: Final = 4
"""In the smallest terminal, so that the table shows a row."""
_LINES_FOR_TABLE: Final = 6
"""The rule, the counts by state, the names of columns, and a few trials."""
_VIEW_PART: Final = "55%"
"""Of the column, for a view of which nobody gave the height."""
_VIEW_LINES: Final = 13
"""The same in a low terminal."""
_STEP_PERCENT: Final = 5
_CURVE_PERCENT: Final = (20, 40, 80)
"""The least share of the second plot, the usual one, and the most."""


class PlotColumn(Vertical):
    """Plots with a table below them, which keeps some lines however low the terminal becomes."""

    def on_resize(self) -> None:
        """Give the plots the room that is there now."""
        self.query_one(PlotArea).fit()


class PlotArea(Vertical):
    """The overview, or the figure of another view; they follow the cursor of the table."""

    app = getters.app(ServingApp)

    @dataclass
    class Settled(Message):
        """The plots are being drawn for a trial on which the cursor has come to rest."""

        selected: int | None

    @dataclass
    class ViewChosen(Message):
        """The name of a view was clicked."""

        view: View

    def __init__(self, snapshot: StudySnapshot, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._snapshot = snapshot
        self._shown = ShownTrials(snapshot)
        self._selected: int | None = None
        self._view = OVERVIEW
        self._turns: dict[str, int] = {}
        self._options: dict[str, ViewOptions] = {}
        self._zoom = Zoom()
        self._seen = LastSeen()
        self._is_curve_log = False
        self._lines: dict[str, int] = {}
        """Heights that a person gave, of the overview and of the other views."""
        self._room = 0
        """How high they may be now; 0 as long as that is not known."""
        self._sizes: tuple[int | str | None, int | str | None] = None, None
        self._curve_width: str | None = None
        self._curve_percent: int | None = None
        self._drawing: Timer | None = None
        self._drawn_at_s = 0.0
        self._maker = GaugeMaker()
        self._has_reports = True

    def compose(self) -> ComposeResult:
        """Lay out the names of the views, and the plots."""
        yield TabLine([(view.name, view.label_for(1)) for view in VIEWS], id="views")
        with Horizontal(id="overview"):
            yield HistoryPlot(id="history", classes="pane")
            with Vertical(id="second"):
                yield CurvePlot(id="curve", classes="pane")
                yield LineView(id="gauges", classes="pane")
        yield ViewPlot(id="view", classes="pane")

    def on_unmount(self) -> None:
        """Keep up to which trial the person has looked."""
        self._seen.keep(self._snapshot)

    def on_mount(self) -> None:
        """Name the panes, and let them take the focus."""
        self.query_one(HistoryPlot).set_title("history")
        self.query_one(CurvePlot).border_title = pane_title("curve")
        for plot in self.query(Plot):
            plot.can_focus = True

    @property
    def view(self) -> View:
        return self._view

    @property
    def snapshot(self) -> StudySnapshot:
        """The moment that is shown."""
        return self._snapshot

    @property
    def selected(self) -> int | None:
        """The number of the trial under the cursor."""
        return self._selected

    @property
    def kind(self) -> Kind | None:
        """The kind of figure that is shown; None for history and curve."""
        n_objectives = len(self._snapshot.trials.directions)
        return self._view.kind_at(self._turns.get(self._view.name, 0), n_objectives)

    @property
    def options(self) -> ViewOptions:
        """What was chosen for the view that is shown."""
        return self._options.get(self._view.name, ViewOptions())

    @options.setter
    def options(self, options: ViewOptions) -> None:
        self._options[self._view.name] = options
        self._draw()

    @property
    def main_plot(self) -> TrialPlot:
        """The plot that the view is about."""
        return self.query_one(HistoryPlot if self.kind is None else ViewPlot)

    @property
    def second_plot(self) -> Widget:
        """What stands beside the history: a curve, or parameters where nothing reports."""
        return self.query_one("#curve" if self._has_reports else "#gauges")

    @property
    def has_gauges(self) -> bool:
        """Whether the parameters of the trial under the cursor are in sight here."""
        is_history = self.kind is None
        return is_history and not self._has_reports and self.query_one("#second").display

    @property
    def arrangement(self) -> dict[str, object]:
        """What a person has arranged, to be remembered."""
        return {"lines": self._lines, "curve_percent": self._curve_percent}

    def take_arrangement(self, arrangement: Mapping[str, object]) -> None:
        """Take what was remembered; what makes no sense is left out."""
        lines, percent = arrangement.get("lines"), arrangement.get("curve_percent")
        if isinstance(lines, dict):
            known = cast("dict[str, object]", lines).items()
            self._lines = {name: each for name, each in known if isinstance(each, int)}
        if isinstance(percent, int):
            self._curve_percent = percent
        self._apply_sizes()

    def grow(self, steps: int) -> None:
        """Make the plots taller, or the second plot wider where that has the focus."""
        if self.query_one("#second").has_focus_within:
            percent = self._curve_percent or _CURVE_PERCENT[1]
            self._curve_percent = percent + steps * _STEP_PERCENT
        else:
            lines = self.size.height + steps * _STEP_LINES
            self._lines[self._height_name] = max(_MIN_LINES, min(lines, self._room))
        self._apply_sizes()

    @property
    def _height_name(self) -> str:
        return OVERVIEW.name if self._view is OVERVIEW else "views"

    def fit(self) -> None:
        """Leave room for the table, and for what stands below it."""
        below = [each for each in self.siblings if each.display and not each.query(TrialTable)]
        taken = _LINES_FOR_TABLE + sum(each.outer_size.height for each in below)
        room = max(_LEAST_LINES, cast("Widget", self.parent).size.height - taken)
        if room != self._room:
            self._room = room
            self._apply_sizes()

    def _apply_sizes(self) -> None:
        sizes = self._height()
        if sizes != self._sizes:
            # Setting the same again would have the whole screen laid out.
            self._sizes = sizes
            self.styles.height, self.styles.max_height = sizes
        second = self.query_one("#second")
        percent = self._curve_percent
        if percent is not None:
            least, _, most = _CURVE_PERCENT
            percent = self._curve_percent = max(least, min(percent, most))
        # On a narrow screen it has the place of the other plot.
        is_beside = percent is not None and not self.screen.has_class("-narrow")
        width = f"{percent}%" if is_beside else None
        if width != self._curve_width:
            self._curve_width = width
            second.styles.width = width

    def _height(self) -> tuple[int | str | None, int | str | None]:
        """Return height and greatest height; None leaves it to the styles of the overview."""
        lines, room = self._lines.get(self._height_name), self._room
        if lines is not None:
            # What was asked for is kept, for when there is room again.
            lines = min(max(_MIN_LINES, lines), room) if room else lines
            return lines, lines
        is_short = self.screen.has_class("-short")
        usual = None
        if self._view is not OVERVIEW:
            usual = _VIEW_LINES if is_short else _VIEW_PART
        most = room if is_short and room else None
        return usual, most or (None if usual is None else "100%")

    def show(self, snapshot: StudySnapshot, shown: ShownTrials, selected: int | None) -> None:
        """Draw another moment: now, or later where plots of many trials have just been drawn."""
        self._snapshot, self._shown, self._selected = snapshot, shown, selected
        for plot in (self.query_one(HistoryPlot), self.query_one(ViewPlot)):
            plot.set_share(shown.share)
            plot.is_part = bool(shown.share)
        self._name_views()
        # How many objectives there are is known with the first trials.
        self._show_its_plots()
        self.fit()
        if self._drawing is not None:
            return
        pause_s = min(_MAX_PAUSE_S, snapshot.n_trials * _PAUSE_S_A_TRIAL)
        wait_s = self._drawn_at_s + pause_s - time.monotonic()
        if wait_s > 0:
            self._drawing = call_after(self, wait_s, self._draw)
        else:
            self._draw()

    def follow(self, selected: int | None) -> None:
        """Mark the trial under the cursor, once that stands still."""
        self._selected = selected
        # Drawing at each step of a cursor that is being moved would compete with the keys.
        if self._drawing is not None:
            self._drawing.stop()
        self._drawing = call_after(self, _SETTLE_S, self._draw)

    def show_view(self, view: View) -> None:
        """Show another view; the next of its figures, where it is shown already."""
        if view is self._view:
            self._turns[view.name] = self._turns.get(view.name, 0) + 1
            if self.kind is not None and "evaluator" in self.kind.options:
                self._options[view.name] = self.options.with_next_evaluator()
        self._view = view
        for plot in self.query(TrialPlot):
            plot.set_brush(None)
        self._show_its_plots()
        self._apply_sizes()
        self._name_views()
        self._draw()

    def _show_its_plots(self) -> None:
        # With a class all styles of all that is inside would be worked out anew.
        is_history = self.kind is None
        self.query_one("#overview").display = is_history
        self.query_one("#view").display = not is_history

    def toggle_log(self) -> None:
        """Use a log axis, or a linear one, for the plot in focus, else for the view."""
        if self.query_one(CurvePlot).has_focus:
            self._is_curve_log = not self._is_curve_log
            self._draw()
        else:
            self.options = replace(self.options, is_log=not self.options.is_log)

    def zoom_in(self) -> None:
        """Show the later half of the history."""
        self._zoom.zoom_in(self._last_number)
        self._draw()

    def zoom_out(self) -> None:
        """Show twice as much of the history."""
        self._zoom.zoom_out(self._last_number)
        self._draw()

    @on(TrialPlot.TrialPicked)
    def _say_which(self, message: TrialPlot.TrialPicked) -> None:
        # A drawing may come before the screen has heard of it, and must not mark the one before.
        self._selected = message.number
        message.plot.acknowledge(message, in_short(self._snapshot, message.number))

    @on(TrialPlot.Brushed)
    def _say_what_is_marked(self, message: TrialPlot.Brushed) -> None:
        message.stop()
        plot = message.plot
        region = plot.marked_region
        if region is not None and plot.brush is not None:
            act = "enter takes it" if plot.brush.is_stretched else "enter fixes its corner"
            inside = self.inside(region)
            n_inside = int(inside.sum())
            counted = f"{n_inside:,} of {plural(len(inside), 'trial')}"
            plot.tell_brush(f"{counted} in {self.told(region)}   {act}, esc leaves")

    def told(self, region: Region) -> str:
        """Return what a region holds, safe for a terminal."""
        snapshot = self._snapshot
        count = len(snapshot.trials.directions)
        return region.told([value_name(snapshot.metric_names, count, at) for at in range(count)])

    def inside(self, region: Region) -> BoolArray:
        """Say which trials of the study lie in a region, of those that the plots show."""
        snapshot, chosen = self._snapshot, self._shown.is_chosen
        inside = region.rows(snapshot.trials, snapshot.metric_names)
        return inside if chosen is None or len(chosen) != len(inside) else inside & chosen

    @on(TabLine.Chosen)
    def _choose_view(self, message: TabLine.Chosen) -> None:
        message.stop()
        view = next(view for view in VIEWS if view.name == message.tab)
        self.post_message(self.ViewChosen(view))

    @property
    def _last_number(self) -> int:
        snapshot = self._snapshot
        return int(snapshot.trials.numbers[-1]) if snapshot.n_trials else 0

    def _name_views(self) -> None:
        n_objectives = len(self._snapshot.trials.directions)
        line = self.query_one("#views", TabLine)
        names = [(view.name, view.label_for(n_objectives)) for view in VIEWS]
        line.show(
            names, frozenset(each.name for each in VIEWS if not each.disabled_reason(n_objectives))
        )
        line.chosen = self._view.name

    def _draw(self) -> None:
        if self._drawing is not None:
            self._drawing.stop()
        self._drawing = None
        self._drawn_at_s = time.monotonic()
        kind, selected = self.kind, self._selected
        about = "" if selected is None else in_short(self._snapshot, selected)
        for plot in self.query(TrialPlot):
            plot.mark(selected, about)
        if kind is None:
            self.query_one(ViewPlot).rest()
            self._draw_history()
            self._draw_second()
        elif self._snapshot.history is not None:
            self.query_one(ViewPlot).show(self._shown, kind, self.options)
        self.post_message(self.Settled(self._selected))

    def _draw_history(self) -> None:
        snapshot, options = self._snapshot, self._options.get(OVERVIEW.name, ViewOptions())
        engine = snapshot.engine
        objective = options.objective or 0
        self.query_one(HistoryPlot).show(
            snapshot,
            shown=self._shown,
            objective=objective,
            target=None if engine is None or objective else engine.target,
            is_log=options.is_log,
            window=self._zoom.window(self._last_number),
            first_unseen=self._seen.first_unseen(snapshot),
        )

    def _draw_second(self) -> None:
        """Draw the curve of the trial under the cursor; where none reports, its parameters."""
        steps = self._snapshot.trials.last_steps
        has_reports = not len(steps) or bool((steps != NO_STEP).any())
        curve, gauges = self.query_one(CurvePlot), self.query_one("#gauges", LineView)
        if has_reports != self._has_reports:
            self._has_reports = has_reports
            curve.display, gauges.display = has_reports, not has_reports
            if self.screen.maximized in (curve, gauges):
                self.screen.maximized = self.second_plot
                self.second_plot.focus()
        if has_reports:
            self._draw_curve(curve)
        else:
            self._draw_gauges(gauges)

    def _draw_gauges(self, view: LineView) -> None:
        snapshot, selected = self._snapshot, self._selected
        title = pane_title("parameters" if selected is None else f"#{selected}")
        if view.border_title != title:
            view.border_title = title
        width = view.scrollable_content_region.width
        if selected is None or not width:
            view.show([[("No trial is selected.", "note")]])
            return
        has_unicode = self.app.services.unicode
        found = self._maker.make(snapshot, selected)
        lines = gauge_lines(found, width, has_unicode=has_unicode)
        n_objectives = len(snapshot.trials.directions)
        legend = legend_lines(found, n_objectives, has_unicode=has_unicode)
        view.show([*lines, [], *legend] if legend else lines)

    @on(LineView.Resized, "#gauges")
    def _fit_gauges(self, message: LineView.Resized) -> None:
        message.stop()
        self._draw_gauges(message.view)

    def _draw_curve(self, curve: CurvePlot) -> None:
        snapshot, selected = self._snapshot, self._selected
        title = pane_title("curve" if selected is None else f"#{selected}")
        if curve.border_title != title:
            curve.border_title = title
        if selected is None or snapshot.loading is not None:
            curve.clear()
        else:
            curve.show(
                snapshot.path,
                snapshot.name,
                selected,
                snapshot.revision,
                is_log=self._is_curve_log,
            )

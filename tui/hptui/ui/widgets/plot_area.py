"""The plots above a study's trials, and when they are drawn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual.containers import Horizontal
from textual.message import Message

from hptui.ui.data.zoom import Zoom
from hptui.ui.panes import pane_title
from hptui.ui.widgets.curve_plot import CurvePlot
from hptui.ui.widgets.history_plot import HistoryPlot

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.timer import Timer

    from hptui.ui.data.snapshot import StudySnapshot

_SETTLE_S: Final = 0.1
_PAUSE_S_A_TRIAL: Final = 1e-5
_MAX_PAUSE_S: Final = 2.0


class PlotArea(Horizontal):
    """The history of a study, and the curve of the trial under the cursor of its table."""

    @dataclass
    class Settled(Message):
        """The plots are being drawn for a trial on which the cursor has come to rest."""

        selected: int | None

    def __init__(self, snapshot: StudySnapshot, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._snapshot = snapshot
        self._selected: int | None = None
        self._zoom = Zoom()
        self._is_log = False
        self._is_curve_log = False
        self._drawing: Timer | None = None
        self._drawn_at_s = 0.0

    def compose(self) -> ComposeResult:
        """Lay the plots out side by side."""
        yield HistoryPlot(id="history", classes="pane")
        yield CurvePlot(id="curve", classes="pane")

    def on_mount(self) -> None:
        """Name the panes."""
        self.query_one(HistoryPlot).border_title = pane_title("history")
        self.query_one(CurvePlot).border_title = pane_title("curve")

    def show(self, snapshot: StudySnapshot, selected: int | None) -> None:
        """Draw another moment: now, or later where plots of many trials have just been drawn."""
        self._snapshot, self._selected = snapshot, selected
        if self._drawing is not None:
            return
        pause_s = min(_MAX_PAUSE_S, snapshot.n_trials * _PAUSE_S_A_TRIAL)
        wait_s = self._drawn_at_s + pause_s - time.monotonic()
        if wait_s > 0:
            self._drawing = self.set_timer(wait_s, self._draw)
        else:
            self._draw()

    def follow(self, selected: int | None) -> None:
        """Mark the trial under the cursor, once that stands still."""
        self._selected = selected
        # Drawing at each step of a cursor that is being moved would compete with the keys.
        if self._drawing is not None:
            self._drawing.stop()
        self._drawing = self.set_timer(_SETTLE_S, self._draw)

    def toggle_log(self) -> None:
        """Use a log axis, or a linear one, for the plot in focus, else for the history."""
        if self.query_one(CurvePlot).has_focus:
            self._is_curve_log = not self._is_curve_log
        else:
            self._is_log = not self._is_log
        self._draw()

    def zoom_in(self) -> None:
        """Show the later half of the history."""
        self._zoom.zoom_in(self._last_number)
        self._draw()

    def zoom_out(self) -> None:
        """Show twice as much of the history."""
        self._zoom.zoom_out(self._last_number)
        self._draw()

    @property
    def _last_number(self) -> int:
        snapshot = self._snapshot
        return int(snapshot.numbers[-1]) if snapshot.n_trials else 0

    def _draw(self) -> None:
        self._drawing = None
        self._drawn_at_s = time.monotonic()
        snapshot, selected = self._snapshot, self._selected
        engine = snapshot.engine
        self.query_one(HistoryPlot).show(
            snapshot,
            selected=selected,
            target=None if engine is None else engine.target,
            is_log=self._is_log,
            window=self._zoom.window(self._last_number),
        )
        self._draw_curve()
        self.post_message(self.Settled(selected))

    def _draw_curve(self) -> None:
        snapshot, selected = self._snapshot, self._selected
        curve = self.query_one(CurvePlot)
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

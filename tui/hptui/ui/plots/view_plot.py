"""The figure of a view: computed in a thread of its kind, drawn in that of all charts."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from textual.message import Message

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.figures.request import Frame
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.plots.charts_thread import ChartThread
from hptui.ui.plots.trial_plot import TrialPlot
from hptui.ui.widgets.later import call_after

if TYPE_CHECKING:
    from typing import Unpack

    from textual.timer import Timer

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.figures.kinds import Kind
    from hptui.figures.request import TitledFigure
    from hptui.ui.plots.shown_trials import ShownTrials
    from hptui.ui.plots.view_options import ViewOptions
    from hptui.ui.widgets.pane_title import WidgetName

_PAUSE_S: Final = 10.0
"""Between two computations of an expensive figure for new trials, as the next."""
_PAUSES: Final = 10.0
"""In times that the last one took."""
_PATIENCE_S: Final = 0.3
"""A figure that is there sooner needs no sentence about its computation."""


@dataclass(frozen=True, slots=True, eq=False)
class _Asked:
    """A figure that was asked for."""

    kind: Kind
    options: ViewOptions
    shown: ShownTrials

    def is_same(self, other: _Asked | None) -> bool:
        return self.is_alike(other) and other is not None and self.shown.key == other.shown.key

    def is_alike(self, other: _Asked | None) -> bool:
        """Say whether another one differs at most in its trials, and can stand in for this one.

        Nobody is to look for long at an expensive figure of trials that another filter chose.
        """
        if other is None or (self.kind, self.options) != (other.kind, other.options):
            return False
        return not self.kind.is_expensive or self.shown.filter_text == other.shown.filter_text


class _UnwantedError(Exception):
    """The figure that is computed is no longer asked for."""


class ViewPlot(TrialPlot):
    """Shows one kind of figure of a study at a time."""

    @dataclass
    class Computed(Message):
        """A figure is ready to be drawn, or cannot be."""

        plot: ViewPlot
        asked: _Asked
        figure: TitledFigure | None
        trouble: str
        took_s: float = 0.0

    @dataclass
    class Told(LatestMessage):
        """A computation that takes long says how far it is."""

        plot: ViewPlot
        asked: _Asked
        text: str

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(**naming)
        self._asked: _Asked | None = None
        self._figure: TitledFigure | None = None
        self._figure_asked: _Asked | None = None
        """What the figure is the answer to."""
        self._is_resting = False
        self._drawn_for: int | None = None
        self._waiting: Timer | None = None
        self._expensive_again: Timer | None = None
        self._expensive_at_s = 0.0
        # A kind that takes long must not keep the others waiting.
        self._threads: dict[str, ChartThread] = {}

    def show(self, shown: ShownTrials, kind: Kind, options: ViewOptions) -> None:
        """Show a figure; it is computed only when it differs from the one that is shown.

        Until it is there, the former one of the same kind stays. The marked trial is marked.
        """
        self._is_resting = False
        before, asked = self._asked, _Asked(kind, options, shown)
        if asked.is_same(before):
            if self.marked != self._drawn_for:
                self._draw_figure()
            return
        if self._is_too_soon(asked, before):
            return
        self._asked = asked
        if not asked.is_alike(before):
            self._figure = None
            self.show_nothing()
            self.set_title(kind.name)
            self._be_patient()
        thread = self._threads.setdefault(kind.name, ChartThread(f"hptui-{kind.name}"))
        thread.submit(
            "figure",
            lambda: self._compute(asked),
            self.post_from_thread,
            lambda error: self._take_failure(asked, error),
        )

    def rest(self) -> None:
        """End a computation whose figure nobody waits for any more."""
        self._stop_expensive()
        self._is_resting = True
        if self._figure is None:
            self._stop_waiting()
        self._asked = None if self._figure is None else self._figure_asked

    def on_unmount(self) -> None:
        """End the threads, and what they compute."""
        super().on_unmount()
        self._asked = None
        for thread in self._threads.values():
            thread.stop(timeout_s=0.0)

    def on_view_plot_computed(self, message: Computed) -> None:
        """Draw what was computed, if it is still wanted."""
        message.stop()
        if not message.asked.is_alike(self._asked):
            return
        self._stop_waiting()
        if message.asked.kind.is_expensive:
            pause_s = max(_PAUSE_S, _PAUSES * message.took_s)
            self._expensive_at_s = time.monotonic() + pause_s
        self._figure, self._figure_asked = message.figure, message.asked
        if message.figure is None:
            self.show_sentence(message.trouble)
            return
        self.set_title(message.figure.title)
        self._draw_figure()

    def on_view_plot_told(self, message: Told) -> None:
        """Say how far the computation is, in the place of the figure that is not there yet."""
        message.stop()
        if message.asked.is_alike(self._asked) and self._figure is None:
            self._stop_waiting()
            self.show_sentence(message.text)

    def _is_too_soon(self, asked: _Asked, before: _Asked | None) -> bool:
        """Say whether new trials must wait, because an expensive figure was computed just now."""
        self._stop_expensive()
        wait_s = self._expensive_at_s - time.monotonic()
        is_new = (
            before is not None and asked.shown.snapshot.revision != before.shown.snapshot.revision
        )
        is_soon = wait_s > 0 and is_new and asked.kind.is_expensive and asked.is_alike(before)
        if not is_soon or self._figure is None:
            return False
        self._expensive_again = call_after(
            self, wait_s, lambda: self.show(asked.shown, asked.kind, asked.options)
        )
        if self.marked != self._drawn_for:
            self._draw_figure()
        return True

    def _stop_expensive(self) -> None:
        if self._expensive_again is not None:
            self._expensive_again.stop()
            self._expensive_again = None

    def _take_failure(self, asked: _Asked, error: Exception) -> None:
        if not isinstance(error, _UnwantedError):
            trouble = f"The figure cannot be computed: {safe_line(str(error))}"
            self.post_from_thread(self.Computed(self, asked, None, trouble))

    def _compute(self, asked: _Asked) -> Computed:
        began_s = time.monotonic()

        def tell(text: str) -> None:
            if self._is_resting or not asked.is_alike(self._asked):
                raise _UnwantedError
            self.post_from_thread(self.Told(self, asked, text))

        try:
            chooser = self.app.services.first_key_of("choose")
            request = asked.options.request(asked.shown.plotted(), asked.kind, tell, chooser)
            figure = next(asked.kind.figures(request))
        except HptuiError as error:
            return self.Computed(self, asked, None, safe_line(error.message))
        return self.Computed(self, asked, figure, "", time.monotonic() - began_s)

    def _draw_figure(self) -> None:
        figure, selected = self._figure, self.marked
        if figure is None:
            return
        self._drawn_for = selected

        def draw(width: int, height: int, look: Look) -> Figure:
            return figure.draw(Frame(width, height, look, selected))

        self.show_chart(draw)

    def _be_patient(self) -> None:
        self._stop_waiting()
        self._waiting = call_after(self, _PATIENCE_S, self._say_it_takes_time)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.stop()
            self._waiting = None

    def _say_it_takes_time(self) -> None:
        asked = self._asked
        if asked is not None and self._figure is None:
            self.show_sentence(f"Analyzing {plural(asked.shown.n_trials, 'trial')}…")

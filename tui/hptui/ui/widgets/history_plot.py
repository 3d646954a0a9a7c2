"""The plot of a study's history; a click picks a trial."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.message import Message

from hptui.charts.history_chart import HistoryPicture, draw_history, history_source
from hptui.ui.widgets.plot import Plot

if TYPE_CHECKING:
    from textual import events

    from hptui.ui.data.snapshot import StudySnapshot


class HistoryPlot(Plot):
    """The values of a study's trials by number, and the best so far."""

    @dataclass
    class TrialPicked(Message):
        """A trial was clicked."""

        plot: HistoryPlot
        number: int

        @property
        def control(self) -> HistoryPlot:
            """The plot."""
            return self.plot

    def __init__(
        self,
        *,
        id: str | None = None,  # noqa: A002 - Textual's name for it
        classes: str | None = None,
    ) -> None:
        super().__init__(id=id, classes=classes)
        self._shown: tuple[object, ...] = ()

    def show(
        self,
        snapshot: StudySnapshot,
        *,
        selected: int | None = None,
        target: float | None = None,
        is_log: bool = False,
        window: tuple[int, int] | None = None,
    ) -> None:
        """Show the history of a snapshot; nothing is drawn when it would look the same.

        Args:
            snapshot: The study; with several objectives the first one is shown.
            selected: The number of a trial to mark.
            target: A value to mark.
            is_log: Whether values stand on a logarithmic axis.
            window: The first and the last trial number to show; without, all.
        """
        history = snapshot.history
        shown = (
            *(snapshot.path, snapshot.name, snapshot.revision, history is None),
            *(snapshot.loading, snapshot.trouble, selected, target, is_log, window),
        )
        if shown == self._shown:
            return
        if history is None or (snapshot.loading is not None and not snapshot.n_trials):
            self.show_sentence(_why_no_history(snapshot))
            self._shown = shown
            return

        def draw(width: int, height: int, unicode: bool) -> HistoryPicture:
            return draw_history(
                history_source(history, snapshot.numbers, snapshot.states, snapshot.last_values),
                width=width,
                height=height,
                unicode=unicode,
                is_log=is_log,
                target=target,
                selected=selected,
                window=window,
                n_objectives=len(snapshot.directions),
            )

        self._shown = shown
        self.show_chart(draw)

    def show_sentence(self, sentence: str) -> None:
        """Show a sentence instead of the history, until `show` is called again."""
        self._shown = ()
        super().show_sentence(sentence)

    def on_click(self, event: events.Click) -> None:
        """Pick the trial that is seen where the click was."""
        offset = event.get_content_offset(self)
        if offset is not None and isinstance(self.drawn, HistoryPicture):
            number = self.drawn.number_at(offset.x, offset.y)
            if number is not None:
                event.stop()
                self.post_message(self.TrialPicked(self, number))


def _why_no_history(snapshot: StudySnapshot) -> str:
    if snapshot.trouble and snapshot.loading is None:
        return snapshot.trouble
    if snapshot.loading is not None:
        done, total = snapshot.loading
        return f"Reading the trials: {done} of {total}."
    return "Reading the study."

"""A plot in which trials have their places; a click picks the nearest one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from textual.message import Message

from hptui.ui.widgets.plot import Plot

if TYPE_CHECKING:
    from textual import events


@runtime_checkable
class Pickable(Protocol):
    """A drawn chart that knows where its trials are."""

    def number_at(self, x: int, y: int) -> int | None:
        """Return the number of the trial that is seen nearest to a cell; None where none is."""
        ...


class TrialPlot(Plot):
    """A chart of trials."""

    @dataclass
    class TrialPicked(Message):
        """A trial was clicked."""

        plot: TrialPlot
        number: int

        @property
        def control(self) -> TrialPlot:
            """The plot."""
            return self.plot

    def on_click(self, event: events.Click) -> None:
        """Pick the trial that is seen where the click was."""
        offset = event.get_content_offset(self)
        if offset is not None and isinstance(self.drawn, Pickable):
            number = self.drawn.number_at(offset.x, offset.y)
            if number is not None:
                event.stop()
                self.post_message(self.TrialPicked(self, number))

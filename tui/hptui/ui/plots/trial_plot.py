"""A plot in which trials have their places: a cursor goes from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, cast, runtime_checkable

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from hptui.ui.plots.plot import Plot
from hptui.ui.widgets.naming import pane_title
from hptui.ui.widgets.role_styles import RoleStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from textual import events

    from hptui.figures.canvas.figure import Spots, Way
    from hptui.figures.canvas.picture import Look
    from hptui.ui.plots.plot import Drawn
    from hptui.ui.widgets.naming import Naming

_MAX_TITLE_CHARS: Final = 400


@runtime_checkable
class Pickable(Protocol):
    """A drawn chart that knows where its trials are."""

    @property
    def spots(self) -> Spots:
        """Where the trials are seen."""
        ...

    def number_at(self, x: int, y: int) -> int | None:
        """Return the number of the trial that is seen nearest to a cell; None where none is."""
        ...


class TrialPlot(Plot):
    """A chart of trials, one of which is marked; arrow keys and clicks pick another."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step('left')", show=False),
        Binding("right", "step('right')", show=False),
        Binding("up,k", "step('up')", show=False),
        Binding("down,j", "step('down')", show=False),
        Binding("enter", "open_trial", show=False),
    ]
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        **Plot.ROLE_STYLES,
        "cursor": RoleStyle("block-cursor-foreground", background="block-cursor-background"),
    }

    @dataclass
    class TrialPicked(Message):
        """The cursor was put on a trial."""

        plot: TrialPlot
        number: int

        @property
        def control(self) -> TrialPlot:
            """The plot."""
            return self.plot

    @dataclass
    class TrialOpened(Message):
        """The trial under the cursor is to be shown in full."""

        number: int

    def __init__(self, **naming: Unpack[Naming]) -> None:
        super().__init__(**naming)
        self._marked: int | None = None
        self._about = ""
        self._title = ""
        self._share = ""
        self._place: tuple[float, float] | None = None
        self._n_unheard = 0
        """Picks that nobody has heard of yet; what is told meanwhile is about former ones."""

    def show_chart(self, draw: Callable[[int, int, Look], Drawn]) -> None:
        """Show what `draw` returns, see `Plot.show_chart`."""

        def draw_and_sort(width: int, height: int, look: Look) -> Drawn:
            drawn = draw(width, height, look)
            if isinstance(drawn, Pickable):
                # Of very many spots this takes long, and the keys that need it must not wait.
                _ = drawn.spots.distinct
            return drawn

        super().show_chart(draw_and_sort)

    @property
    def marked(self) -> int | None:
        """The number of the trial under the cursor, whether it has a place here or not."""
        return self._marked

    def mark(self, number: int | None, about: str) -> None:
        """Put the cursor on a trial; `about` is what the rule above says of it while in focus."""
        if self._n_unheard:
            return
        if (number, about) != (self._marked, self._about):
            self._marked, self._about = number, about
            self._find_place()
            self._show_title()

    def acknowledge(self, picked: TrialPicked, about: str) -> None:
        """Take note that a pick was heard of, and say in the rule what it is."""
        self._n_unheard -= 1
        self.mark(picked.number, about)

    def set_title(self, title: str) -> None:
        """Say what is shown in the rule above."""
        if title != self._title:
            self._title = title
            self._show_title()

    def set_share(self, share: str) -> None:
        """Say behind the title which of the trials are shown; nothing where all are."""
        if share != self._share:
            self._share = share
            self._show_title()

    def action_step(self, way: str) -> None:
        """Go to the nearest trial that way; where none is marked, to the one nearest the middle."""
        drawn = self.drawn
        if not isinstance(drawn, Pickable):
            return
        spots = drawn.spots
        at = spots.place_of(self._marked, self._place)
        if at is None:
            number = drawn.number_at(self.size.width // 2, self.size.height // 2)
            self._pick(number, spots)
            return
        to = spots.beside(at, cast("Way", way))
        if to is not None:
            self._place = float(spots.columns[to]), float(spots.rows[to])
            self._pick(int(spots.numbers[to]), spots)

    def action_open_trial(self) -> None:
        """Have the trial under the cursor shown in full."""
        if self._marked is not None:
            self.post_message(self.TrialOpened(self._marked))

    def on_click(self, event: events.Click) -> None:
        """Pick the trial that is seen where the click was."""
        offset = event.get_content_offset(self)
        if offset is not None and isinstance(self.drawn, Pickable):
            number = self.drawn.number_at(offset.x, offset.y)
            if number is not None:
                event.stop()
                self._place = offset.x + 0.5, offset.y + 0.5
                self._pick(number, self.drawn.spots)

    def watch_has_focus(self, value: bool) -> None:
        """Say in the rule which trial is under the cursor, while there is one."""
        super().watch_has_focus(value)
        self._show_title()

    def on_plot_ready(self, message: Plot.Ready) -> None:
        """Find the cursor's place in another picture."""
        super().on_plot_ready(message)
        self._find_place()

    def render_line(self, y: int) -> Strip:
        """Draw one line, with the cursor where it stands."""
        strip = super().render_line(y)
        if not self.has_focus or self._place is None or int(self._place[1]) != y:
            return strip
        x = int(self._place[0])
        under = strip.crop(x, x + 1).text or " "
        style = self.style_of("cursor")
        return Strip.join([strip.crop(0, x), Strip([Segment(under, style)]), strip.crop(x + 1)])

    def _pick(self, number: int | None, spots: Spots) -> None:
        if number is None:
            return
        self._marked = number
        self._find_place(spots)
        self._n_unheard += 1
        self.post_message(self.TrialPicked(self, number))

    def _find_place(self, spots: Spots | None = None) -> None:
        if spots is None:
            spots = self.drawn.spots if isinstance(self.drawn, Pickable) else None
        at = None if spots is None else spots.place_of(self._marked, self._place)
        if spots is not None and at is not None:
            self._place = float(spots.columns[at]), float(spots.rows[at])
        else:
            self._place = None
        self.refresh()

    def _show_title(self) -> None:
        about = f"   {self._about}" if self.has_focus and self._about else ""
        share = f", {self._share}" if self._share else ""
        title = f"{self._title}{share}{about}"
        self.border_title = pane_title(title, max_chars=_MAX_TITLE_CHARS)

"""A plot in which trials have their places: a cursor goes from one to the next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final, Protocol, cast, runtime_checkable

from rich.segment import Segment
from rich.style import Style
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.strip import Strip

from hptui.figures.canvas.figure import Figure
from hptui.ui.plots.brush import Brush
from hptui.ui.plots.plot import Plot
from hptui.ui.widgets.pane_title import pane_title
from hptui.ui.widgets.role_styles import RoleStyle

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from textual import events

    from hptui.analysis.region import Region
    from hptui.figures.canvas.figure import Spots, Way
    from hptui.figures.canvas.picture import Look
    from hptui.figures.canvas.plane import Plane
    from hptui.ui.plots.plot import Drawn
    from hptui.ui.widgets.pane_title import WidgetName

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
    """A chart of trials, one of which is marked; arrow keys and clicks pick another.

    A region can be marked, too, where the chart has planes: by `start_brush`, then arrow keys and
    enter, or by dragging.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "step('left')", show=False),
        Binding("right", "step('right')", show=False),
        Binding("up,k", "step('up')", show=False),
        Binding("down,j", "step('down')", show=False),
        Binding("shift+left", "step('left', True)", show=False),
        Binding("shift+right", "step('right', True)", show=False),
        Binding("shift+up", "step('up', True)", show=False),
        Binding("shift+down", "step('down', True)", show=False),
        Binding("enter", "open_trial", show=False),
        Binding("escape", "leave_brush", show=False),
    ]
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        **Plot.ROLE_STYLES,
        "cursor": RoleStyle("block-cursor-foreground", background="block-cursor-background"),
        "brush": RoleStyle("chart-selected", background="block-cursor-blurred-background"),
    }

    @dataclass
    class TrialPicked(Message):
        """The cursor was put on a trial."""

        plot: TrialPlot
        number: int

        @property
        def control(self) -> TrialPlot:
            return self.plot

    @dataclass
    class TrialOpened(Message):
        """The trial under the cursor is to be shown in full."""

        number: int

    @dataclass
    class Brushed(Message):
        """Another region is marked, or what is marked lies in another picture."""

        plot: TrialPlot

    @dataclass
    class BrushTaken(Message):
        """The region is as it is to be."""

        region: Region

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(**naming)
        self.brush: Brush | None = None
        """The region that is being marked."""
        self.is_part = False
        """Whether a filter leaves trials out."""
        self._brush_text = ""
        self._pressed_at: tuple[int, int] | None = None
        """Where a mouse button went down."""
        self._is_dragged = False
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

    @property
    def planes(self) -> tuple[Plane, ...]:
        """Where a region can be marked now."""
        return self.drawn.planes if isinstance(self.drawn, Figure) else ()

    @property
    def marked_region(self) -> Region | None:
        """What is marked; None where nothing is."""
        plane = None if self.brush is None else self.brush.plane_in(self.planes)
        if self.brush is None or plane is None:
            return None
        return self.brush.region(plane, is_part=self.is_part)

    def start_brush(self) -> None:
        """Begin to mark a region at the cursor, or in the middle; go on with one that is begun."""
        if self.brush is not None:
            self._go_on_with_brush()
            return
        width, height = self.size
        if self._place is not None:
            self.set_brush(Brush.at(self.planes, (int(self._place[0]), int(self._place[1]))))
        else:
            self.set_brush(Brush.in_middle(self.planes, (width // 2, height // 2)))

    def set_brush(self, brush: Brush | None) -> None:
        """Mark another region, or none."""
        if brush != self.brush:
            self.brush = brush
            self._brush_text = self._brush_text if brush else ""
            self._show_title()
            self.refresh()
            self.post_message(self.Brushed(self))

    def tell_brush(self, text: str) -> None:
        """Say in the rule above what is marked, and what can be done."""
        self._brush_text = text
        self._show_title()

    def action_leave_brush(self) -> None:
        self.set_brush(None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave escape to the screen where no region is being marked."""
        del parameters
        return action != "leave_brush" or self.brush is not None

    def _go_on_with_brush(self) -> None:
        """Put the first corner down, or take the region."""
        brush, region = self.brush, self.marked_region
        if brush is not None and not brush.is_stretched:
            self.set_brush(brush.stretched())
        elif region is not None:
            self.post_message(self.BrushTaken(region))
            self.set_brush(None)

    def on_mouse_down(self, event: events.MouseDown) -> None:
        offset = event.get_content_offset(self)
        is_inside = offset is not None and any(each.field.has(*offset) for each in self.planes)
        self._pressed_at = (offset.x, offset.y) if offset is not None and is_inside else None
        self._is_dragged = False

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Stretch a region from where the button went down."""
        if self._pressed_at is None or not event.button:
            return
        offset = event.get_content_offset_capture(self)
        if not self._is_dragged:
            if (offset.x, offset.y) == self._pressed_at:
                return
            self._is_dragged = True
            self.capture_mouse()
            brush = Brush.at(self.planes, self._pressed_at)
            self.set_brush(None if brush is None else brush.stretched())
        plane = None if self.brush is None else self.brush.plane_in(self.planes)
        if self.brush is not None and plane is not None:
            self.set_brush(self.brush.to(plane, (offset.x, offset.y)))

    def on_mouse_up(self, _: events.MouseUp) -> None:
        self._pressed_at = None
        if self._is_dragged:
            self.release_mouse()
            self._go_on_with_brush()

    def action_step(self, way: str, is_far: bool = False) -> None:
        """Go to the nearest trial that way; where none is marked, to the one nearest the middle.

        While a region is being marked, move its corner.
        """
        drawn = self.drawn
        if self.brush is not None:
            self.set_brush(self.brush.step(self.planes, cast("Way", way), is_far=is_far))
            return
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
        """Have the trial under the cursor shown in full, or go on with a region."""
        if self.brush is not None:
            self._go_on_with_brush()
        elif self._marked is not None:
            self.post_message(self.TrialOpened(self._marked))

    def on_click(self, event: events.Click) -> None:
        """Pick the trial that is seen where the click was."""
        offset = event.get_content_offset(self)
        if self._is_dragged:
            self._is_dragged = False
        elif offset is not None and isinstance(self.drawn, Pickable):
            number = self.drawn.number_at(offset.x, offset.y)
            if number is not None:
                event.stop()
                self._place = offset.x + 0.5, offset.y + 0.5
                self._pick(number, self.drawn.spots)

    def watch_has_focus(self, value: bool) -> None:
        """Say in the rule which trial is under the cursor, while there is one.

        A region that is being marked is left with the plot, whose keys mark it.
        """
        super().watch_has_focus(value)
        if not value and not self._is_dragged:
            self.set_brush(None)
        self._show_title()

    def on_plot_ready(self, message: Plot.Ready) -> None:
        """Find the cursor's place in another picture."""
        super().on_plot_ready(message)
        self._find_place()
        if self.brush is not None:
            if self.marked_region is None:
                self.set_brush(None)
            self.post_message(self.Brushed(self))

    def render_line(self, y: int) -> Strip:
        """Draw one line, with the cursor where it stands."""
        strip = super().render_line(y)
        if self.brush is not None:
            return self._with_brush(strip, y)
        if not self.has_focus or self._place is None or int(self._place[1]) != y:
            return strip
        x = int(self._place[0])
        under = strip.crop(x, x + 1).text or " "
        style = self.style_of("cursor")
        return Strip.join([strip.crop(0, x), Strip([Segment(under, style)]), strip.crop(x + 1)])

    def _with_brush(self, strip: Strip, y: int) -> Strip:
        """Return a line with the part of the region in it; blank cells at its edge are drawn."""
        plane = None if self.brush is None else self.brush.plane_in(self.planes)
        if self.brush is None or plane is None:
            return strip
        (x0, y0), (x1, y1) = corners = self.brush.corners(plane)
        left, right, top, bottom = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
        if not top <= y <= bottom:
            return strip
        under = list(strip.crop(left, right + 1))
        ground = self.style_of("brush")
        marked = Style(color=ground.color, bgcolor=ground.bgcolor)
        inside = Strip(
            [
                Segment(
                    segment.text, (segment.style or Style.null()) + Style(bgcolor=ground.bgcolor)
                )
                for segment in under
            ]
        )
        edge = _edge(right + 1 - left, y == top, y == bottom, self.app.services.unicode)
        cells = [
            Segment(mark, marked) if mark != " " and not cell.text.strip() else cell
            for cell, mark in zip(_cells(inside), edge, strict=False)
        ]
        if y == corners[1][1]:
            at = corners[1][0] - left
            cells[at : at + 1] = [Segment(cells[at].text, self.style_of("cursor"))]
        return Strip.join([strip.crop(0, left), Strip(cells), strip.crop(right + 1)])

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
        if self._brush_text:
            self.border_title = pane_title(self._brush_text, max_chars=_MAX_TITLE_CHARS)
            return
        share = f", {self._share}" if self._share else ""
        title = f"{self._title}{share}{about}"
        self.border_title = pane_title(title, max_chars=_MAX_TITLE_CHARS)


def _cells(strip: Strip) -> list[Segment]:
    """Return a strip character by character; fields of charts have no wide ones."""
    return [Segment(character, segment.style) for segment in strip for character in segment.text]


def _edge(width: int, is_top: bool, is_bottom: bool, has_unicode: bool) -> str:
    """Return the frame of a region in one of its lines, blank inside."""
    corner, level, upright = ("+", "-", "|")
    left, right = corner, corner
    if has_unicode:
        level, upright = "─", "│"
        left, right = ("┌", "┐") if is_top else ("└", "┘")
    if width == 1:
        return corner if is_top and is_bottom else upright
    if is_top or is_bottom:
        return left + level * (width - 2) + right
    return upright + " " * (width - 2) + upright

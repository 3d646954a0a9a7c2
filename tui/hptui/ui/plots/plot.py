"""A chart on the screen: drawn in a thread, coloured by the theme, kept until the next comes."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, ClassVar, Protocol

from rich.segment import Segment
from rich.style import Style
from textual import getters
from textual.strip import Strip
from textual.widget import Widget

from hptui.domain.texts.text import safe_line
from hptui.figures.canvas.picture import sentence_picture
from hptui.figures.canvas.roles import RAMP, ROLES, SERIES
from hptui.ui.application.services import ServingApp
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyles

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Unpack

    from textual import events
    from textual.app import RenderResult
    from textual.message import Message

    from hptui.figures.canvas.picture import Look, Picture, Span
    from hptui.figures.canvas.roles import Role
    from hptui.ui.widgets.pane_title import WidgetName


class Drawn(Protocol):
    """What a chart's drawing gives: a picture, and whatever the chart needs besides."""

    @property
    def picture(self) -> Picture:
        """What is shown."""
        ...


@dataclass(frozen=True, slots=True)
class PlainDrawn:
    """A picture alone."""

    picture: Picture


class Plot(Widget):
    """Shows a chart that fills it.

    Pictures come as messages from the application's `charts` thread.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    Plot {
        width: 1fr;
        height: 1fr;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "axis": RoleStyle("chart-axis", 0.5),
        "label": RoleStyle("chart-axis"),
        "note": RoleStyle("chart-axis"),
        "trial": RoleStyle("chart-trial"),
        "best": RoleStyle("state-best"),
        "pruned": RoleStyle("state-pruned", 0.8),
        "failed": RoleStyle("state-failed"),
        "running": RoleStyle("state-running"),
        "stale": RoleStyle("dimmed"),
        "infeasible": RoleStyle("state-infeasible"),
        "target": RoleStyle("chart-target", 0.7),
        "selected": RoleStyle("chart-selected", text_style="bold"),
        "median": RoleStyle("chart-median"),
        **{role: RoleStyle(f"chart-{role}") for role in (*SERIES, *RAMP)},
    }

    app = getters.app(ServingApp)

    @dataclass
    class Ready(LatestMessage):
        """The drawing thread has finished a chart."""

        plot: Plot
        drawn: Drawn
        width: int
        height: int

    def __init__(self, **naming: Unpack[WidgetName]) -> None:
        super().__init__(**naming)
        self._roles = RoleStyles(self, self.ROLE_STYLES, lambda: self.app.services.theme_variables)
        self._draw: Callable[[int, int, Look], Drawn] | None = None
        self.drawn: Drawn | None = None
        """What is on the screen."""

    def show_chart(self, draw: Callable[[int, int, Look], Drawn]) -> None:
        """Show what `draw` returns for a width and a height in cells, and what can be shown.

        It is called in the drawing thread, again after each change of the size.
        """
        self._draw = draw
        self._ask()

    def show_sentence(self, sentence: str) -> None:
        """Show a sentence instead of a chart."""
        text = safe_line(sentence, max_chars=400)
        self.show_chart(lambda width, height, _: PlainDrawn(sentence_picture(text, width, height)))

    def show_nothing(self) -> None:
        """Show no chart until another one is drawn."""
        self._draw = self.drawn = None
        self.app.services.charts.forget(self)
        self.refresh()

    def redrawn(self, look: Look, timeout_s: float = 30.0) -> Picture | None:
        """Return what is shown, drawn for another look; waits for it, so not from the event loop.

        None where nothing is shown, or it cannot be drawn in time.
        """
        draw, (width, height) = self._draw, self.size
        if draw is None:
            return None
        answers: SimpleQueue[Drawn | None] = SimpleQueue()
        self.app.services.charts.submit(
            answers, lambda: draw(width, height, look), answers.put, lambda _: answers.put(None)
        )
        with suppress(Empty):
            drawn = answers.get(timeout=timeout_s)
            return None if drawn is None else drawn.picture
        return None

    def render(self) -> RenderResult:
        """Lines are drawn one by one instead."""
        return ""

    def render_line(self, y: int) -> Strip:
        """Draw one line of the latest picture."""
        lines = () if self.drawn is None else self.drawn.picture.lines
        base = self.style_of("")
        spans = lines[y] if y < len(lines) else ()
        segments = [Segment(span.text, self._style_of_span(span)) for span in spans]
        return Strip(segments).adjust_cell_length(self.size.width, base)

    def _style_of_span(self, span: Span) -> Style:
        style = self.style_of(span.role)
        if span.ground is None:
            return style
        return style + Style(bgcolor=self.style_of(span.ground).color)

    def style_of(self, role: str) -> Style:
        """Return the style of a role, on the ground of the plot."""
        return self._roles.of(role)

    def notify_style_update(self) -> None:
        """Make the styles again."""
        super().notify_style_update()
        self._roles.forget()

    def colours(self) -> dict[Role, str]:
        """Return the theme's colour of each role, as CSS takes it."""
        ground = self.style_of("")
        found: dict[Role, str] = {}
        for role in ROLES:
            colour = self.style_of(role).color or ground.color
            found[role] = colour.get_truecolor().hex if colour is not None else "#000000"
        return found

    @property
    def ground(self) -> str:
        """The colour behind the chart, as CSS takes it."""
        colour = self.style_of("").bgcolor
        return colour.get_truecolor().hex if colour is not None else "#ffffff"

    def on_resize(self, _: events.Resize) -> None:
        """Have the chart drawn in the new size."""
        self._ask()

    def on_unmount(self) -> None:
        self.app.services.charts.forget(self)

    def _ask(self) -> None:
        draw, (width, height) = self._draw, self.size
        if draw is None or not self.is_mounted or width < 1 or height < 1:
            return
        look = self.app.services.look

        def failed(error: Exception) -> None:
            text = f"The chart cannot be drawn: {safe_line(error)}"
            drawn = PlainDrawn(sentence_picture(text, width, height))
            self.post_from_thread(self.Ready(self, drawn, width, height))

        self.app.services.charts.submit(
            self,
            lambda: draw(width, height, look),
            lambda drawn: self.post_from_thread(self.Ready(self, drawn, width, height)),
            failed,
        )

    def post_from_thread(self, message: Message) -> None:
        """Post a message to this widget from another thread; it may be gone by now."""
        with suppress(RuntimeError):
            self.post_message(message)

    def on_plot_ready(self, message: Ready) -> None:
        """Show a chart that was drawn, if only until the one of the present size comes."""
        message.stop()
        if self._draw is None:
            return
        self.drawn = message.drawn
        self.refresh()

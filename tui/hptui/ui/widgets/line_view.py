"""Lines of text of any number, of which only those in sight are drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.cells import cell_len
from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from hptui.ui.widgets.counts import COUNT_BINDINGS, TypedCount, is_count_free
from hptui.ui.widgets.role_styles import RoleStyle, RoleStyled
from hptui.ui.widgets.wrapped_lines import wrap_lines

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Unpack

    from textual import events

    from hptui.ui.widgets.pane_title import WidgetName
    from hptui.ui.widgets.wrapped_lines import Span


_PRINTED_COLOURS: Final = {
    "": "",
    "dim": "dimmed",
    "black": "dimmed",
    "red": "state-failed",
    "green": "state-complete",
    "yellow": "state-best",
    "blue": "chart-series-1",
    "magenta": "chart-series-4",
    "cyan": "chart-series-5",
    "white": "foreground",
}
"""The theme's colours for those that a program prints: all of them can be read on its ground."""
_STYLES: Final = {"b": "bold", "i": "italic", "u": "underline"}
_PRINTED: Final = {
    f"sgr-{colour}-{letters}": RoleStyle(
        variable, text_style=" ".join(_STYLES[letter] for letter in letters)
    )
    for colour, variable in _PRINTED_COLOURS.items()
    for letters in ("", "b", "i", "u", "bi", "bu", "iu", "biu")
}
"""Roles of `hptui.domain.texts.sgr`."""


class LineView(  # pyright: ignore[reportIncompatibleMethodOverride] - among Textual's own
    ScrollView, RoleStyled, can_focus=True
):
    """Shows lines of spans; follows their end where it was in sight before they grew.

    Args:
        wrap: Break lines at the width; else they are scrolled sideways.
        hang: With `wrap`, how many cells what goes on from a line is indented.
        follow: Begin at the end of the lines, and stay there while it is not left.
    """

    ALLOW_SELECT = False
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("k", "scroll_up", show=False),
        Binding("j", "scroll_down", show=False),
        Binding("g", "scroll_home", show=False),
        Binding("G", "scroll_end", show=False),
        Binding("ctrl+u", "scroll_half(-1)", show=False),
        Binding("ctrl+d", "scroll_half(1)", show=False),
        Binding("n", "next_hit(1)", show=False),
        Binding("N", "next_hit(-1)", show=False),
        *COUNT_BINDINGS,
    ]
    DEFAULT_CSS = """
    LineView {
        height: 1fr;
        scrollbar-size: 1 1;
    }
    """
    ROLE_STYLES: ClassVar[Mapping[str, RoleStyle]] = {
        "title": RoleStyle("dimmed"),
        "note": RoleStyle("dimmed"),
        "action": RoleStyle(text_style="underline"),
        "link": RoleStyle(text_style="underline"),
        "strong": RoleStyle(text_style="bold"),
        "em": RoleStyle(text_style="italic"),
        "code": RoleStyle("footer-key-foreground"),
        "hit": RoleStyle("background", background="state-best"),
        "rest": RoleStyle("rule"),
        "leading": RoleStyle("chart-trial"),
        "dot": RoleStyle("chart-selected", text_style="bold"),
        **{role: RoleStyle(f"state-{role}") for role in ("running", "best", "failed", "pruned")},
        **_PRINTED,
    }

    @dataclass
    class Resized(Message):
        """The view has another width now."""

        view: LineView

        @property
        def control(self) -> LineView:
            return self.view

    @dataclass
    class ActionClicked(Message):
        """A line with the role `action` was clicked."""

        view: LineView

        @property
        def control(self) -> LineView:
            return self.view

    def __init__(
        self,
        *,
        wrap: bool = False,
        hang: int = 0,
        follow: bool = False,
        **naming: Unpack[WidgetName],
    ) -> None:
        super().__init__(**naming)
        self._wrap, self._hang, self._follow = wrap, hang, follow
        self._given: Sequence[Sequence[Span]] = ()
        self._shown: Sequence[Sequence[Span]] = ()
        self._hits: list[int] = []
        self._count = TypedCount()
        self._hit = -1
        self._words = ""

    @property
    def lines(self) -> Sequence[Sequence[Span]]:
        """What was given to `show`."""
        return self._given

    @property
    def n_rows(self) -> int:
        """How many rows they take at the present width."""
        return len(self._shown)

    def show(self, lines: Sequence[Sequence[Span]]) -> None:
        """Show these lines instead."""
        self._given = lines
        self._lay_out()

    def find(self, words: str) -> int:
        """Mark the lines that hold `words`, go to the last of them, and return how many they are.

        No words take the marks away.
        """
        self.mark(words)
        self._hit = len(self._hits)
        if self._hits:
            self.action_next_hit(-1)
        self.refresh()
        return len(self._hits)

    def mark(self, words: str) -> None:
        """Mark the lines that hold `words`, now and when others are shown; no words: none."""
        self._words = words.casefold()
        self._mark()
        self.refresh()

    def _mark(self) -> None:
        self._hits = []
        if self._words:
            self._hits = [
                index for index, line in enumerate(self._shown) if self._words in _folded(line)
            ]

    def _lay_out(self) -> None:
        is_at_end = self.scroll_offset.y >= self.max_scroll_y
        width = self.scrollable_content_region.width
        if self._wrap and width:
            self._shown = wrap_lines(self._given, width, hang=self._hang)
        else:
            self._shown = self._given
        self._mark()
        widest = 0 if self._wrap else max(map(_cells, self._shown), default=0)
        self.virtual_size = Size(widest, len(self._shown))
        if self._follow and is_at_end:
            self.scroll_end(animate=False, immediate=False, x_axis=False)
        self.refresh()

    def on_resize(self) -> None:
        """Break the lines at the new width."""
        self._lay_out()
        self.post_message(self.Resized(self))

    def on_click(self, event: events.Click) -> None:
        """Tell of a click on a line that does something."""
        place = event.get_content_offset(self)
        row = -1 if place is None else place.y + self.scroll_offset.y
        if 0 <= row < len(self._shown) and any(role == "action" for _, role in self._shown[row]):
            self.post_message(self.ActionClicked(self))

    def render_line(self, y: int) -> Strip:
        """Draw one line of those in sight."""
        left, top = self.scroll_offset
        width = self.size.width
        base = self.rich_style
        index = top + y
        if index >= len(self._shown):
            return Strip.blank(width, base)
        is_hit = bool(self._words) and self._words in _folded(self._shown[index])
        segments = [
            Segment(
                text, base + self.style_of("hit" if is_hit and text.strip() else role, partial=True)
            )
            for text, role in self._shown[index]
        ]
        return Strip(segments).crop_extend(left, left + width, base)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Leave digits to a screen that has a use for them."""
        return action != "count" or is_count_free(self, str(parameters[0]))

    def action_count(self, digit: str) -> None:
        """Take a digit of how far the next movement goes."""
        self._count.add(digit)

    def on_key(self, event: events.Key) -> None:
        """Forget a count where something else is done."""
        self._count.look_at(event.key)

    def action_scroll_up(self) -> None:
        """Scroll up by a line, or as many as were typed."""
        self.scroll_relative(y=-(self._count.take() or 1), animate=False)

    def action_scroll_down(self) -> None:
        """Scroll down by a line, or as many as were typed."""
        self.scroll_relative(y=self._count.take() or 1, animate=False)

    def action_scroll_half(self, by: int) -> None:
        """Scroll by half a page, as often as was typed."""
        times = self._count.take() or 1
        self.scroll_relative(y=by * times * max(1, self.size.height // 2), animate=False)

    def action_next_hit(self, by: int) -> None:
        """Go to the next line that was searched for, or the one before."""
        if not self._hits:
            return
        self._hit = (self._hit + by) % len(self._hits)
        self.scroll_to(y=max(0, self._hits[self._hit] - self.size.height // 2), animate=False)


def _cells(line: Sequence[Span]) -> int:
    return sum(cell_len(text) for text, _ in line)


def _folded(line: Sequence[Span]) -> str:
    return "".join(text for text, _ in line).casefold()

"""Where the messages that come and go stand: beside dialogs, and off the row of the cursor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from textual.css.query import NoMatches
from textual.screen import ModalScreen
from textual.widgets._toast import ToastRack

if TYPE_CHECKING:
    from collections.abc import Sequence

    from textual.geometry import Region
    from textual.screen import Screen

_FOOTER_LINES = 1
_FEW_LINES = 3
"""A widget as low as that has no row of its own: all of it is where somebody types."""


@runtime_checkable
class HasCursorRow(Protocol):
    """A widget with a cursor on one of its rows."""

    @property
    def cursor_region(self) -> Region:
        """Where that row stands on the screen; empty where there is none."""
        ...


@dataclass(frozen=True, slots=True)
class MessagePlace:
    """At which end of the screen messages stand, and how many lines they may have."""

    end: Literal["top", "bottom"]
    most_lines: int | None = None
    """None for as many as they need."""


def choose_place(
    height: int, needed: int, taken: tuple[int, int] | None, below: int = 0
) -> MessagePlace:
    """Return where messages cover nothing of what is taken: below it, above it, or cut.

    Args:
        height: Lines of the screen.
        needed: Lines of the messages.
        taken: The first line that is taken, and the one behind the last; None for none.
        below: Lines at the bottom of the screen that stay free, too.
    """
    if taken is None:
        return MessagePlace("bottom")
    above_it, below_it = max(0, taken[0]), max(0, height - below - taken[1])
    if needed <= below_it:
        return MessagePlace("bottom")
    if needed <= above_it:
        return MessagePlace("top")
    if above_it > below_it:
        return MessagePlace("top", above_it)
    return MessagePlace("bottom", below_it)


def place_messages(screens: Sequence[Screen[Any]]) -> None:
    """Move messages away from the dialog on top, or else from the row of the cursor.

    Args:
        screens: The stack of screens. Those below the top one show no messages of their own.
    """
    *below, screen = screens
    for each in below:
        rack = _rack_of(each)
        if rack is not None:
            # It is shown again when its screen is on top again.
            rack.display = False
    rack = _rack_of(screen)
    if rack is None:
        return
    needed = sum(holder.outer_size.height for holder in rack.children)
    is_dialog = isinstance(screen, ModalScreen)
    margin = 0 if is_dialog else _FOOTER_LINES
    place = choose_place(screen.size.height, needed, _taken(screen, is_dialog=is_dialog), margin)
    styles = rack.styles
    wanted = (place.end, margin if place.end == "bottom" else 0)
    if (styles.dock, styles.margin.bottom) != wanted:
        styles.dock = place.end
        styles.margin = (0, 0, wanted[1], 0)
    most = None if styles.max_height is None else int(styles.max_height.value)
    if most != place.most_lines:
        styles.max_height = place.most_lines
        styles.overflow_y = "scroll" if place.most_lines is None else "hidden"
        # What a message begins with says more than its end.
        rack.scroll_home(animate=False, immediate=True)


def _rack_of(screen: Screen[Any]) -> ToastRack | None:
    try:
        return screen.get_child_by_type(ToastRack)
    except NoMatches:
        return None


def _taken(screen: Screen[Any], *, is_dialog: bool) -> tuple[int, int] | None:
    if is_dialog:
        frames = list(screen.query("#frame"))
        return (frames[0].region.y, frames[0].region.bottom) if frames else None
    focused = screen.focused
    if focused is None:
        return None
    if isinstance(focused, HasCursorRow):
        region = focused.cursor_region
    else:
        region = focused.region
        if region.height > _FEW_LINES:
            return None
    return (region.y, region.bottom) if region else None

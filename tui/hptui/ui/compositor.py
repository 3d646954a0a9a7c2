"""Draws what has changed on a screen, and of that only what can be seen.

Textual 8.2.8 asks all widgets of a screen for all their lines, whatever has changed and whatever
lies over them; most of what a key costs goes into that.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, Final, cast

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from textual.widget import Widget

_UNSEEN: Final = Strip([], 0)
"""Stands where nothing has changed."""


class QuickCompositor(Compositor):
    """Puts the same on the screen as Textual's own."""

    def render_partial_update(self) -> ChopsUpdate | None:
        """Return what is new on the screen since the last time, or None where nothing is."""
        screen = self.size.region
        spans = [
            (y, x1, x2)
            for y, x1, x2 in self._regions_to_spans(self._dirty_regions)
            if 0 <= y < screen.height
        ]
        self._dirty_regions.clear()
        if not spans:
            return None
        wanted: dict[int, tuple[int, int]] = {}
        for y, x1, x2 in spans:
            # The spans of a line come from left to right.
            wanted[y] = (wanted[y][0] if y in wanted else x1, x2)
        return ChopsUpdate(self._paint(wanted), spans, [line[1:] for line in self.cuts])

    def _render_chops(
        self, crop: Region, is_rendered_line: Callable[[int], bool]
    ) -> Sequence[Mapping[int, Strip]]:
        span = crop.column_span
        lines = range(max(0, crop.y), min(crop.bottom, self.size.height))
        painted = self._paint({y: span for y in lines if is_rendered_line(y)})
        return cast("Sequence[Mapping[int, Strip]]", painted)

    def _paint(self, wanted: Mapping[int, tuple[int, int]]) -> list[dict[int, Strip | None]]:
        """Return the pieces of each line by their places; those between two cuts are one widget's.

        Args:
            wanted: By line from which column to which before what has changed stands. Other lines
                have no pieces, and other columns empty ones.
        """
        cuts = self.cuts
        pieces = [_blank(cuts[y], wanted.get(y)) for y in range(len(cuts))]
        missing = {y: list(pieces[y].values()).count(None) for y in wanted}
        # What lies in front comes first, and stays.
        for widget, (region, clip) in self.visible_widgets.items():
            seen = region.intersection(clip)
            rows = {
                y: places
                for y in range(seen.y, seen.bottom)
                if missing.get(y) and (places := _places(cuts[y], seen, pieces[y]))
            }
            for y, place, strip in _drawn(widget, region, seen, rows):
                if pieces[y][place] is None:
                    pieces[y][place] = strip
                    missing[y] -= 1
        return pieces

    def texts(self) -> list[str]:
        """Return the text of each line of the screen."""
        lines = self._render_chops(self.size.region, lambda _: True)
        return ["".join(strip.text for strip in line.values()) for line in lines]


def _blank(cuts: list[int], wanted: tuple[int, int] | None) -> dict[int, Strip | None]:
    """Return the places of a line with nothing at those where something is wanted."""
    if wanted is None:
        return {}
    x1, x2 = wanted
    return {x: None if x < x2 and end > x1 else _UNSEEN for x, end in pairwise(cuts)}


def _places(cuts: list[int], seen: Region, line: dict[int, Strip | None]) -> list[int]:
    """Return the cuts of a widget in a line, none where it would add nothing."""
    inside = cuts[bisect_left(cuts, seen.x) : bisect_right(cuts, seen.right)]
    return inside if any(line[x] is None for x in inside[:-1]) else []


def _drawn(
    widget: Widget, region: Region, seen: Region, rows: dict[int, list[int]]
) -> Iterable[tuple[int, int, Strip]]:
    """Yield line, column and strip of each piece of a widget in the lines where it counts.

    Args:
        widget: What to draw.
        region: Where it is.
        seen: The part of that which its containers show.
        rows: The lines from above to below, with the cuts of each.
    """
    if not rows:
        return
    top, bottom = min(rows), max(rows) + 1
    offset = seen.offset - region.offset
    strips = widget.render_lines(Region(offset.x, top - region.y, seen.width, bottom - top))
    for y, strip in enumerate(strips, top):
        if y in rows:
            places = rows[y]
            parts = strip.divide([x - seen.x for x in places[1:]])
            yield from ((y, x, part) for x, part in zip(places, parts, strict=False))

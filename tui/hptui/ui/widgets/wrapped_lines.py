"""Lines of spans broken at a width, with a hanging indent."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, chop_cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

Span = tuple[str, str]
"""A text, safe for a terminal, and its role; no role is the widget's own colour."""


def wrap_lines(lines: Iterable[Sequence[Span]], width: int, *, hang: int = 0) -> list[list[Span]]:
    """Return lines of at most `width` cells; what goes on from a line begins `hang` cells in.

    Lines break at spaces where there are some, else anywhere.
    """
    wrapped: list[list[Span]] = []
    for line in lines:
        wrapped.extend(_wrap(line, max(4, width), min(hang, width // 2)))
    return wrapped


def _wrap(line: Sequence[Span], width: int, hang: int) -> list[list[Span]]:
    if sum(cell_len(text) for text, _ in line) <= width:
        return [list(line)]
    rows: list[list[Span]] = [[]]
    room = width
    for text, role in line:
        rest = text
        while rest:
            if len(rest) <= _near(room) and cell_len(rest) <= room:
                rows[-1].append((rest, role))
                room -= cell_len(rest)
                break
            head, rest = _split(rest, room, is_whole_line=room == width - (hang if rows[1:] else 0))
            if head:
                rows[-1].append((head, role))
            rows.append([(" " * hang, "")] if hang else [])
            room = width - hang
    return rows


def _split(text: str, room: int, *, is_whole_line: bool) -> tuple[str, str]:
    head = chop_cells(text[: _near(room)], room)[0] if room > 0 else ""
    at = head.rfind(" ")
    if text[len(head) : len(head) + 1] == " ":
        at = len(head)
    if at > 0:
        return text[:at].rstrip(), text[at:].lstrip()
    # A word that does not fit goes to the next line whole, unless it is longer than a line.
    return (head, text[len(head) :]) if is_whole_line else ("", text.lstrip())


def _near(room: int) -> int:
    """Return how many characters are looked at to fill a room: some have no width.

    Looking at all that is left, again for each row, would take seconds with a long line.
    """
    return 4 * room + 16

"""A chart as lines of text, each part with a role that whoever shows it gives a colour."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from hptui.domain.text import char_width, safe_line

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


Role = Literal[
    "axis",
    "label",
    "trial",
    "best",
    "pruned",
    "failed",
    "running",
    "stale",
    "infeasible",
    "target",
    "selected",
    "median",
    "note",
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
]
"""What a part of a picture stands for; what differs in role has other characters too."""

ROLES: Final[tuple[Role, ...]] = get_args(Role)
SERIES: Final[tuple[Role, ...]] = tuple(role for role in ROLES if role.startswith("series-"))
"""Studies that are drawn over each other."""
_NUMBER_OF: Final = {role: number for number, role in enumerate(ROLES)}


@dataclass(frozen=True, slots=True)
class Span:
    """Text on one line in one role; its characters are one cell wide each."""

    text: str
    role: Role


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines of text, top down, without spaces at their ends."""

    lines: tuple[tuple[Span, ...], ...] = ()

    def plain(self) -> str:
        """Return the text alone, lines joined by newlines."""
        return "\n".join("".join(span.text for span in line) for line in self.lines)


class Cells:
    """A picture in the making: a character and a role for each cell."""

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.characters = np.full((height, width), " ", "<U1")
        self.roles = np.zeros((height, width), np.int8)

    def put(self, row: int, column: int, text: str, role: Role) -> None:
        """Write `text` at a cell; what would stand outside is left out."""
        start, stop = max(0, column), min(self.width, column + len(text))
        if not 0 <= row < self.height or start >= stop:
            return
        self.characters[row, start:stop] = list(text[start - column : stop - column])
        self.roles[row, start:stop] = _NUMBER_OF[role]

    def put_spans(self, row: int, column: int, spans: Sequence[Span]) -> None:
        """Write spans one after another from a cell on."""
        for span in spans:
            self.put(row, column, span.text, span.role)
            column += len(span.text)

    def lay(self, row: int, column: int, characters: npt.NDArray[np.str_], role: Role) -> None:
        """Lay characters (rows by columns) over cells from one on; spaces change nothing."""
        is_set = characters != " "
        area = slice(row, row + len(characters)), slice(column, column + characters.shape[1])
        self.characters[area][is_set] = characters[is_set]
        self.roles[area][is_set] = _NUMBER_OF[role]

    def picture(self) -> Picture:
        """Return what was written."""
        return Picture(tuple(self._line(row) for row in range(self.height)))

    def _line(self, row: int) -> tuple[Span, ...]:
        text = "".join(self.characters[row].tolist()).rstrip()
        roles = self.roles[row, : len(text)].copy()
        if not text:
            return ()
        # A space looks alike in every role: in that of its left neighbour it makes no new span.
        is_blank = self.characters[row, : len(text)] == " "
        behind = np.maximum.accumulate(np.where(is_blank, 0, np.arange(len(text))))
        roles = roles[behind]
        starts = [0, *(np.flatnonzero(np.diff(roles)) + 1).tolist()]
        stops = [*starts[1:], len(text)]
        return tuple(
            Span(text[start:stop], ROLES[int(roles[start])])
            for start, stop in zip(starts, stops, strict=True)
        )


def text_width(spans: Sequence[Span]) -> int:
    """Return how many cells spans take."""
    return sum(len(span.text) for span in spans)


def line_picture(spans: Sequence[Span], width: int, height: int) -> Picture:
    """Return a picture of one line, cut to `width`; of none where there is no room."""
    if width < 1 or height < 1:
        return Picture()
    cells = Cells(width, 1)
    cells.put_spans(0, 0, spans)
    return cells.picture()


def label(text: object, max_chars: int, *, unicode: bool = True) -> str:
    """Return `text` safe for a terminal, one cell for a character, in at most `max_chars`.

    Characters of another width are a `?` each, without `unicode` all beyond ASCII.
    """
    line = "".join(
        char if char.isascii() or (unicode and char_width(char) == 1) else "?"
        for char in safe_line(text)
    )
    if len(line) <= max_chars:
        return line
    return f"{line[: max_chars - 1]}{'…' if unicode else '~'}" if max_chars > 0 else ""


_MARGIN = 2


def sentence_picture(sentence: str, width: int, height: int) -> Picture:
    """Return a picture with the sentence in its middle, wrapped; what does not fit is cut.

    The sentence must be safe for a terminal already, one cell for a character.
    """
    if width < 1 or height < 1:
        return Picture()
    room = max(1, width - 2 * _MARGIN) if width > 4 * _MARGIN else width
    lines = textwrap.wrap(sentence, room)[:height]
    cells = Cells(width, height)
    longest = max(map(len, lines), default=0)
    for row, line in enumerate(lines, start=(height - len(lines)) // 2):
        cells.put(row, (width - longest) // 2, line, "note")
    return cells.picture()

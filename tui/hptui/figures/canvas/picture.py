"""A chart as lines of text, each part with a role that whoever shows it gives a colour."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.domain.texts.text import cell_width, char_width, safe_line
from hptui.figures.canvas.roles import RAMP, ROLES, Glyphs, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt


_NUMBER_OF: Final = {role: number for number, role in enumerate(ROLES)}
_NO_GROUND: Final = -1


@dataclass(frozen=True, slots=True)
class Look:
    """What can be shown where a picture is seen."""

    glyphs: Glyphs = "braille"
    has_ramp: bool = False
    """Whether the colours of `RAMP` can be told apart; without, characters say the same."""

    @property
    def unicode(self) -> bool:
        """Whether characters beyond ASCII can be used."""
        return self.glyphs != "ascii"

    @property
    def point(self) -> str:
        """What stands for points in a legend, as the next two for lines."""
        return {"braille": "⠛", "blocks": "▖", "ascii": "o"}[self.glyphs]

    @property
    def line(self) -> str:
        """A line that is not fine."""
        return {"braille": "⠶", "blocks": "▄", "ascii": "="}[self.glyphs]

    @property
    def fine_line(self) -> str:
        """A fine line, or one of dots."""
        return {"braille": "⠒", "blocks": "▄", "ascii": "-"}[self.glyphs]

    @property
    def fineness(self) -> tuple[int, int]:
        """How many dots a cell has across and up."""
        return {"braille": (2, 4), "blocks": (2, 2), "ascii": (1, 1)}[self.glyphs]


FINE: Final = Look()
COLOURED: Final = Look(has_ramp=True)
ASCII: Final = Look("ascii")


@dataclass(frozen=True, slots=True)
class Span:
    """Text on one line in one role."""

    text: str
    role: Role
    ground: Role | None = None
    """Whose colour is behind it; None for that of the picture."""


@dataclass(frozen=True, slots=True)
class Picture:
    """Lines of text, top down, without spaces at their ends."""

    lines: tuple[tuple[Span, ...], ...] = ()

    def plain(self) -> str:
        """Return the text alone, lines joined by newlines."""
        return "\n".join("".join(span.text for span in line) for line in self.lines)


class Cells:
    """A picture in the making: a character and a role for each cell.

    A character that is two cells wide has an empty text in the second one. What has no width of
    its own stands in the cell of the character before it.
    """

    def __init__(self, width: int, height: int) -> None:
        self.width = width
        self.height = height
        self.characters = np.full((height, width), " ", object)
        self.roles = np.zeros((height, width), np.int8)
        self.grounds = np.full((height, width), _NO_GROUND, np.int8)
        self._has_wide = False

    def put(self, row: int, column: int, text: str, role: Role) -> None:
        """Write `text` at a cell; what would stand outside is left out."""
        texts = cell_texts(text)
        self._has_wide |= "" in texts
        start, stop = max(0, column), min(self.width, column + len(texts))
        if not 0 <= row < self.height or start >= stop:
            return
        self.characters[row, start:stop] = texts[start - column : stop - column]
        self.roles[row, start:stop] = _NUMBER_OF[role]

    def put_spans(self, row: int, column: int, spans: Sequence[Span]) -> None:
        """Write spans one after another from a cell on."""
        for span in spans:
            width = cell_width(span.text)
            self.put(row, column, span.text, span.role)
            start, stop = max(0, column), min(self.width, column + width)
            if span.ground is not None and 0 <= row < self.height and start < stop:
                self.grounds[row, start:stop] = _NUMBER_OF[span.ground]
            column += width

    def lay(self, row: int, column: int, characters: npt.NDArray[np.str_], role: Role) -> None:
        """Lay characters (rows by columns) over cells from one on; spaces change nothing."""
        is_set = characters != " "
        area = slice(row, row + len(characters)), slice(column, column + characters.shape[1])
        self.characters[area][is_set] = characters[is_set]
        self.roles[area][is_set] = _NUMBER_OF[role]

    def lay_ramp(
        self,
        row: int,
        column: int,
        characters: npt.NDArray[np.str_],
        levels: npt.NDArray[np.int64],
        grounds: npt.NDArray[np.int64] | None = None,
    ) -> None:
        """Lay characters in colours of `RAMP`, each by its level; spaces change nothing.

        `grounds` are levels too, -1 for none.
        """
        is_set = characters != " "
        area = slice(row, row + len(characters)), slice(column, column + characters.shape[1])
        self.characters[area][is_set] = characters[is_set]
        self.roles[area][is_set] = _NUMBER_OF[RAMP[0]] + levels[is_set]
        if grounds is not None:
            behind = np.where(grounds < 0, _NO_GROUND, _NUMBER_OF[RAMP[0]] + grounds)
            self.grounds[area][is_set] = behind[is_set]

    def picture(self) -> Picture:
        """Return what was written."""
        return Picture(tuple(self._line(row) for row in range(self.height)))

    def _line(self, row: int) -> tuple[Span, ...]:
        characters, grounds = self.characters[row], self.grounds[row]
        is_blank = (characters == " ") & (grounds == _NO_GROUND)
        used = np.flatnonzero(~is_blank)
        if not len(used):
            return ()
        stop = int(used[-1]) + 1
        texts: list[str] = characters[:stop].tolist()
        if self._has_wide:
            _mend_halves(texts)
        # A space looks alike in every role: in that of its left neighbour it makes no new span.
        behind = np.maximum.accumulate(np.where(is_blank[:stop], 0, np.arange(stop)))
        looks = self.roles[row, :stop][behind].astype(np.int64) * (len(ROLES) + 1)
        looks += grounds[:stop]
        starts = [0, *(np.flatnonzero(np.diff(looks)) + 1).tolist()]
        return tuple(
            Span(
                "".join(texts[start:end]),
                ROLES[int(self.roles[row, behind[start]])],
                None if grounds[start] == _NO_GROUND else ROLES[int(grounds[start])],
            )
            for start, end in zip(starts, [*starts[1:], stop], strict=True)
        )


def cell_texts(text: str) -> list[str]:
    """Return what stands in each of the cells that `text` takes, see `Cells`."""
    if text.isascii():
        return list(text)
    texts: list[str] = []
    at = -1
    for char in text:
        width = char_width(char)
        if width:
            at = len(texts)
            texts += [char, ""][:width]
        elif at >= 0:
            texts[at] += char
    return texts


def _mend_halves(texts: list[str]) -> None:
    """Replace what is left of characters of two cells where another one stands in one of them."""
    for at, text in enumerate(texts):
        if not text and not (at and cell_width(texts[at - 1]) > 1):
            texts[at] = " "
        elif cell_width(text) > 1 and (at + 1 == len(texts) or texts[at + 1]):
            texts[at] = "…"


def ramp_levels(shares: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    """Return the places in `RAMP` of shares from 0 (the worst, or fewest) to 1."""
    return np.clip((shares * len(RAMP)).astype(np.int64), 0, len(RAMP) - 1)


def text_width(spans: Sequence[Span]) -> int:
    """Return how many cells spans take."""
    return sum(cell_width(span.text) for span in spans)


def line_picture(spans: Sequence[Span], width: int, height: int) -> Picture:
    """Return a picture of one line, cut to `width`; of none where there is no room."""
    if width < 1 or height < 1:
        return Picture()
    cells = Cells(width, 1)
    cells.put_spans(0, 0, spans)
    return cells.picture()


def label(text: object, max_cells: int, *, look: Look = FINE) -> str:
    """Return `text` safe for a terminal in at most `max_cells`; in ASCII, others are `?`."""
    line = safe_line(text)
    if not look.unicode:
        line = "".join(char if char.isascii() else "?" for char in line)
    texts = cell_texts(line)
    if len(texts) <= max_cells:
        return "".join(texts)
    if max_cells < 1:
        return ""
    kept = texts[: max_cells - 1]
    if texts[max_cells - 1] == "" and kept:
        kept[-1] = " "
    return "".join(kept) + ("…" if look.unicode else "~")


_MARGIN = 2


def sentence_picture(sentence: str, width: int, height: int) -> Picture:
    """Return a picture with the sentence in its middle, wrapped; what does not fit is cut.

    The sentence must be safe for a terminal already.
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

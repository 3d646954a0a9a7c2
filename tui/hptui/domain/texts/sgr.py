"""Colours that a program prints, as roles that a theme has colours for; other sequences are text.

Of ANSI's sequences those alone are read that colour text (SGR). Nothing of them reaches a terminal:
they become roles, and all else of a line is made safe as any text is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import escape_line, redacted, shown_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    Span = tuple[str, str]
    """A text and its role."""

COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
"""By ANSI's numbers."""
_SGR: Final = re.compile("\x1b\\[([0-9;:]*)m")
_TAB_CELLS: Final = 8
_CUBE_FROM: Final = 16
_GREY_FROM: Final = 232
_MAX_CODE: Final = 255
_MIN_CHROMA: Final = 48
"""A colour whose parts differ less is a grey."""
_DARK: Final = 128


@dataclass(frozen=True, slots=True)
class Look:
    """How text is printed from here on."""

    colour: str = ""
    """One of COLOURS; empty: as the terminal has it."""
    is_bold: bool = False
    is_dim: bool = False
    is_italic: bool = False
    is_underlined: bool = False

    @property
    def role(self) -> str:
        """The role of text that looks so: `sgr`, then colour and style; empty for plain text."""
        colour = "dim" if self.is_dim and not self.colour else self.colour
        flags = (self.is_bold, self.is_italic, self.is_underlined)
        style = "".join(letter for letter, is_set in zip("biu", flags, strict=True) if is_set)
        return f"sgr-{colour}-{style}" if colour or style else ""


PLAIN: Final = Look()


def coloured_line(line: str, before: Look, *, max_chars: int) -> tuple[list[Span], Look]:
    """Return a line of a log as spans, safe for a terminal, and how the next line begins.

    Args:
        line: Without its end; what a carriage return has started over is left out.
        before: How text was printed at the end of the line before.
        max_chars: About as many characters are shown.
    """
    if before == PLAIN and "\x1b[" not in line:
        return [(shown_line(line, max_chars=max_chars), "")], PLAIN
    # What is not shown may change how the rest looks.
    pieces, look = _pieces(line.rstrip("\r"), before)
    text = "".join(part for part, _ in pieces)
    if redacted(text) != text:
        # A password may stand in several pieces.
        return [(shown_line(line, max_chars=max_chars), pieces[-1][1].role)], look
    return list(_fit(pieces, max_chars)), look


def _pieces(line: str, look: Look) -> tuple[list[tuple[str, Look]], Look]:
    found: list[tuple[str, Look]] = []
    at = 0
    for match in _SGR.finditer(line):
        _add(found, line[at : match.start()], look)
        look = _after(look, match[1])
        at = match.end()
    _add(found, line[at:], look)
    return found or [("", look)], look


def _add(found: list[tuple[str, Look]], text: str, look: Look) -> None:
    start, was_started_over, rest = text.rpartition("\r")
    del start
    if was_started_over:
        found.clear()
    if rest:
        found.append((rest, look))


def _fit(pieces: list[tuple[str, Look]], max_chars: int) -> Iterator[Span]:
    at = 0
    for text, look in pieces:
        cut = text[: max_chars - at]
        shown = "".join(_without_tabs(cut, at))
        at += len(shown)
        is_cut = len(cut) < len(text)
        yield escape_line(shown) + ("…" if is_cut else ""), look.role
        if is_cut:
            return


def _without_tabs(text: str, at: int) -> Iterator[str]:
    for index, part in enumerate(text.split("\t")):
        if index:
            gap = _TAB_CELLS - at % _TAB_CELLS
            yield " " * gap
            at += gap
        yield part
        at += len(part)


def _after(look: Look, codes: str) -> Look:
    """Return how text looks after a sequence; what is not known changes nothing."""
    numbers = [int(each) if 0 < len(each) <= 3 else 0 for each in re.split("[;:]", codes)]  # noqa: PLR2004
    while numbers:
        code = numbers.pop(0)
        if code in (38, 48):
            colour = _extended(numbers)
            look = replace(look, colour=colour) if code == 38 and colour is not None else look  # noqa: PLR2004
        elif 30 <= code <= 37 or 90 <= code <= 97:  # noqa: PLR2004 - ANSI's own
            # Bright black is grey.
            look = replace(look, colour="dim" if code == 90 else COLOURS[code % 10])  # noqa: PLR2004
        else:
            look = _styled(look, code)
    return look


def _styled(look: Look, code: int) -> Look:
    match code:
        case 0:
            return PLAIN
        case 1 | 7:
            return replace(look, is_bold=True)
        case 2:
            return replace(look, is_dim=True)
        case 3:
            return replace(look, is_italic=True)
        case 4:
            return replace(look, is_underlined=True)
        case 22:
            return replace(look, is_bold=False, is_dim=False)
        case 23:
            return replace(look, is_italic=False)
        case 24:
            return replace(look, is_underlined=False)
        case 39:
            return replace(look, colour="")
        case _:
            return look


def _extended(numbers: list[int]) -> str | None:
    """Take a colour of 256, or one of red, green and blue, and return the nearest of COLOURS."""
    kind = numbers.pop(0) if numbers else 0
    if kind == 5 and numbers:  # noqa: PLR2004 - ANSI's own
        return _of_256(numbers.pop(0))
    if kind == 2 and len(numbers) >= 3:  # noqa: PLR2004
        red, green, blue = (min(_MAX_CODE, numbers.pop(0)) for _ in range(3))
        return _nearest(red, green, blue)
    numbers.clear()
    return None


def _of_256(code: int) -> str:
    if code < _CUBE_FROM:
        return "dim" if code == 8 else COLOURS[code % 8]  # noqa: PLR2004 - bright black
    if code >= _GREY_FROM:
        return _nearest(*[8 + 10 * (min(code, _MAX_CODE) - _GREY_FROM)] * 3)
    at = code - _CUBE_FROM
    return _nearest(*(51 * part for part in (at // 36, at // 6 % 6, at % 6)))


def _nearest(red: int, green: int, blue: int) -> str:
    parts = (red, green, blue)
    low, high = min(parts), max(parts)
    if high - low < _MIN_CHROMA:
        return "dim" if high < _DARK else "white"
    middle = (low + high) / 2
    return COLOURS[sum(1 << at for at, part in enumerate(parts) if part > middle)]

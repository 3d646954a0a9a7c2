"""How large figures are printed, and in which colours of the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, Self

from hptui.cli.output.terminal import PALETTE_COLOURS, TRUE_COLOURS
from hptui.errors import UsageError
from hptui.figures.canvas.picture import Look
from hptui.figures.canvas.ramp import VIRIDIS, ramp_colours
from hptui.figures.canvas.roles import GLYPHS

if TYPE_CHECKING:
    import argparse

    from hptui.cli.output.terminal import Terminal
    from hptui.figures.canvas.picture import Picture, Span
    from hptui.figures.canvas.roles import Glyphs, Role

TITLE_LINES: Final = 1
_MAX_WIDTH: Final = 1_000
_MAX_HEIGHT: Final = 500
_DEFAULT_HEIGHT: Final = 24
_LINES_FOR_PROMPT: Final = 2
_COLOURS: Final[dict[Role, str]] = {
    "axis": "2",
    "label": "2",
    "trial": "34",
    "best": "33",
    "pruned": "2",
    "failed": "31",
    "running": "36",
    "infeasible": "31",
    "target": "35",
    "selected": "1",
    "median": "2",
    "note": "2",
    "series-1": "34",
    "series-2": "33",
    "series-3": "32",
    "series-4": "35",
    "series-5": "36",
    "series-6": "31",
}
"""What colours a terminal is asked for: from its own palette, so that they suit its ground."""
_RAMP_COLOURS: Final = ramp_colours(VIRIDIS, is_dark=True)


@dataclass(frozen=True, slots=True)
class FigureSize:
    """Of one figure, with its title."""

    width: int
    height: int

    @classmethod
    def asked_for(cls, args: argparse.Namespace, terminal: Terminal) -> Self:
        """Return the size that the options of `add_size_options` give, or that the terminal has.

        Raises:
            UsageError: An option is out of its range.
        """
        room = min(_DEFAULT_HEIGHT, terminal.height - _LINES_FOR_PROMPT)
        return cls(
            _size(args.width, "--width", terminal.width, _MAX_WIDTH),
            _size(args.height, "--height", max(1, room), _MAX_HEIGHT),
        )


def add_size_options(parser: argparse.ArgumentParser) -> None:
    """Add `--width`, `--height` and `--glyphs`."""
    parser.add_argument("--width", type=int, metavar="CELLS", help="default: the terminal's")
    parser.add_argument(
        "--height", type=int, metavar="LINES", help="default: the terminal's, at most 24"
    )
    parser.add_argument(
        "--glyphs",
        choices=GLYPHS,
        help="what charts are made of: eight dots a cell (default), quarters of cells, or ASCII",
    )


def look_of(terminal: Terminal, glyphs: Glyphs | None = None) -> Look:
    """Return what pictures are made of in a terminal.

    `glyphs` were asked for; without, eight dots a cell are, and letters where there is ASCII alone.
    """
    if glyphs is None:
        glyphs = "braille" if terminal.has_unicode else "ascii"
    return Look(glyphs, has_ramp=terminal.n_colours >= PALETTE_COLOURS)


def picture_text(picture: Picture, *, n_colours: int) -> str:
    """Return a picture as it is printed in a terminal of so many colours, 0 for none."""
    if not n_colours:
        return picture.plain()
    return "\n".join(
        "".join(f"\x1b[{_code(span, n_colours)}m{span.text}\x1b[0m" for span in line)
        for line in picture.lines
    )


def _code(span: Span, n_colours: int) -> str:
    ink = _COLOURS.get(span.role) or _ramp_code(span.role, n_colours, 38)
    return ink if span.ground is None else f"{ink};{_ramp_code(span.ground, n_colours, 48)}"


@lru_cache(None)
def _ramp_code(role: Role, n_colours: int, ground: int) -> str:
    """Return the code of a colour of the ramp; `ground` is 38 for text, 48 for what is behind."""
    hex_colour = _RAMP_COLOURS[role]
    red, green, blue = (int(hex_colour[at : at + 2], 16) for at in (1, 3, 5))
    if n_colours >= TRUE_COLOURS:
        return f"{ground};2;{red};{green};{blue}"
    # The cube of the 256 colours: 0, and steps of 40 from 95 on.
    cube = [0 if each < 48 else min(5, max(1, (each - 35) // 40)) for each in (red, green, blue)]  # noqa: PLR2004
    return f"{ground};5;{16 + 36 * cube[0] + 6 * cube[1] + cube[2]}"


def _size(given: int | None, option: str, default: int, most: int) -> int:
    if given is None:
        return min(default, most)
    if not 1 <= given <= most:
        raise UsageError(f"{option} is {given}, but must be between 1 and {most}.")
    return given

"""How large figures are printed, and in which colours of the terminal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Self

from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.cli.output.terminal import Terminal
    from hptui.figures.canvas.picture import Picture, Role

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
    """Add `--width` and `--height`."""
    parser.add_argument("--width", type=int, metavar="CELLS", help="default: the terminal's")
    parser.add_argument(
        "--height", type=int, metavar="LINES", help="default: the terminal's, at most 24"
    )


def picture_text(picture: Picture, *, has_colour: bool) -> str:
    """Return a picture as it is printed."""
    if not has_colour:
        return picture.plain()
    lines = (
        "".join(f"\x1b[{_COLOURS[span.role]}m{span.text}\x1b[0m" for span in line)
        for line in picture.lines
    )
    return "\n".join(lines)


def _size(given: int | None, option: str, default: int, most: int) -> int:
    if given is None:
        return min(default, most)
    if not 1 <= given <= most:
        raise UsageError(f"{option} is {given}, but must be between 1 and {most}.")
    return given

"""`hptui plot`: figures of studies in the terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from hptui.cli.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.locate import add_study_argument, locate_study
from hptui.cli.plot_kinds import KINDS, check_options
from hptui.cli.table import cut
from hptui.cli.terminal import Terminal
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from pathlib import Path

    from hptui.charts.picture import Picture, Role
    from hptui.cli.plot_request import PlottedStudy

MAX_STUDIES: Final = 6
_MAX_WIDTH: Final = 1_000
_MAX_HEIGHT: Final = 500
_DEFAULT_HEIGHT: Final = 24
_LINES_FOR_PROMPT: Final = 2
_TITLE_LINES: Final = 1
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


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui plot`."""
    add_study_argument(parser)
    parser.add_argument(
        "kind",
        metavar="KIND",
        choices=tuple(KINDS),
        nargs="?",
        default="history",
        help="; ".join(f"{kind.name}: {kind.summary}" for kind in KINDS.values()),
    )
    parser.add_argument(
        "--with",
        dest="others",
        action="append",
        default=[],
        metavar="STUDY",
        help=f"another study in the same figure, {MAX_STUDIES} in all (history, edf)",
    )
    parser.add_argument(
        "--objective", type=int, metavar="N", help="draw only the objective N, from 0"
    )
    parser.add_argument(
        "--param",
        dest="params",
        action="append",
        default=[],
        metavar="NAME",
        help="only this parameter (slice, parallel), "
        "or one of those against each other (contour, rank)",
    )
    parser.add_argument(
        "--axes",
        type=_whole_numbers,
        default=(),
        metavar="X,Y",
        help="which objectives are the axes, from 0; a third one is told by marks (pareto)",
    )
    add_filter_option(parser)
    parser.add_argument(
        "--reference",
        type=_finite_numbers,
        default=(),
        metavar="A,B",
        help="a value for each objective, from which volumes are measured; write --reference=-1,2 "
        "where the first is negative (hypervolume; default: the worst values)",
    )
    parser.add_argument("--log", action="store_true", help="a logarithmic scale for values")
    parser.add_argument("--width", type=int, metavar="CELLS", help="default: the terminal's")
    parser.add_argument(
        "--height", type=int, metavar="LINES", help="default: the terminal's, at most 24"
    )


def run(args: argparse.Namespace) -> int:
    """Draw what was asked for: one figure, or one for each objective."""
    from hptui.cli.plot_request import PlotRequest

    terminal = Terminal.of_stdout()
    width = _size(args.width, "--width", terminal.width, _MAX_WIDTH)
    room = min(_DEFAULT_HEIGHT, terminal.height - _LINES_FOR_PROMPT)
    height = _size(args.height, "--height", max(1, room), _MAX_HEIGHT)
    kind = KINDS[args.kind]
    check_options(kind, args)
    check_filter(args.filter)
    if len(args.others) >= MAX_STUDIES:
        raise UsageError(
            f"{len(args.others) + 1} studies were given, but a figure has room for {MAX_STUDIES}."
        )
    request = PlotRequest(
        studies=tuple(
            _read(text, args.studies, args.filter) for text in (args.study, *args.others)
        ),
        objective=args.objective,
        params=tuple(args.params),
        axes=args.axes,
        reference=args.reference,
        is_log=args.log,
        width=width,
        height=height - _TITLE_LINES,
        unicode=terminal.has_unicode,
    )
    for drawn in kind.draw(request):
        title = cut(safe_line(drawn.title), width)
        print(title if terminal.has_unicode else title.encode("ascii", "replace").decode("ascii"))
        figure = drawn.figure
        print(figure.sentence or _text(figure.picture, has_colour=terminal.has_colour))
    return 0


def _read(text: str, studies: Path | None, filter_text: str | None) -> PlottedStudy:
    from hptui.cli.plot_request import PlottedStudy
    from hptui.storage.chosen_trials import choose_trials
    from hptui.storage.columns import StudyColumns
    from hptui.storage.study_detail import read_study

    place = locate_study(text, studies=studies)
    detail = read_study(place.path, place.study_name)
    with StudyColumns(place.path, place.study_name) as columns:
        columns.refresh()
    trials = columns
    if filter_text is not None:
        trials = choose_trials(columns, chosen_rows(filter_text, columns))
    return PlottedStudy(place, trials, detail.metric_names)


def _whole_numbers(text: str) -> tuple[int, ...]:
    """Read `0,2`; a ValueError becomes a complaint of the parser."""
    return tuple(int(part) for part in text.split(","))


def _finite_numbers(text: str) -> tuple[float, ...]:
    """Read `0.5,-2`; a ValueError becomes a complaint of the parser."""
    numbers = tuple(float(part) for part in text.split(","))
    if not all(map(math.isfinite, numbers)):
        raise ValueError(text)
    return numbers


def _text(picture: Picture, *, has_colour: bool) -> str:
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

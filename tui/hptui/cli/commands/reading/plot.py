"""`hptui plot`: figures of studies in the terminal."""

from __future__ import annotations

import argparse
import math
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hptui.analysis.evaluators import EVALUATORS
from hptui.cli.options.filter_option import add_filter_option, check_filter
from hptui.cli.options.locate import add_study_argument
from hptui.cli.options.option_values import require_free
from hptui.cli.options.plot_options import check_options
from hptui.cli.output.picture_output import (
    TITLE_LINES,
    FigureSize,
    add_size_options,
    look_of,
    picture_text,
)
from hptui.cli.output.table import cut
from hptui.cli.output.terminal import ProgressLine, Terminal
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.figures.canvas.picture import Look
from hptui.figures.canvas.roles import GLYPHS
from hptui.figures.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.figures.request import FigureRequest, Frame

MAX_STUDIES: Final = 6


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
    add_figure_options(parser)
    parser.add_argument(
        "--json", action="store_true", help="print JSON, one object per line (importance, advice)"
    )
    parser.add_argument(
        "--output",
        type=Path,
        metavar="FILE",
        help="write to a file instead, .svg (a picture) or .txt (text)",
    )
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    add_size_options(parser)


def add_figure_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that say what figures show, in the terminal or elsewhere."""
    parser.add_argument(
        "--with",
        dest="others",
        action="append",
        default=[],
        metavar="STUDY",
        help=f"another study in the same figure, {MAX_STUDIES} in all (history, edf)",
    )
    parser.add_argument(
        "--objective", type=int, metavar="N", help="draw only objective N, counted from 0"
    )
    parser.add_argument(
        "--param",
        dest="params",
        action="append",
        default=[],
        metavar="NAME",
        help="draw only this parameter (slice, parallel, importance), or this one against "
        "another (contour, rank)",
    )
    parser.add_argument(
        "--axes",
        type=_whole_numbers,
        default=(),
        metavar="X,Y",
        help="objectives of the axes, counted from 0; marks show a third one (pareto)",
    )
    add_filter_option(parser)
    parser.add_argument(
        "--reference",
        type=_finite_numbers,
        default=(),
        metavar="A,B",
        help="reference point of the volumes, a value for each objective; write --reference=-1,2 "
        "if the first is negative (hypervolume, advice; default: the worst values)",
    )
    parser.add_argument(
        "--evaluator",
        choices=tuple(EVALUATORS),
        help="how to judge importance (default: ped-anova); fanova and mdi skip parameters that "
        "some trials lack",
    )
    parser.add_argument("--log", action="store_true", help="use a logarithmic scale for values")


def run(args: argparse.Namespace) -> int:
    """Draw what was asked for: one figure, or one for each objective."""
    from hptui.figures.request import Frame

    terminal = Terminal.of_stdout()
    size = FigureSize.asked_for(args, terminal)
    kind = KINDS[args.kind]
    check_options(kind, args)
    check_filter(args.filter)
    _check_output(args)
    progress = ProgressLine()
    request = read_request(args, progress.tell)
    if args.json:
        for data in kind.data(request):
            progress.clear()
            print(dump(data, indent=None))
        return 0
    if args.output is not None:
        return _write(
            args, request, Frame(size.width, size.height - TITLE_LINES, _file_look(args)), progress
        )
    frame = Frame(size.width, size.height - TITLE_LINES, look_of(terminal, args.glyphs))
    names = ", ".join(study.name for study in request.studies)
    for titled in kind.figures(request):
        progress.clear()
        title = cut(safe_line(f"{names}: {titled.title}"), size.width)
        print(title if terminal.has_unicode else title.encode("ascii", "replace").decode("ascii"))
        figure = titled.draw(frame)
        print(figure.sentence or picture_text(figure.picture, n_colours=terminal.n_colours))
    return 0


def _file_look(args: argparse.Namespace) -> Look:
    """Return what pictures in a file are made of: an SVG has colours, text has none."""
    return Look(args.glyphs or GLYPHS[0], has_ramp=args.output.suffix.lower() == ".svg")


def _check_output(args: argparse.Namespace) -> None:
    """Refuse what could not be written before anything is computed."""
    if args.output is None:
        if args.overwrite:
            raise UsageError("--overwrite needs --output.")
        return
    from hptui.figures.picture_file import picture_form

    if args.json:
        raise UsageError("--json prints data, and --output writes figures.", hint="Give only one.")
    picture_form(args.output)
    require_free(args.output, overwrite=args.overwrite)


def _write(
    args: argparse.Namespace, request: FigureRequest, frame: Frame, progress: ProgressLine
) -> int:
    """Write the figures to the file that was asked for."""
    from hptui.figures.picture_file import TitledPicture, write_pictures

    names = ", ".join(study.name for study in request.studies)
    pictures = [
        TitledPicture(
            safe_line(f"{names}: {titled.title}", max_chars=frame.width), titled.draw(frame).picture
        )
        for titled in KINDS[args.kind].figures(request)
    ]
    progress.clear()
    write_pictures(args.output, pictures, overwrite=args.overwrite)
    return 0


def read_request(
    args: argparse.Namespace, tell: Callable[[str], None] = lambda _: None
) -> FigureRequest:
    """Read the studies and return what the options of `add_figure_options` ask for.

    Raises:
        UsageError: There are too many studies, or one is not there.
        StudyFileError: A file cannot be read.
    """
    from hptui.cli.output.read_plotted import read_plotted
    from hptui.figures.request import FigureRequest

    if len(args.others) >= MAX_STUDIES:
        raise UsageError(f"Give at most {MAX_STUDIES} studies, not {len(args.others) + 1}.")
    return FigureRequest(
        studies=tuple(
            read_plotted(text, args.studies, args.filter) for text in (args.study, *args.others)
        ),
        objective=args.objective,
        params=tuple(args.params),
        axes=args.axes,
        reference=args.reference,
        evaluator=args.evaluator or "ped-anova",
        is_log=args.log,
        tell=tell,
    )


def _whole_numbers(text: str) -> tuple[int, ...]:
    """Read `0,2`; what is wrong becomes a complaint of the parser."""
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{safe_line(text)!r} is not a list of whole numbers like 0,2."
        ) from None


def _finite_numbers(text: str) -> tuple[float, ...]:
    """Read `0.5,-2`; what is wrong becomes a complaint of the parser."""
    with suppress(ValueError):
        numbers = tuple(float(part) for part in text.split(","))
        if all(map(math.isfinite, numbers)):
            return numbers
    raise argparse.ArgumentTypeError(f"{safe_line(text)!r} is not a list of numbers like 0.5,-2.")

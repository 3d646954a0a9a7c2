"""`hptui plot`: charts of a study in the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.cli.locate import add_study_argument, locate_study
from hptui.cli.table import cut
from hptui.cli.terminal import Terminal
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.charts.picture import Picture, Role

_MAX_WIDTH = 1_000
_MAX_HEIGHT = 500
_DEFAULT_HEIGHT = 24
_LINES_FOR_PROMPT = 2
_TITLE_LINES = 1
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
}
"""What colours a terminal is asked for: from its own palette, so that they suit its ground."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui plot`."""
    add_study_argument(parser)
    parser.add_argument(
        "kind",
        metavar="KIND",
        choices=("history",),
        nargs="?",
        default="history",
        help="what to draw: history (the value of every trial, and the best so far)",
    )
    parser.add_argument(
        "--objective", type=int, metavar="N", help="draw only the objective N, from 0"
    )
    parser.add_argument("--log", action="store_true", help="a logarithmic scale for values")
    parser.add_argument("--width", type=int, metavar="CELLS", help="default: the terminal's")
    parser.add_argument(
        "--height", type=int, metavar="LINES", help="default: the terminal's, at most 24"
    )


def run(args: argparse.Namespace) -> int:
    """Draw one chart for each objective."""
    terminal = Terminal.of_stdout()
    width = _size(args.width, "--width", terminal.width, _MAX_WIDTH)
    room = min(_DEFAULT_HEIGHT, terminal.height - _LINES_FOR_PROMPT)
    height = _size(args.height, "--height", max(1, room), _MAX_HEIGHT)
    place = locate_study(args.study, studies=args.studies)

    from hptui.analysis.history import build_history
    from hptui.charts.history_chart import draw_history, history_source
    from hptui.storage.columns import StudyColumns
    from hptui.storage.study_detail import read_study

    study = read_study(place.path, place.study_name)
    n_objectives = len(study.summary.directions)
    objectives = _objectives(args.objective, n_objectives)
    with StudyColumns(place.path, place.study_name) as columns:
        columns.refresh()
    for objective in objectives:
        metric = study.metric_names[objective] if study.metric_names else "value"
        name = metric if n_objectives == 1 or study.metric_names else f"value {objective}"
        history = build_history(
            columns.numbers,
            columns.values[:, objective],
            columns.is_complete,
            columns.is_feasible,
            columns.directions[objective],
        )
        source = history_source(history, columns.numbers, columns.states, columns.last_values)
        title = cut(f"{safe_line(place.study_name)}: {safe_line(name)}", width)
        drawn = draw_history(
            source,
            width=width,
            height=height - _TITLE_LINES,
            is_log=args.log,
            unicode=terminal.has_unicode,
        )
        print(title if terminal.has_unicode else title.encode("ascii", "replace").decode("ascii"))
        print(drawn.sentence or _text(drawn.picture, has_colour=terminal.has_colour))
    return 0


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


def _objectives(given: int | None, n_objectives: int) -> list[int]:
    if given is None:
        return list(range(n_objectives))
    if n_objectives == 1 and given != 0:
        raise UsageError(
            f"--objective is {given}, but the study has only one.", hint="Leave --objective away."
        )
    if not 0 <= given < n_objectives:
        raise UsageError(
            f"--objective is {given}, but the study has {n_objectives}, counted from 0.",
            hint=f"Give a number from 0 to {n_objectives - 1}.",
        )
    return [given]

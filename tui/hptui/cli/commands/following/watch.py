"""`hptui watch`: a run on one screen of plain text, until it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from typing import TYPE_CHECKING, Any, Final

from hptui.cli.commands.steering.status import IDLE, describe_status, status_of
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.option_values import typed
from hptui.cli.output.run_end import end_of_run
from hptui.cli.output.table import cut
from hptui.cli.output.terminal import Terminal
from hptui.domain.texts.readable import four_digits, plural, show_duration
from hptui.domain.texts.run_text import read_duration
from hptui.domain.texts.text import safe_line
from hptui.errors import StudyBusyError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from hptui.domain.study_ref import StudyRef
    from hptui.figures.request import Frame
    from hptui.storage.read.study_reader import StudyReader

_ON_TERMINAL_S: Final = 1.0
_ELSEWHERE_S: Final = 10.0
_LEAST_FIGURE_LINES: Final = 8
_MOST_FIGURE_LINES: Final = 24
_END_LINES: Final = 2
"""Left free below the screen, for how the run ended and for the prompt."""
_EPILOG = """\
On a terminal, redraws the screen every second; elsewhere, as in a CI log, prints a line every ten
seconds if something has changed. Ends with the run and exits with its code, like hptui wait.
ctrl+c ends only the watching.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui watch`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "--every",
        type=typed(read_duration),
        metavar="TIME",
        help="how often to look (default: 1s on a terminal, else 10s)",
    )


def run(args: argparse.Namespace) -> int:
    """Show the run until it ends."""
    place = locate_study(args.study, studies=args.studies)
    is_terminal = sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    every_s = args.every or (_ON_TERMINAL_S if is_terminal else _ELSEWHERE_S)
    shown = _Screen(place) if is_terminal else _Lines()
    status = status_of(place)
    run_id, watched = status["run"], status["state"] != IDLE
    while True:
        # Another program may have locked the file for a moment: then the next look tells.
        with contextlib.suppress(StudyBusyError):
            shown.show(status)
        if status["state"] == IDLE or status["run"] != run_id:
            break
        _wait_for_change(place, run_id, every_s)
        with contextlib.suppress(StudyBusyError):
            status = status_of(place)
    end = end_of_run(place, run_id)
    if end is None:
        if not is_terminal:
            print(describe_status(status)[0])
        return 0
    print(str(end) if watched else f"Not running. The last run of {end}")
    return end.exit_code


def _wait_for_change(place: StudyRef, run_id: str, every_s: float) -> None:
    """Wait until the next look is due, or the run has ended."""
    from hptui.engine.ipc.client import running_engine

    due_s = time.monotonic() + every_s
    while (left_s := due_s - time.monotonic()) > 0:
        time.sleep(min(left_s, _ON_TERMINAL_S / 2))
        lease = running_engine(place.path, place.study_name)
        if lease is None or lease.run != run_id:
            return


def progress_line(status: Mapping[str, Any]) -> str:
    """Return a run in one line, safe for a terminal."""
    counts = status["counts"]
    ended = sum(counts.values())
    parts = [] if status["state"] == "running" else [safe_line(status["state"], max_chars=20)]
    parts.append(f"{ended}/{status['n_trials']}" if status["n_trials"] else plural(ended, "trial"))
    parts.append(
        f"{counts['complete']} complete, {counts['pruned']} pruned, {counts['fail']} failed"
    )
    parts.append(f"{status['running']} running")
    if status["rate"]:
        parts.append(f"{status['rate']:.3g}/s")
    if status["eta_s"] is not None:
        parts.append(f"eta ~{show_duration(status['eta_s'])}")
    if status["best"]:
        best = status["best"]
        parts.append(f"best {four_digits(best['value'])} (trial {best['number']})")
    if status["trouble"]:
        parts.append(safe_line(status["trouble"]))
    return "   ".join(parts)


class _Lines:
    """A line whenever something has changed, for what is no terminal."""

    def __init__(self) -> None:
        self._last: object = None

    def show(self, status: Mapping[str, Any]) -> None:
        """Print a line, if there is something to say."""
        if status["state"] == IDLE:
            return
        seen = (status["state"], status["counts"], status["running"], status["best"])
        if seen != self._last:
            self._last = seen
            name = safe_line(status["study"], max_chars=60)
            print(f"{name}: {progress_line(status)}", flush=True)


class _Screen:
    """The whole screen, painted anew in its place."""

    def __init__(self, place: StudyRef) -> None:
        from hptui.storage.read.study_reader import StudyReader

        self._reader = StudyReader(place.path, place.study_name)
        self._is_painted = False

    def show(self, status: Mapping[str, Any]) -> None:
        """Paint it."""
        terminal = Terminal.of_stdout()
        lines = screen_lines(
            self._reader,
            status,
            width=terminal.width,
            height=max(1, terminal.height - _END_LINES),
            has_unicode=terminal.has_unicode,
        )
        begin = "\x1b[H" if self._is_painted else "\x1b[2J\x1b[H"
        self._is_painted = True
        sys.stdout.write(begin + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J")
        sys.stdout.flush()


def screen_lines(
    reader: StudyReader, status: Mapping[str, Any], *, width: int, height: int, has_unicode: bool
) -> list[str]:
    """Return what stands on the screen: what `hptui status` says, and a figure where it has room.

    That is the history, or of several objectives the front.
    """
    lines = describe_status(status)
    room = height - len(lines) - 1
    if room >= _LEAST_FIGURE_LINES and any(status["trials"].values()):
        from hptui.figures.canvas.picture import ASCII, FINE
        from hptui.figures.request import Frame

        look = FINE if has_unicode else ASCII
        frame = Frame(width, min(room, _MOST_FIGURE_LINES), look)
        lines = [*lines, "", *_figure(reader, frame)]
    return [cut(line, width) for line in lines[:height]]


def _figure(reader: StudyReader, frame: Frame) -> list[str]:
    from hptui.figures.kinds import KINDS
    from hptui.figures.request import FigureRequest, PlottedStudy

    reader.refresh()
    study = PlottedStudy(reader.path, reader.study_name, reader.trials, ())
    kind = KINDS["history" if len(reader.trials.directions) == 1 else "pareto"]
    figure = next(iter(kind.figures(FigureRequest((study,))))).draw(frame)
    if figure.sentence:
        return [safe_line(figure.sentence)]
    return figure.picture.plain().split("\n")

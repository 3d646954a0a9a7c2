"""`hptui logs`: what trials print, also as they go on."""

from __future__ import annotations

import re
import sys
import time
from collections import deque
from typing import TYPE_CHECKING, Final

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.option_values import typed
from hptui.domain.texts.run_text import read_count
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.engine.workers.log_follower import LogFollower
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.study_folder import folder_of, is_behind_link, log_path
from hptui.storage.read.trial_detail import read_trial

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    from hptui.domain.study_ref import StudyRef

_LOOK_EVERY_S: Final = 0.25
_GRAIN_NS: Final = 10**9
_OPEN: Final = ("RUNNING", "WAITING")
_LOG_NAME: Final = re.compile(r"trial-(\d{6,18})\.log", re.ASCII)
_ENGINE_LOG: Final = "engine.log"
_EPILOG = """\
Without TRIAL these are the logs of the trials that run now, or of the latest one with a log; each
line says its trial. -f goes on until the trial, or the run, has ended. Control characters are made
visible, colours left out, and passwords in addresses replaced.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui logs`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument("trial", nargs="?", type=int, metavar="TRIAL", help="its number")
    parser.add_argument("--follow", "-f", action="store_true", help="keep printing as more arrives")
    parser.add_argument(
        "--lines",
        "-n",
        type=typed(read_count),
        metavar="N",
        help="start with the last N lines of each log (default: all)",
    )
    parser.add_argument("--engine", action="store_true", help="show the engine's own log instead")


def run(args: argparse.Namespace) -> int:
    """Print logs, and follow them where that was asked for."""
    if args.engine and args.trial is not None:
        raise UsageError("--engine takes no TRIAL.", hint="Omit TRIAL, or --engine.")
    logs = _Logs(locate_study(args.study, studies=args.studies), args.lines)
    try:
        if args.trial is not None:
            logs.follow_trial(args.trial, is_following=args.follow)
        elif args.engine:
            logs.follow_engine(is_following=args.follow)
        else:
            logs.follow_run(is_following=args.follow)
    except OSError as error:
        if isinstance(error, BrokenPipeError):
            raise
        raise HptuiError(f"The log cannot be read: {error.strerror or error}.") from error
    return 0


class _Logs:
    """The logs of a study."""

    def __init__(self, place: StudyRef, n_lines: int | None) -> None:
        self._place = place
        self._n_lines = n_lines
        self._name = safe_line(place.study_name, max_chars=60)
        self._folder = folder_of(place.path, place.study_name)
        self._printed_any = False

    def follow_trial(self, number: int, *, is_following: bool) -> None:
        """Print the log of one trial, to its end or as it is."""
        log = self._follower(log_path(self._folder, number))
        running = self._running()
        if number not in (running or ()):
            # Says so, where there is none.
            state = read_trial(self._place.path, self._place.study_name, number).state
            is_following = is_following and running is not None and state in _OPEN
        self._print(log.read(), cut=True)
        while is_following:
            time.sleep(_LOOK_EVERY_S)
            was_running, running = number in (running or ()), self._running()
            self._print(log.read())
            if running is None or number in running:
                is_following = running is not None
            else:
                is_following = not was_running and self._is_open(number)
        self._print(log.finish(), cut=not self._printed_any)
        if not self._printed_any:
            _say(f"Trial {number} of {self._name} has printed nothing.")

    def follow_engine(self, *, is_following: bool) -> None:
        """Print the log of the study's engine."""
        log = self._follower(self._folder / _ENGINE_LOG)
        self._print(log.read(), cut=True)
        while is_following and running_engine(self._place.path, self._place.study_name):
            time.sleep(_LOOK_EVERY_S)
            self._print(log.read())
        self._print(log.finish(), cut=not self._printed_any)
        if not self._printed_any:
            _say(f"The engine log of {self._name} is empty.")

    def follow_run(self, *, is_following: bool) -> None:
        """Print the logs of the trials that run now, and with them of those that begin later."""
        running = self._running()
        known = self._numbers()
        if running is None:
            first, is_following = known[-1:], False
        else:
            first = [number for number in known if number in running]
        logs = {number: self._follower(log_path(self._folder, number)) for number in first}
        for number, log in logs.items():
            self._print(log.read(), trial=number, cut=True)
        if is_following:
            self._follow(logs, set(known))
        for number, log in logs.items():
            self._print(log.finish(), trial=number)
        if not self._printed_any:
            what = "No running trial" if running is not None else "No trial"
            _say(f"{what} of {self._name} has printed anything.")

    def _follow(self, logs: dict[int, LogFollower], seen: set[int]) -> None:
        """Print logs till the run has ended; `seen` are the trials whose logs were there before."""
        running: set[int] | None = set()
        changed_ns = 0
        while running is not None:
            time.sleep(_LOOK_EVERY_S)
            if (now_ns := self._changed_ns()) != changed_ns:
                for number in (each for each in self._numbers() if each not in seen):
                    seen.add(number)
                    logs[number] = self._follower(log_path(self._folder, number))
                # Names that come within the clock's grain are found by the next look.
                changed_ns = now_ns if time.time_ns() - now_ns > _GRAIN_NS else 0
            # Asked after the look: a trial with a log that does not run now has ended.
            running = self._running()
            for number, log in list(logs.items()):
                is_over = number not in (running or ())
                self._print(log.finish() if is_over else log.read(), trial=number)
                if is_over:
                    del logs[number]

    def _running(self) -> set[int] | None:
        """Return the trials that run now; None where nobody here runs the study."""
        lease = running_engine(self._place.path, self._place.study_name)
        if lease is None or lease.is_unseen or not lease.is_here:
            return None
        try:
            told = ask_engine(self._place.path, self._place.study_name, {"op": "status"})
        except HptuiError:
            if running_engine(self._place.path, self._place.study_name) is None:
                # It has just ended.
                return None
            raise
        return {worker["trial"] for worker in told["slots"] if worker["trial"] is not None}

    def _is_open(self, number: int) -> bool:
        """Say whether a trial waits or runs, by the file."""
        return read_trial(self._place.path, self._place.study_name, number).state in _OPEN

    def _numbers(self) -> list[int]:
        """Return the trials that have a log, in order."""
        folder = log_path(self._folder, 0).parent
        if is_behind_link(folder, self._place.path) or not folder.is_dir():
            return []
        found = (_LOG_NAME.fullmatch(path.name) for path in folder.iterdir())
        return sorted(int(each[1]) for each in found if each is not None)

    def _changed_ns(self) -> int:
        try:
            return log_path(self._folder, 0).parent.stat().st_mtime_ns
        except OSError:
            return 0

    def _follower(self, path: Path) -> LogFollower:
        if is_behind_link(path, self._place.path):
            raise UsageError(f"{safe_line(path)} is a link, or in a folder that is one.")
        return LogFollower(path)

    def _print(self, lines: Iterator[str], *, trial: int | None = None, cut: bool = False) -> None:
        """Print lines; with `cut` only the last ones, as many as were asked for."""
        if cut and self._n_lines is not None:
            lines = iter(deque(lines, maxlen=self._n_lines))
        before = "" if trial is None else f"{trial} | "
        for line in lines:
            print(f"{before}{line}")
            self._printed_any = True
        sys.stdout.flush()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)

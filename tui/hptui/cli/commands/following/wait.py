"""`hptui wait`: until runs have ended, with the exit code that they had."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

from hptui.cli.options.locate import add_studies_option, locate_study
from hptui.cli.options.option_values import typed
from hptui.cli.output.run_end import end_of_run
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.run_text import read_duration
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import running_engine
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.study_ref import StudyRef

EXIT_TIMEOUT: Final = 124
"""As that of timeout(1)."""
_LOOK_EVERY_S: Final = 0.2
_EPILOG = """\
The exit code is the run's: 0; 3 if no trial completed; 1 or 2 if it could not continue; 130 if it
was interrupted; the highest one of several studies. After --timeout it is 124. A study that is not
running gives the exit code of its last run at once. --json prints a line for each study when its
run ends: study, file, run, reason, text, error, counts, exit_code.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui wait`."""
    parser.epilog = _EPILOG
    parser.add_argument("study", nargs="+", metavar="STUDY", help="the studies to wait for")
    add_studies_option(parser)
    parser.add_argument(
        "--timeout", type=typed(read_duration), metavar="TIME", help="wait for 90s, 5m or 1h30m"
    )
    parser.add_argument("--json", action="store_true", help="print JSON, one object per line")


def run(args: argparse.Namespace) -> int:
    """Wait, and print how each run ended."""
    located = dict.fromkeys(locate_study(text, studies=args.studies) for text in args.study)
    left = {place: _run_of(place) for place in located}
    began_s = time.monotonic()
    code = 0
    while True:
        for place, run_id in list(left.items()):
            if run_id is None or _run_of(place) != run_id:
                del left[place]
                code = max(code, _tell_end(place, run_id, as_json=args.json))
        if not left:
            return code
        if args.timeout is not None and time.monotonic() - began_s >= args.timeout:
            names = ", ".join(safe_line(place.study_name, max_chars=60) for place in left)
            if not args.json:
                print(f"Still running after {args.timeout:g} s: {names}.")
            return EXIT_TIMEOUT
        time.sleep(_LOOK_EVERY_S)


def _run_of(place: StudyRef) -> str | None:
    """Return the id of the run that goes on, empty where it cannot be told; None without one."""
    lease = running_engine(place.path, place.study_name)
    return None if lease is None else lease.run


def _tell_end(place: StudyRef, run_id: str | None, *, as_json: bool) -> int:
    end = end_of_run(place, run_id)
    if end is None:
        raise UsageError(
            f"hptui has not run {safe_line(place.study_name, max_chars=60)} yet.",
            hint="hptui run OBJECTIVE --study NAME does.",
        )
    print(dump(end.to_json(), indent=None) if as_json else str(end), flush=True)
    return end.exit_code

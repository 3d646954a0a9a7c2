"""Steering a study from any shell: status, pause, resume, stop, kill, workers and so on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.option_values import typed
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.run_text import read_limit
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.study_ref import StudyRef

_STATUS_EPILOG = """\
--json prints the same keys for a running study and one at rest, whose state is idle. counts are the
trials of the run, or of the last one; trials are all in the file, by state (stale: their engine
died). last_run is the run before, or at rest the last one (started, ended, reason, text, error), or
null. prepared is what the next run gets by default (trials, workers), or null.
"""
_NEXT_RUN_EPILOG = """\
While nobody runs the study, this is for its next run. --json tells by next_run whether it is.
"""
_PREPARING = ("workers", "jobs", "enqueue", "extend")


_WITHDRAW_HELP = {
    "workers": "withdraw the number prepared for the next run",
    "jobs": "withdraw the number prepared for the next run",
    "extend": "withdraw the trials prepared for the next run",
    "enqueue": "mark the waiting trials as failed, while the study is not running",
}
_WITHDRAWN = {"workers": "workers", "jobs": "workers", "extend": "trials", "enqueue": "waiting"}
_NEEDED = {"workers": "n", "jobs": "n", "extend": "trials", "enqueue": "params"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command that `parser` is for."""
    command = parser.get_default("command")
    add_study_argument(parser)
    if command == "status":
        parser.epilog = _STATUS_EPILOG
    elif command == "stop":
        parser.add_argument("--now", action="store_true", help="end running trials at once")
    elif command == "kill":
        parser.add_argument("trial", metavar="TRIAL", type=int, help="the trial's number")
    elif command in ("workers", "jobs"):
        parser.add_argument(
            "n", metavar="N", type=int, nargs="?", help="how many trials may run at once"
        )
    elif command == "enqueue":
        parser.add_argument("--params", metavar="JSON", help="""like '{"lr": 1}'""")
    elif command == "extend":
        parser.add_argument(
            "--trials", type=int, metavar="N", help="trials to add; below 0: to take away"
        )
    elif command == "limit":
        parser.add_argument(
            "seconds",
            metavar="TIME",
            type=typed(read_limit),
            help="how long from now, like 90s, 30m or 1h30m; none for no limit",
        )
    if command in _PREPARING:
        parser.epilog = _NEXT_RUN_EPILOG
        parser.add_argument("--withdraw", action="store_true", help=_WITHDRAW_HELP[command])
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Ask the engine, or prepare the next run, and print the answer."""
    from hptui.engine.studies.at_rest import steer

    message: dict[str, Any] = {"op": "jobs" if args.command == "workers" else args.command}
    for name in ("now", "trial", "n", "trials", "seconds"):
        if hasattr(args, name):
            message[name] = getattr(args, name)
    if args.command in _PREPARING:
        message = _prepared(args, message)
    place = locate_study(args.study, studies=args.studies)
    if args.command == "status":
        return _status(place, as_json=args.json)
    answer = steer(place.path, place.study_name, message)
    if args.json:
        left_out = ("ok",) if args.command in _PREPARING else ("ok", "next_run")
        print(json.dumps({key: value for key, value in answer.items() if key not in left_out}))
    else:
        print(safe_line(answer.get("text", "Done.")))
    return 0


def _prepared(args: argparse.Namespace, message: dict[str, Any]) -> dict[str, Any]:
    """Return the request of a command that prepares a study's next run while nobody runs it.

    Raises:
        UsageError: It says nothing, or two things.
    """
    needed = _NEEDED[args.command]
    given = getattr(args, needed)
    if (given is None) != args.withdraw:
        named = "N" if needed == "n" else f"--{needed}"
        raise UsageError(f"Give either {named} or --withdraw.")
    if args.withdraw:
        return {"op": "withdraw", "what": _WITHDRAWN[args.command]}
    if args.command == "enqueue":
        return {**message, "params": _params(given)}
    return message


def _status(place: StudyRef, *, as_json: bool) -> int:
    from hptui.cli.commands.steering.status import describe_status, status_of

    status = status_of(place)
    print(dump(status, indent=None) if as_json else "\n".join(describe_status(status)))
    return 0


def _params(text: str) -> dict[str, Any]:
    try:
        params: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"--params is not JSON: {error}.") from error
    if not isinstance(params, dict):
        raise UsageError("--params is not a JSON object.", hint="""Write it like '{"lr": 0.01}'.""")
    return params  # pyright: ignore[reportUnknownVariableType] - keys of JSON objects are str

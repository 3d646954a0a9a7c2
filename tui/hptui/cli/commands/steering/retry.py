"""`hptui retry`: failed trials tried again, by a study's engine or by its next run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.cli.commands.reading.failures import failure_groups, find_group
from hptui.cli.options.filter_option import add_filter_option, check_filter
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.domain.study_ref import StudyRef

_EPILOG = """\
Retries each failed trial once, with the same parameters. TRIAL, --cause and --filter together
select the trials that match all of them. If the study is not running, they wait for its next run.
--json prints text, trials and, with --cause, cause.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui retry`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "trials", nargs="*", type=int, metavar="TRIAL", help="which ones (default: all)"
    )
    parser.add_argument(
        "--cause",
        metavar="N|TEXT",
        help="those of one cause: its number in `hptui failures`, or part of its message",
    )
    add_filter_option(parser)
    parser.add_argument("--json", action="store_true", help="print the answer as JSON")


def run(args: argparse.Namespace) -> int:
    """Have the trials tried again and say how many they are."""
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)
    numbers, cause = _chosen(place, args)
    answer = _retry(place, numbers)
    if cause is not None:
        answer["cause"] = cause
    if args.json:
        print(dump(answer, indent=None))
    else:
        why = "" if cause is None else f" They failed with: {cause}."
        print(f"{safe_line(answer['text'])}{why}")
    return 0


def _chosen(place: StudyRef, args: argparse.Namespace) -> tuple[list[int] | None, str | None]:
    """Return which trials are meant, None for all, and of which cause they are, if of one."""
    given: list[int] = args.trials
    if args.cause is None and args.filter is None:
        return given or None, None
    groups = failure_groups(place, args.filter)
    if args.cause is None:
        found, cause = [number for group in groups for number in group.retriable], None
    else:
        # Causes are counted over the whole study, as `hptui failures` lists them.
        everything = groups if args.filter is None else failure_groups(place)
        group = find_group(everything, args.cause)
        cause = group.cause.summary
        meant = {number for each in groups for number in each.retriable}
        found = [number for number in group.retriable if number in meant]
    return [number for number in found if not given or number in given], cause


def _retry(place: StudyRef, numbers: list[int] | None) -> dict[str, Any]:
    from hptui.engine.ipc.client import ask_engine, running_engine

    if running_engine(place.path, place.study_name) is not None:
        message = {"op": "retry"} if numbers is None else {"op": "retry", "trials": numbers}
        answer = ask_engine(place.path, place.study_name, message)
        return {"text": answer["text"], "trials": answer["trials"]}
    from hptui.engine.studies.retrying import retry_at_rest

    retried = retry_at_rest(place.path, place.study_name, numbers)
    if not retried:
        raise UsageError(
            "There is no failed trial left to retry.",
            hint="Each trial is retried once; hptui failures STUDY lists them.",
        )
    count = plural(len(retried), "failed trial")
    return {"text": f"The next run will retry {count}.", "trials": retried}

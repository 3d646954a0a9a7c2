"""`hptui failures`: the failed trials of a study, grouped by their cause."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hptui.cli.options.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.output.terminal import Terminal
from hptui.domain.causes import FailureGroup, group_failures
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line, safe_text
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

    from hptui.domain.study_ref import StudyRef
    from hptui.storage.read.trial_detail import StoredError


_EPILOG = """\
Errors that differ only in numbers, addresses, identifiers and paths share a cause, in which #
stands for these. The most frequent cause comes first. `hptui retry STUDY --cause N` retries the
trials of a cause; --filter 'cause="..."' selects them in other commands. --json prints a list of
objects with the keys n, kind, type, message, cause, count, first, newest, trials, retriable,
devices and hosts (how many had each), and example: number, message and traceback of the newest
trial, for the first 50 causes.
"""
_MAX_SHOWN = 20
_MAX_EXAMPLES = 50
_MAX_DEVICES_TOLD = 4
_TRACEBACK_LINES = 4
_MIN_CUT = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui failures`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    add_filter_option(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Print the causes."""
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)
    groups = failure_groups(place, args.filter)
    if args.json:
        print(dump([_as_json(place, at, group) for at, group in enumerate(groups)]))
    elif groups:
        print("\n".join(_lines(place, groups)))
    else:
        print("No trial has failed." if args.filter is None else "None of these trials has failed.")
    return 0


def failure_groups(place: StudyRef, filter_text: str | None = None) -> list[FailureGroup]:
    """Return the failed trials of a study by their cause, those that a filter means."""
    from hptui.storage.read.failures import read_failures

    failures = read_failures(place.path, place.study_name)
    if filter_text is None:
        return group_failures(failures)
    from hptui.storage.read.study_reader import StudyReader

    with StudyReader(place.path, place.study_name) as reader:
        reader.refresh()
    meant = set(reader.trials.numbers[chosen_rows(filter_text, reader)].tolist())
    return group_failures(each for each in failures if each.number in meant)


def find_group(groups: list[FailureGroup], text: str) -> FailureGroup:
    """Return the group that a person means: by its place, from 1, or by a part of its cause.

    Raises:
        UsageError: There is none, or there are several.
    """
    if text.isascii() and text.isdecimal():
        at = int(text[:9])
        if not 1 <= at <= len(groups):
            count = plural(len(groups), "cause")
            raise UsageError(
                f"There is no cause number {safe_line(text)}: the study has {count}.", hint=_HINT
            )
        return groups[at - 1]
    wanted = text.casefold()
    found = [group for group in groups if wanted in group.cause.summary.casefold()]
    exact = [group for group in found if wanted == group.cause.summary.casefold()]
    if len(exact or found) == 1:
        return (exact or found)[0]
    shown = safe_line(text, max_chars=60)
    if not found:
        raise UsageError(f"No trial failed with a cause like {shown!r}.", hint=_HINT)
    listed = "; ".join(
        f"{groups.index(group) + 1}: {safe_line(group.cause.summary, max_chars=60)}"
        for group in found[:_MAX_SHOWN]
    )
    raise UsageError(
        f"{plural(len(found), 'cause')} match {shown!r}: {listed}.",
        hint="Give a longer part of the message.",
    )


_HINT = "hptui failures STUDY lists the causes."


def _error_of(place: StudyRef, number: int) -> StoredError | None:
    from hptui.storage.read.trial_detail import read_trial

    return read_trial(place.path, place.study_name, number).error


def _lines(place: StudyRef, groups: list[FailureGroup]) -> list[str]:
    width = Terminal.of_stdout().table_width
    lines: list[str] = []
    for at, group in enumerate(groups[:_MAX_SHOWN]):
        lines.append(f"{at + 1}  {group.count:,} failed: {group.cause.summary}")
        lines.append(f"   {trials_text(group)}")
        error = _error_of(place, group.newest)
        traceback = [] if error is None else error.traceback.rstrip().splitlines()
        lines += [f"     {safe_line(line)}" for line in traceback[-_TRACEBACK_LINES:]]
    if len(groups) > _MAX_SHOWN:
        left = groups[_MAX_SHOWN:]
        count = sum(group.count for group in left)
        lines.append(f"{count:,} failed for {plural(len(left), 'other cause')}; --json lists all.")
    return [line if width is None else line[: max(width, _MIN_CUT)] for line in lines]


def trials_text(group: FailureGroup) -> str:
    """Return which trials failed so, and whether they were tried again."""
    numbers = f"trial {group.first}"
    if group.count > 1:
        numbers = f"trials {group.first} to {group.newest}"
    numbers += _counted("on", group.hosts) + _counted("on GPU", group.devices)
    n_retried = group.count - len(group.retriable)
    retried = "all" if n_retried == group.count else f"{n_retried:,}"
    return f"{numbers}, {retried} retried" if n_retried else numbers


def _counted(where: str, counts: Mapping[str, int]) -> str:
    """Return where they failed, most often first: a machine or GPU that is broken stands out."""
    often = sorted(counts.items(), key=lambda each: -each[1])
    told = [
        f"{count:,} {where} {safe_line(name, max_chars=60)}"
        for name, count in often[:_MAX_DEVICES_TOLD]
    ]
    if len(often) > len(told):
        told.append(f"and others on {len(often) - len(told):,} more")
    return f": {', '.join(told)}" if told else ""


def _as_json(place: StudyRef, at: int, group: FailureGroup) -> dict[str, Any]:
    error = _error_of(place, group.newest) if at < _MAX_EXAMPLES else None
    return {
        "n": at + 1,
        "kind": group.cause.kind or None,
        "type": group.cause.type or None,
        "message": group.cause.pattern or None,
        "cause": group.cause.text or None,
        "count": group.count,
        "first": group.first,
        "newest": group.newest,
        "trials": group.numbers,
        "retriable": group.retriable,
        "devices": group.devices,
        "hosts": group.hosts,
        "example": None
        if error is None
        else {
            "number": group.newest,
            "message": error.message,
            "traceback": safe_text(error.traceback),
        },
    }

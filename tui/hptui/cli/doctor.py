"""`hptui doctor`: find what a crash left behind, and settle it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hptui.cli.locate import StudyLocation, add_study_argument, locate_study
from hptui.domain.text import safe_line
from hptui.domain.trial_states import RUNNING
from hptui.errors import UsageError
from hptui.storage.stored_times import iso_utc
from hptui.storage.study_detail import read_study
from hptui.storage.trial_detail import TrialDetail, read_trial

if TYPE_CHECKING:
    import argparse

_MAX_LISTED = 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui doctor`."""
    add_study_argument(parser)
    remedy = parser.add_mutually_exclusive_group()
    remedy.add_argument("--fail", action="store_true", help="mark leftover trials as failed")
    remedy.add_argument(
        "--requeue", action="store_true", help="the same, and try their parameters again"
    )
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(args: argparse.Namespace) -> int:
    """Print what was found, and settle it when asked to."""
    place = locate_study(args.study, studies=args.studies)
    findings = examine(place, settle=_remedy(args))
    if args.json:
        print(json.dumps(findings))
        return 0
    print("\n".join(_describe(place, findings)))
    return 0


def _remedy(args: argparse.Namespace) -> str | None:
    return "fail" if args.fail else ("requeue" if args.requeue else None)


def examine(place: StudyLocation, *, settle: str | None) -> dict[str, Any]:
    """Return what is known about a study's engine and its leftover trials.

    Args:
        place: The study.
        settle: `fail` or `requeue` to settle leftover trials, None to look only.

    Raises:
        StudyBusyError: An engine runs the study, so nothing can be settled.
        UsageError: There is nothing to settle.
    """
    import socket

    from hptui.engine.lease import busy_error, read_lease

    lease = read_lease(place.path, place.study_name)
    is_running = lease is not None and lease.is_alive
    if is_running and lease is not None and settle is not None:
        raise busy_error(place.path, lease)
    study = read_study(place.path, place.study_name)
    # Trials of plain Optuna programs and of other machines are nobody's leftovers here.
    runs = {run.id for run in study.runs if run.id and run.host == socket.gethostname()}
    running = _running_trials(place)
    left = [] if is_running else [trial for trial in running if trial.run in runs]
    if settle is not None and not left:
        raise UsageError(f"{safe_line(place.study_name)} has no leftover trials to settle.")
    if settle is not None:
        from hptui.engine.leftovers import settle_leftovers

        settle_leftovers(place.path, place.study_name, settle)
    numbers = {trial.number for trial in left}
    return {
        "study": place.study_name,
        "file": str(place.path),
        "engine": None if lease is None else {"pid": lease.pid, "host": lease.host},
        "engine_is_running": is_running,
        "leftover": [{"number": trial.number, "started": iso_utc(trial.start_s)} for trial in left],
        "running_elsewhere": [t.number for t in running if t.number not in numbers],
        "settled": settle,
    }


def _running_trials(place: StudyLocation) -> list[TrialDetail]:
    from hptui.storage.columns import StudyColumns

    with StudyColumns(place.path, place.study_name) as columns:
        columns.refresh()
    numbers: list[int] = columns.numbers[columns.states == RUNNING].tolist()
    return [read_trial(place.path, place.study_name, number) for number in numbers]


def _describe(place: StudyLocation, findings: dict[str, Any]) -> list[str]:
    name = safe_line(place.study_name)
    engine = findings["engine"]
    if findings["engine_is_running"]:
        return [f"{name} is being run by process {engine['pid']} on {safe_line(engine['host'])}."]
    lines: list[str] = []
    if engine is not None:
        lines.append(f"{name}: its engine, process {engine['pid']}, has died.")
    left = findings["leftover"]
    if left:
        were = "trials were" if len(left) > 1 else "trial was"
        lines.append(f"{name}: {len(left)} {were} left running: {_listed(left)}.")
    if findings["settled"] is not None:
        again = " and enqueued again" if findings["settled"] == "requeue" else ""
        lines.append(f"{len(left)} marked as failed{again}.")
    elif left:
        lines.append("--fail marks them as failed, --requeue also tries their parameters again.")
    others = findings["running_elsewhere"]
    if others:
        numbers = _listed([{"number": number} for number in others])
        lines.append(f"{name}: run by a program that is not hptui, left alone: {numbers}.")
    return lines or [f"{name}: nothing to settle."]


def _listed(trials: list[dict[str, Any]]) -> str:
    shown = ", ".join(str(trial["number"]) for trial in trials[:_MAX_LISTED])
    more = len(trials) - _MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown

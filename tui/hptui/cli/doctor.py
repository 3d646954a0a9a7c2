"""`hptui doctor`: find what a crash left behind, and settle it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from hptui.cli.locate import StudyLocation, add_study_argument, locate_study
from hptui.domain.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse


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
    import optuna

    from hptui.engine.lease import busy_error, read_lease
    from hptui.engine.leftovers import leftover_trials, resolve_leftover
    from hptui.storage.sqlite import SqliteStorage

    lease = read_lease(place.path, place.study_name)
    is_running = lease is not None and lease.is_alive
    if is_running and lease is not None and settle is not None:
        raise busy_error(place.path, lease)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = SqliteStorage(place.path)
    try:
        study = optuna.Study(study_name=place.study_name, storage=storage)
        running = study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,))
        left = [] if is_running else leftover_trials(study)
        if settle is not None and not left:
            raise UsageError(f"{safe_line(place.study_name)} has no leftover trials to settle.")
        for trial in left if settle is not None else []:
            resolve_leftover(study, trial, requeue=settle == "requeue")
    finally:
        storage.close()
    numbers = {trial.number for trial in left}
    return {
        "study": place.study_name,
        "file": str(place.path),
        "engine": None if lease is None else {"pid": lease.pid, "host": lease.host},
        "engine_is_running": is_running,
        "leftover": [
            {
                "number": trial.number,
                "started": trial.datetime_start.isoformat() if trial.datetime_start else None,
            }
            for trial in left
        ],
        "running_elsewhere": [t.number for t in running if t.number not in numbers],
        "settled": settle,
    }


def _describe(place: StudyLocation, findings: dict[str, Any]) -> list[str]:
    name = safe_line(place.study_name)
    if findings["engine_is_running"]:
        engine = findings["engine"]
        return [f"{name} is being run by process {engine['pid']} on {safe_line(engine['host'])}."]
    lines: list[str] = []
    if findings["engine"] is not None:
        lines.append(f"{name}: its engine, process {findings['engine']['pid']}, has died.")
    left = findings["leftover"]
    for trial in left:
        lines.append(f"  trial {trial['number']} was left running, started {trial['started']}")
    if findings["settled"] is not None:
        again = " and enqueued again" if findings["settled"] == "requeue" else ""
        lines.append(f"{len(left)} marked as failed{again}.")
    elif left:
        lines.append("--fail marks them as failed, --requeue also tries their parameters again.")
    others = findings["running_elsewhere"]
    if others and not left:
        listed = ", ".join(str(number) for number in others[:20])
        lines.append(f"{name}: trials {listed} run in a program that is not hptui; left alone.")
    return lines or [f"{name}: nothing to settle."]

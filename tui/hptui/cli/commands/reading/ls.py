"""`hptui ls`: the studies in the studies folder, and what runs, the one last active first."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from hptui.cli.options.locate import (
    add_studies_option,
    finish_left_change,
    spelling_of,
    studies_folder,
    typed_path,
)
from hptui.cli.options.mirrored import mirrored_file, source_of
from hptui.cli.output.detail_json import mirror_json
from hptui.cli.output.table import Column, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural, show_age, show_duration
from hptui.domain.texts.text import safe_line
from hptui.engine.ipc.client import ask_engine, running_engine
from hptui.errors import HptuiError, UsageError
from hptui.registry.catalogue import shown_name
from hptui.storage.mirror.mirrors import place_name
from hptui.storage.read.studies import StudySummary, list_studies
from hptui.storage.sqlite.timestamps import iso_utc

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

_ANSWER_TIMEOUT_S: Final = 1.0
"""A list does not wait longer for an engine that is busy."""
UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class RunNow:
    """A run that goes on; what its engine did not tell is None."""

    state: str
    """`running`, `paused`, `stopping`, `waiting` (for the file), or `unknown`: it did not tell."""
    pid: int | None
    """None where another user or container runs it."""
    host: str
    ended: int | None = None
    """How many trials of this run have ended."""
    n_trials: int | None = None
    """How many it is to have."""
    workers: int | None = None
    eta_s: float | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as `hptui ls --json` prints it."""
        return asdict(self)

    def __str__(self) -> str:
        """Return it in a few words: `running 12/100, 2 workers, eta ~3 m`."""
        if self.ended is None:
            return f"runs on {safe_line(self.host, max_chars=40)}"
        done = str(self.ended) if self.n_trials is None else f"{self.ended}/{self.n_trials}"
        parts = [f"{safe_line(self.state, max_chars=20)} {done}"]
        if self.workers is not None:
            parts.append(plural(self.workers, "worker"))
        if self.eta_s is not None and self.state == "running":
            parts.append(f"eta ~{show_duration(self.eta_s)}")
        return ", ".join(parts)


def run_now(path: Path, study_name: str) -> RunNow | None:
    """Return what runs a study, with what its engine tells; None where nobody does."""
    lease = running_engine(path, study_name)
    if lease is None:
        return None
    untold = RunNow(UNKNOWN, lease.pid or None, lease.host)
    try:
        told = ask_engine(path, study_name, {"op": "status"}, timeout_s=_ANSWER_TIMEOUT_S)
    except HptuiError:
        # It is elsewhere, is busy, or has just ended.
        return None if running_engine(path, study_name) is None else untold
    return RunNow(
        state=str(told["state"]),
        pid=lease.pid,
        host=lease.host,
        ended=sum(told["counts"][key] for key in ("complete", "pruned", "fail")),
        n_trials=told["n_trials"],
        workers=len(told["slots"]),
        eta_s=told["eta_s"],
    )


_COLUMNS = (
    Column("study"),
    Column("objective"),
    Column("goal"),
    Column("best", "right"),
    Column("complete", "right"),
    Column("pruned", "right"),
    Column("failed", "right"),
    Column("open", "right"),
    Column("last activity"),
)
_EPILOG = """\
`open` counts running and waiting trials, `stale` trials whose engine died.
With --json: an array of objects with the keys name,
file, directions, objective, counts, best, last_activity, size_bytes, tags, note (how it begins),
problem, hint, run (what runs now: state, pid, host, ended, n_trials, workers, eta_s; else null),
mirror (of a study on a server or in a journal: address, age_s, trouble; else null).
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `hptui ls`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "place",
        metavar="PLACE",
        nargs="?",
        help="another folder, a study file, a server's address, a journal, or NAME: of a storage "
        "in the settings (default: the studies folder)",
    )
    add_studies_option(parser)
    parser.add_argument(
        "--tag",
        metavar="TAG",
        action="append",
        default=[],
        help="list only studies with this tag; repeat it for studies with all of them",
    )
    parser.add_argument("--running", action="store_true", help="list only running studies")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """List the studies; a file that cannot be read is listed with its problem."""
    address = None if args.place is None else source_of(args.place)
    folder = _place_here(args) if address is None else mirrored_file(address)
    studies = sorted(
        list_studies(folder), key=lambda study: study.last_activity_s or 0.0, reverse=True
    )
    if address is not None:
        # A source without studies is no file that has something wrong with it.
        studies = [study for study in studies if not (study.problem and study.is_of_empty_file)]
    if args.tag:
        everything, wanted = studies, set(args.tag)
        studies = [study for study in everything if wanted <= set(study.tags)]
        if everything and not studies and not args.json:
            named = ", ".join(safe_line(tag, max_chars=60) for tag in args.tag)
            print(f"No study in {safe_line(place_name(folder))} is tagged {named}.")
            return 0
    runs = [None if study.problem else run_now(study.path, study.name) for study in studies]
    if args.running:
        everything = studies
        studies = [study for study, now in zip(studies, runs, strict=True) if now is not None]
        runs = [now for now in runs if now is not None]
        if everything and not studies and not args.json:
            print(f"No study in {safe_line(place_name(folder))} is running.")
            return 0
    if args.json:
        both = zip(studies, runs, strict=True)
        print(dump([_as_json(study, now) for study, now in both]))
    elif not studies:
        makes = "hptui run OBJECTIVE creates one." if args.place is None else ""
        print(f"There are no studies in {safe_line(place_name(folder))}. {makes}".rstrip())
    else:
        _print(studies, runs)
    return 0


def _place_here(args: argparse.Namespace) -> Path:
    """Return the folder, or the study file, that is listed.

    Raises:
        UsageError: There is no such folder or file.
    """
    if args.place is None:
        return studies_folder(args.studies)
    typed = Path(typed_path(args.place))
    try:
        is_there = typed.is_dir() or typed.is_file()
    except (OSError, ValueError):
        is_there = False
    if not is_there:
        raise UsageError(
            f"There is no folder, study file or journal {safe_line(args.place)}.",
            hint="Give one that is there, an address like postgresql://me@host/db, or NAME: of a "
            "storage in the settings; `hptui ls` alone lists the studies folder.",
        )
    place = typed.absolute()
    finish_left_change(place if typed.is_dir() else place.parent)
    return place


def _print(studies: list[StudySummary], runs: Sequence[RunNow | None]) -> None:
    now_s = time.time()
    readable = [study for study in studies if not study.problem]
    if readable:
        rows = [_row(study, now_s) for study in readable]
        columns = _COLUMNS
        if any(runs):
            # Background the name, where a narrow terminal shows it, too.
            columns = (columns[0], Column("run"), *columns[1:])
            both = zip(studies, runs, strict=True)
            of_readable = [now for study, now in both if not study.problem]
            for row, now in zip(rows, of_readable, strict=True):
                row.insert(1, "" if now is None else str(now))
        if any(study.counts["STALE"] for study in readable):
            columns = (*columns, Column("stale", "right"))
            for row, study in zip(rows, readable, strict=True):
                row.append(study.counts["STALE"])
        if any(study.tags for study in readable):
            columns = (*columns, Column("tags"))
            for row, study in zip(rows, readable, strict=True):
                row.append(", ".join(study.tags))
        print("\n".join(render_table(columns, rows, width=Terminal.of_stdout().table_width)))
    for study in studies:
        if study.problem:
            hint = f" {study.hint}" if study.hint else ""
            print(f"! {safe_line(study.name, max_chars=60)}: {safe_line(study.problem + hint)}")


def _row(study: StudySummary, now_s: float) -> list[object]:
    counts = study.counts
    goal = ", ".join(direction[:3] for direction in study.directions)
    return [
        spelling_of(study.path, study.name),
        "" if study.objective is None else shown_name(study.objective),
        goal,
        None if study.best is None else study.best.value,
        counts["COMPLETE"],
        counts["PRUNED"],
        counts["FAIL"],
        counts["RUNNING"] + counts["WAITING"],
        show_age(study.last_activity_s, now_s),
    ]


def _as_json(study: StudySummary, now: RunNow | None) -> dict[str, Any]:
    best = study.best
    return {
        "name": study.name,
        "file": str(study.path),
        "directions": study.directions,
        "objective": None if study.objective is None else study.objective.name,
        "counts": {state.lower(): count for state, count in study.counts.items()},
        "best": None if best is None else {"number": best.number, "value": best.value},
        "last_activity": iso_utc(study.last_activity_s),
        "size_bytes": study.size_bytes,
        "tags": study.tags,
        "note": study.note_start,
        "problem": study.problem or None,
        "hint": study.hint or None,
        "run": None if now is None else now.to_json(),
        "mirror": mirror_json(study.path),
    }

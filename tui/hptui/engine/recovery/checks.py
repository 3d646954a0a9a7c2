"""What is not as it should be about a study: found without changing anything."""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.texts.readable import by_count, plural, show_age, show_moment, show_size
from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.lease import folder_of, read_lease
from hptui.engine.recovery.orphaned_files import orphaned_files_of
from hptui.engine.recovery.unsaved_trials import find_spools
from hptui.engine.studies.resuming import describe_left_change
from hptui.errors import StudyFileError
from hptui.storage.files.journal import JOURNAL
from hptui.storage.files.leases import LEASE, living_runs
from hptui.storage.files.running_trials import RunningTrial, running_trials
from hptui.storage.files.staging import find_orphaned_staging
from hptui.storage.files.study_folder import real_file
from hptui.storage.files.study_identity import token_of
from hptui.storage.files.study_lock import several_names
from hptui.storage.files.validation import EXPORT_HINT, FileReport, inspect_file, odd_table_text
from hptui.storage.read.session import read_study_file
from hptui.storage.read.studies import no_study_text

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from hptui.engine.recovery.lease import Lease
    from hptui.storage.files.leases import Living

CHECK_BUDGET_S: Final = 5.0
"""How long a file is searched for damage."""
_MIN_FREE_BYTES: Final = 1_000_000
_MIN_FREE_SHARE: Final = 0.25
_MIN_WAL_BYTES: Final = 8_000_000
_MAX_LISTED: Final = 20


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, or worth knowing."""

    id: str
    """What kind of thing; with the study it names the finding."""
    text: str
    """A sentence, safe for a terminal."""
    remedy: str = ""
    """What can be done about it here, in a few words; empty when nothing can."""
    hint: str = ""
    """What else a person can do."""
    can_be_undone: bool = True
    """Whether the remedy takes nothing away that cannot be had again."""
    is_trouble: bool = True
    """Whether it is wrong, and not only worth knowing."""


@dataclass(slots=True)
class Examination:
    """What was found about one study, or about a file that holds none that can be read."""

    path: Path
    study_name: str
    """Empty where `path` is a folder, and nothing of a study was found."""
    lease: Lease | None = None
    is_running: bool = False
    """Whether an engine runs it now; then nothing is mended."""
    left: list[RunningTrial] = field(default_factory=list[RunningTrial])
    """Stale trials."""
    others: list[RunningTrial] = field(default_factory=list[RunningTrial])
    """Running trials of other programs and other machines."""
    findings: list[Finding] = field(default_factory=list[Finding])

    @property
    def folder(self) -> Path:
        """Where the study's file lies, or the folder that was looked at."""
        return self.path.parent if self.study_name else self.path

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not any(finding.is_trouble for finding in self.findings)


def examine_file(path: Path) -> FileReport:
    """Look at a file as a whole, and for damage as long as `CHECK_BUDGET_S`."""
    return inspect_file(path, check_budget_s=CHECK_BUDGET_S, with_indexes=True)


def unfit_file(path: Path, report: FileReport) -> Examination:
    """Return what there is to say of a file without studies that can be read."""
    finding = Finding("file", report.sentence, hint=report.hint)
    if report.kind == "older":
        remedy = "upgrade it; a backup is kept beside it"
        finding = Finding("schema", report.sentence, remedy)
    elif report.kind in ("empty", "optuna"):
        sentence = report.sentence or no_study_text(path)
        # In a sound one its maker may be about to make a study.
        is_trouble = report.kind == "empty"
        finding = Finding("no-study", sentence, "move it to the trash", is_trouble=is_trouble)
    return Examination(path, path.stem, findings=[finding])


def examine_folder(folder: Path) -> Examination:
    """Return what there is to say of a folder of studies, the studies aside."""
    return Examination(folder, "", findings=[*_change(folder), *_drafts(folder)])


def examine_study(
    path: Path, study_name: str, *, with_file: bool = True, with_folder: bool = True
) -> Examination:
    """Return what is known about a study of a sound file.

    Args:
        path: The file.
        study_name: The study.
        with_file: Whether to tell of the file as a whole, too.
        with_folder: Whether to tell of what was left in its folder by whatever was made there.

    Raises:
        StudyFileError: There is no such study, or it cannot be read.
        StudyBusyError: Another program has locked the file.
    """
    lease = read_lease(path, study_name)
    found = Examination(path, study_name, lease, lease is not None and lease.is_alive)
    living = living_runs(path)
    running, token, numbers = read_study_file(path, lambda it: _read(it, study_name, living))
    for trial in running:
        (found.left if trial.is_stale else found.others).append(trial)
    if found.is_running:
        found.others = [trial for trial in found.others if lease and trial.run != lease.run]
    findings = found.findings
    if with_file and (names := several_names(path)) is not None:
        findings.append(Finding("names", names[0], hint=names[1]))
    findings += [
        *_leases(found),
        *_spools(path, study_name, token, is_running=found.is_running),
        *_left(found),
        *_others(found.others),
    ]
    if not found.is_running:
        findings += _orphaned_files(path, study_name, numbers)
    if with_file:
        findings += _tables(path)
        findings += _size(path, is_running=found.is_running)
    if with_folder and not found.is_running:
        findings += [*_change(path.parent), *_drafts(path.parent)]
    return found


def _read(
    connection: sqlite3.Connection, study_name: str, living: Living
) -> tuple[list[RunningTrial], str | None, dict[int, str]]:
    running, states = running_trials(connection, study_name, living)
    return running, token_of(connection, study_name), states


def _leases(found: Examination) -> Iterator[Finding]:
    lease = found.lease
    if lease is None:
        return
    if lease.is_unseen:
        yield Finding(
            "engine-unseen",
            "A process that is not visible from here has locked it.",
            hint="It may run in another container or as another user.",
            is_trouble=False,
        )
    elif not lease.is_here:
        yield Finding(
            "lease-elsewhere",
            f"Process {lease.pid} on {safe_line(lease.host)} is running it, or was: there is no "
            "telling from here.",
            hint=f"If that engine is gone, remove {_lease_path(found)}.",
            is_trouble=False,
        )
    elif not found.is_running:
        yield Finding(
            "lease",
            f"Its engine, process {lease.pid}, has died.",
            "release the study",
        )


def _lease_path(found: Examination) -> str:
    return safe_line(f"{folder_of(found.path, found.study_name).name}/{LEASE}")


def _spools(
    path: Path, study_name: str, token: str | None, *, is_running: bool
) -> Iterator[Finding]:
    for spool in find_spools(path, study_name, token):
        kind = f"unsaved:{spool.path.name}"
        folder = safe_line(spool.path.parent, max_chars=400)
        where = f"{safe_line(spool.path.name)} in {folder}"
        if spool.problem:
            yield Finding(kind, f"{where} cannot be used.", hint=spool.problem)
        elif not spool.trials:
            yield Finding(kind, f"{where} is empty.", "" if is_running else "remove it")
        else:
            count = plural(len(spool.trials), "trial")
            are = by_count(len(spool.trials), "is", "are")
            yield Finding(
                kind,
                f"{count} that could not be stored {are} in {where}.",
                "" if is_running else "store them in the study",
                "Stop the run first." if is_running else "",
            )


def _left(found: Examination) -> Iterator[Finding]:
    if found.left:
        count = len(found.left)
        are, whose = by_count(count, "is", "are"), by_count(count, "its", "their")
        yield Finding(
            "leftover",
            f"{plural(count, 'trial')} {are} stale ({whose} engine died): "
            f"{_numbers(found.left)}{_since(found.left)}.",
            "" if found.is_running else "mark as failed",
            "Stop the run first." if found.is_running else "",
            can_be_undone=False,
        )


def _others(others: list[RunningTrial]) -> Iterator[Finding]:
    by_host: dict[str, list[RunningTrial]] = {}
    for trial in others:
        by_host.setdefault(trial.host, []).append(trial)
    for host, trials in sorted(by_host.items()):
        who = f"hptui on {safe_line(host)}" if host else "a program that is not hptui"
        seen = max((trial.heartbeat_s for trial in trials if trial.heartbeat_s), default=None)
        alive = f", last heard of {show_age(seen, time.time())}" if seen is not None else ""
        yield Finding(
            "running-elsewhere",
            f"{plural(len(trials), 'trial')} run by {who}, left alone: "
            f"{_numbers(trials)}{_since(trials)}{alive}.",
            is_trouble=False,
        )


def _orphaned_files(path: Path, study_name: str, states: dict[int, str]) -> Iterator[Finding]:
    for kind, orphaned in orphaned_files_of(path, study_name, states).items():
        if orphaned.paths:
            yield Finding(
                kind,
                f"{orphaned.describe()}, {show_size(orphaned.n_bytes)}.",
                by_count(len(orphaned.paths), "remove it", "remove them"),
                can_be_undone=False,
                # Somebody may still want what an earlier study has left.
                is_trouble=kind != "set-aside",
            )


def _tables(path: Path) -> Iterator[Finding]:
    report = inspect_file(path, check_budget_s=0.0)
    if report.odd_table:
        yield Finding("tables", odd_table_text(report), hint=EXPORT_HINT)


def _size(path: Path, *, is_running: bool) -> Iterator[Finding]:
    file = real_file(path)
    wal = file.with_name(f"{file.name}-wal")
    wal_bytes = 0
    with contextlib.suppress(OSError):
        wal_bytes = wal.stat().st_size
    page_bytes, n_pages, n_free = read_study_file(path, _pages)
    free, whole = n_free * page_bytes, n_pages * page_bytes
    if wal_bytes > _MIN_WAL_BYTES and not is_running:
        yield Finding(
            "wal",
            f"{show_size(wal_bytes)} of changes are still outside the file, in "
            f"{safe_line(wal.name)}.",
            "move them into the file",
        )
    if free > max(_MIN_FREE_BYTES, whole * _MIN_FREE_SHARE):
        yield Finding(
            "free",
            f"{show_size(free)} of {show_size(whole)} in the file is free.",
            "" if is_running else "give the space back",
            "Stop the run first." if is_running else "",
        )


def _change(folder: Path) -> Iterator[Finding]:
    text, can_go_on = describe_left_change(folder)
    if text:
        yield Finding(
            "change",
            text,
            "finish it, or undo it if something is in the way" if can_go_on else "",
            "" if can_go_on else f"Check the folder, then remove {JOURNAL}.",
        )


def _drafts(folder: Path) -> Iterator[Finding]:
    for draft in find_orphaned_staging(folder):
        target = f" of {safe_line(draft.target, max_chars=60)}" if draft.target else ""
        host = f" on {safe_line(draft.host, max_chars=60)}" if draft.host else ""
        who = f" by process {draft.pid}{host}" if draft.pid is not None else ""
        yield Finding(
            f"draft:{draft.path.name}",
            f"A draft{target} was left{who}, begun {show_moment(draft.begun_s)}: "
            f"{draft.path.name}, {show_size(draft.n_bytes)}.",
            "remove it",
            can_be_undone=False,
        )


def _pages(connection: sqlite3.Connection) -> tuple[int, int, int]:
    asked = ("page_size", "page_count", "freelist_count")
    found: list[int] = [int(connection.execute(f"PRAGMA {it}").fetchone()[0]) for it in asked]
    return found[0], found[1], found[2]


def _numbers(trials: Iterable[RunningTrial]) -> str:
    numbers = [trial.number for trial in trials]
    shown = ", ".join(map(str, numbers[:_MAX_LISTED]))
    more = len(numbers) - _MAX_LISTED
    return f"{shown} and {more} more" if more > 0 else shown


def _since(trials: Iterable[RunningTrial]) -> str:
    starts = [trial.start_s for trial in trials if trial.start_s is not None]
    return f", since {show_moment(min(starts))}" if starts else ""


def to_json(found: Examination) -> dict[str, Any]:
    """Return what `hptui doctor --json` prints of a study, except what was done."""
    from hptui.storage.sqlite.timestamps import iso_utc

    lease = found.lease
    return {
        "study": found.study_name or None,
        "file": str(found.path),
        "healthy": found.is_healthy,
        "engine": None
        if lease is None or lease.is_unseen
        else {"pid": lease.pid, "host": lease.host},
        "engine_is_running": found.is_running,
        "leftover": [
            {"number": trial.number, "started": iso_utc(trial.start_s)} for trial in found.left
        ],
        "running_elsewhere": [trial.number for trial in found.others],
        "findings": [
            {
                "id": finding.id,
                "text": finding.text,
                "remedy": finding.remedy or None,
                "hint": finding.hint or None,
                "can_be_undone": finding.can_be_undone,
                "trouble": finding.is_trouble,
            }
            for finding in found.findings
        ],
    }


def require_sound(report: FileReport) -> None:
    """Refuse a file whose studies cannot be read.

    Raises:
        StudyFileError: It is one; says why.
    """
    if report.kind != "optuna":
        raise StudyFileError(report.sentence, hint=report.hint)

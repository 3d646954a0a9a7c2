"""Mending what was found about a study, one finding at a time, under its lease."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any, cast

from hptui.domain.texts.text import safe_line
from hptui.engine.recovery.orphaned_files import orphaned_files_of, remove_orphaned_files
from hptui.engine.recovery.unsaved_trials import find_spools, use_up
from hptui.engine.studies.held_study import locked_study
from hptui.engine.studies.resuming import resume_changes
from hptui.engine.studies.trash import delete_study
from hptui.errors import HptuiError, UsageError
from hptui.storage.files.leases import living_runs
from hptui.storage.files.moving import connect_for_writing, settle_file
from hptui.storage.files.open_files import require_closed
from hptui.storage.files.running_trials import running_trials
from hptui.storage.files.staging import remove_orphaned_staging
from hptui.storage.files.study_identity import token_of
from hptui.storage.files.validation import require_writable
from hptui.storage.read.session import read_study_file
from hptui.storage.sqlite.connection import as_storage_error

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.engine.recovery.checks import Examination, Finding


def mend(found: Examination, finding: Finding, *, requeue: bool = False) -> str:
    """Do what a finding's remedy says, and return a sentence about it.

    Args:
        found: What was found about the study.
        finding: One of its findings.
        requeue: Try the parameters of stale trials again.

    Raises:
        UsageError: There is no remedy.
        StudyBusyError: An engine runs the study, or a program has the file open.
        HptuiError: It cannot be done.
    """
    if not finding.remedy:
        raise UsageError(finding.text, hint=finding.hint)
    path, study = found.path, found.study_name
    kind, _, name = finding.id.partition(":")
    if kind == "change":
        return resume_changes(found.folder) or "That is already done."
    if kind == "draft":
        if not remove_orphaned_staging(found.folder, name):
            raise HptuiError(f"{safe_line(name)} cannot be removed, or is already gone.")
        return "Removed."
    if kind == "schema":
        from hptui.storage.files.upgrade import upgrade_file

        return f"Upgraded. Backup: {safe_line(upgrade_file(path))}."
    if kind == "no-study":
        delete_study(path, study)
        return "Moved to the trash; hptui undo restores it."
    require_writable(path)
    if kind == "leftover":
        return _settle(found, requeue=requeue)
    remedies: dict[str, Callable[[], str]] = {
        "lease": lambda: "Removed.",
        "unsaved": lambda: _store(path, study, name),
        "wal": lambda: _check_in(path),
        "free": lambda: _give_back(path),
    }
    # The claim takes the lease of a dead engine over, and leaves none.
    with locked_study(path, study, whole_file=kind == "free"):
        return remedies.get(kind, lambda: _remove(path, study, kind))()


def _settle(found: Examination, *, requeue: bool) -> str:
    from hptui.engine.recovery.stale_trials import settle_stale_trials

    count = settle_stale_trials(found.path, found.study_name, "requeue" if requeue else "fail")
    again = " and enqueued again" if requeue else ""
    return f"{count} marked as failed{again}."


def _store(path: Path, study: str, name: str) -> str:
    token = read_study_file(path, lambda connection: token_of(connection, study))
    for spool in find_spools(path, study, token):
        if spool.path.name == name:
            done = use_up(path, study, spool)
            known = f", {done.n_known} were stored already" if done.n_known else ""
            return f"{done.n_stored} stored{known}."
    raise HptuiError(f"{safe_line(name)} no longer exists.")


def _remove(path: Path, study: str, kind: str) -> str:
    living = living_runs(path)
    _, states = read_study_file(path, lambda connection: running_trials(connection, study, living))
    orphaned = cast("dict[str, Any]", orphaned_files_of(path, study, states)).get(kind)
    if orphaned is None:
        raise UsageError(f"There is no fix for {safe_line(kind, max_chars=40)!r}.")
    remove_orphaned_files(orphaned)
    return "Removed."


def _check_in(path: Path) -> str:
    settle_file(path)
    return "The changes are in the file now."


def _give_back(path: Path) -> str:
    before = path.stat().st_size
    require_closed(path)
    try:
        with closing(connect_for_writing(path)) as connection:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.Error as error:
        raise as_storage_error(error, path) from error
    return f"The file now has {path.stat().st_size:,} bytes, down from {before:,}."


def mend_all(found: Examination, *, requeue: bool = False) -> list[str]:
    """Do the remedies of all that is wrong; return what was done, or could not be."""
    said: list[str] = []
    findings = [each for each in found.findings if each.remedy and each.is_trouble]
    # A result that comes back late ends a stale trial.
    for finding in sorted(findings, key=lambda each: _rank(each.id)):
        try:
            said.append(f"{finding.text} {mend(found, finding, requeue=requeue)}")
        except HptuiError as error:
            said.append(f"{finding.text} Not fixed: {error.message}")
        except OSError as error:
            # As where another user owns it; what else there is to mend is mended all the same.
            place = f"{safe_line(error.filename)}: " if error.filename else ""
            said.append(f"{finding.text} Not fixed: {place}{safe_line(error.strerror)}.")
    return said


def _rank(kind: str) -> int:
    first = ("change", "unsaved", "leftover", "lease")
    return next((at for at, name in enumerate(first) if kind.startswith(name)), len(first))

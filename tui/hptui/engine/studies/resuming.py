"""Going on with a change of studies whose process was killed in the middle of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.engine.studies.changes import kept_from_engines, settle
from hptui.engine.studies.renaming import Renaming
from hptui.engine.studies.trash import Deletion, Restoration
from hptui.errors import HptuiError, StudyFileError
from hptui.storage.files.journal import JOURNAL, left_journal

if TYPE_CHECKING:
    from pathlib import Path

    from hptui.engine.studies.changes import Change
    from hptui.storage.files.journal import Journal

_KINDS: Final = {kind.kind: kind for kind in (Renaming, Deletion, Restoration)}
_PATIENCE_S: Final = 3.0


def resume_changes(folder: Path) -> str:
    """Finish, or take back, what a killed process left half done; return a sentence about it.

    It is empty where there is nothing; a change that goes on gets a moment to end.

    Raises:
        HptuiError: It cannot be done now; the next call tries again.
    """
    try:
        journal = left_journal(folder, patience_s=_PATIENCE_S)
        if journal is None:
            return ""
        with journal:
            change = _change_of(folder, journal)
            with kept_from_engines(change):
                is_finished = settle(change)
            journal.remove()
    except OSError as error:
        raise _cannot(folder, f"{safe_line(error.strerror)}.") from error
    done = "It is finished now." if is_finished else "It was undone."
    return f"{_sentence(change)} {done}"


def describe_left_change(folder: Path) -> tuple[str, bool]:
    """Return a sentence about what a killed process left half done, and whether it can be resumed.

    The sentence is empty where there is nothing.
    """
    try:
        journal = left_journal(folder)
        if journal is None:
            return "", False
        with journal:
            return _sentence(_change_of(folder, journal)), True
    except HptuiError as error:
        return error.message, False
    except OSError as error:
        return _cannot(folder, f"{safe_line(error.strerror)}.").message, False


def _sentence(change: Change) -> str:
    what = change.describe()
    return f"{what[0].upper()}{what[1:]} was interrupted: its process died."


def _change_of(folder: Path, journal: Journal) -> Change:
    try:
        return _KINDS[str(journal.facts["kind"])].from_facts(folder, journal.facts)
    except (HptuiError, ValueError, KeyError, TypeError) as error:
        raise _cannot(folder, "it describes nothing that hptui does.") from error


def _cannot(folder: Path, why: str) -> HptuiError:
    return StudyFileError(
        f"{safe_line(folder / JOURNAL)} cannot be continued: {why}",
        hint="It says what a killed process was changing. Remove it once that is in order.",
    )

"""When the commands of the list of studies cannot be given, and why."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.mirrors import is_changeable, read_only_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hptui.ui.studies.study_row import StudyRow

_NEEDS_STUDY: Final = frozenset(
    {"run-again", "duplicate-study", "rename-study", "delete-study", "export-study", "mend-study"}
    | {"edit-note", "edit-tags", "fork-study", "merge-studies", "report-study"}
)
_NEEDS_READABLE: Final = frozenset(
    {"run-again", "duplicate-study", "rename-study", "export-study", "edit-note", "edit-tags"}
    | {"fork-study", "merge-studies", "report-study", "mark-study"}
)
_NEEDS_REST: Final = frozenset({"rename-study", "delete-study", "run-again"})
_CHANGES: Final = frozenset({"rename-study", "delete-study", "mend-study"}) | {
    "edit-note",
    "edit-tags",
}
"""What can be done with studies on database servers, and not with those in journals."""
_OF_LISTS: Final = frozenset({"filter", "sort", "reverse"})
_PAIR: Final = 2


@dataclass(frozen=True, slots=True)
class StudiesState:
    """What the rules go by."""

    study: StudyRow | None
    """Under the cursor."""
    is_on_objective: bool
    """Whether the cursor is on an objective, where there is no study yet."""
    is_first: bool
    """Whether there is no study yet."""
    listed: Sequence[StudyRow]
    count_marked: Callable[[], int]
    """Returns how many studies are marked; it looks through the list."""
    is_managing: bool
    """Whether something is done now that moves or changes files."""
    is_trash_empty: bool


def disabled_reason(command_id: str, state: StudiesState) -> str | None:
    """Say why a command cannot be given now; None where it can."""
    if state.is_first and command_id in _OF_LISTS:
        return "There is no study yet."
    if state.is_managing and command_id in _NEEDS_STUDY | {"undo"}:
        return "Still working on the last command; please wait."
    if command_id == "undo" and state.is_trash_empty:
        return "Nothing in the trash."
    if command_id == "open-study" and state.study is None and not state.is_on_objective:
        return "There is nothing under the cursor."
    if command_id == "compare-studies":
        return _why_no_comparison(state)
    if command_id in _NEEDS_STUDY or command_id == "mark-study":
        return _reason_without_study(command_id, state.study)
    return None


def _why_no_comparison(state: StudiesState) -> str | None:
    if state.study is None and state.count_marked() < _PAIR:
        return "There is no study under the cursor."
    if sum(not each.problem for each in state.listed) < _PAIR:
        return "A comparison needs two studies or more."
    return None


def _reason_without_study(command_id: str, row: StudyRow | None) -> str | None:
    if row is None:
        return "There is no study under the cursor."
    # A damaged file can be deleted or mended; of what is elsewhere that is a study only.
    if row.problem and (command_id in _NEEDS_READABLE or row.mirror is not None):
        return f"{safe_line(row.name, max_chars=60)} cannot be read; enter says why."
    if row.mirror is not None and (
        command_id == "run-again" or (command_id in _CHANGES and not is_changeable(row.mirror))
    ):
        return read_only_text(row.mirror)
    if row.engine is not None and command_id in _NEEDS_REST:
        return f"{safe_line(row.name, max_chars=60)} runs now; open and stop it first."
    return None

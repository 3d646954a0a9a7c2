"""Why a command of the set-up form cannot be given now."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from hptui.domain.spaces.space import ChoiceParam
from hptui.domain.texts.text import safe_line
from hptui.ui.commands.command_table import KeyOf, default_key

if TYPE_CHECKING:
    from hptui.ui.setup.setup_draft import SetupDraft

Part = Literal["space", "sampler", "pruner", "run"]
"""Which table of the form."""

_OF_PARAMS: Final = ("fix-param", "toggle-log")
_OF_FIELDS: Final = (*_OF_PARAMS, "reset-field", "edit-field")
_OF_OBJECTIVE: Final = ("probe", "copy-command", "copy")


@dataclass(frozen=True, slots=True)
class PointedField:
    """The field under the cursor."""

    part: Part
    row: str


def disabled_reason(
    command_id: str,
    draft: SetupDraft,
    field: PointedField | None,
    *,
    is_read: bool,
    trouble: str = "",
    key_of: KeyOf = default_key,
) -> str | None:
    """Return a sentence, or None when the command can be given.

    Args:
        command_id: The command.
        draft: The run as it is set up now.
        field: What the cursor is on.
        is_read: Whether what the form begins with has been read.
        trouble: Why the objective could not be read, or cannot be tuned; empty when it can.
        key_of: Names the keys of other commands.
    """
    if command_id in ("start", "pick-objective") and not is_read:
        return "Still reading the form."
    if trouble and command_id == "start":
        return trouble
    if trouble and command_id == "probe":
        return None
    if command_id == "start":
        problems = draft.problems()
        return problems[0] if problems else None
    if command_id == "fork-space":
        return None if draft.space.stored else "There are no trials to copy."
    if command_id in _OF_OBJECTIVE and draft.ref is None:
        return "Choose an objective first."
    if command_id in _OF_FIELDS:
        return _reason_elsewhere(command_id, draft, field, key_of)
    return None


def _reason_elsewhere(
    command_id: str, draft: SetupDraft, field: PointedField | None, key_of: KeyOf
) -> str | None:
    if field is None:
        return "No field is under the cursor."
    if command_id in _OF_PARAMS and field.part != "space":
        return f"It is for parameters; {key_of('next-pane')} goes to the search space."
    if field.part == "space":
        name = safe_line(field.row, max_chars=60)
        if command_id == "toggle-log" and isinstance(draft.space.effective(field.row), ChoiceParam):
            return f"{name} is a list of choices, which has no scale."
        if command_id == "reset-field" and not draft.space.is_edited(field.row):
            return f"{name} is as it was."
    if command_id == "reset-field" and field.part in ("sampler", "pruner"):
        method = draft.sampler if field.part == "sampler" else draft.pruner
        if field.row not in method.given:
            return "It has its default."
    return None

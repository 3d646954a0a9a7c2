"""A search space with its edits: one rule for a run's start, a running study and one at rest."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.domain.spaces.edits import (
    ParamEdit,
    Unset,
    apply_edit,
    check_against_history,
    resolve_value,
    unknown_parameter,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.spaces.space import ChoiceValue, ParamSpec


@dataclass(frozen=True, slots=True)
class ResolvedSpace:
    """What edits make of a space."""

    edits: Mapping[str, ParamEdit]
    """Those in force; none of them is empty."""
    effective: Mapping[str, ParamSpec]
    """The parameters with the edits in force."""

    @property
    def fixed(self) -> dict[str, ChoiceValue]:
        """Return the values of the parameters that are fixed.

        Raises:
            SpaceError: A value may not be suggested.
        """
        return {
            name: resolve_value(name, self.effective[name], edit.fixed)
            for name, edit in self.edits.items()
            if name in self.effective and not isinstance(edit.fixed, Unset)
        }


def resolve_space(
    asked: Mapping[str, ParamSpec],
    in_force: Mapping[str, ParamEdit],
    changed: Mapping[str, ParamEdit] | None = None,
    *,
    stored: Mapping[str, ParamSpec] | None = None,
) -> ResolvedSpace:
    """Return a space with its edits, and with changed ones over them.

    Args:
        asked: The parameters without edits.
        in_force: The edits so far; one of a parameter that nobody asks for waits until somebody
            does.
        changed: Edits that replace those of their parameters; an empty one takes it back.
        stored: What the study's trials hold of parameters that are changed.

    Raises:
        SpaceError: `changed` names no parameter, or an edit does not suit its parameter or what the
            trials hold of it.
    """
    changed = changed or {}
    for name in changed:
        if name not in asked:
            raise unknown_parameter(name, asked)
    merged = {**in_force, **changed}
    effective = {
        name: apply_edit(name, spec, merged[name]) if name in merged else spec
        for name, spec in asked.items()
    }
    for name in changed:
        if stored and name in stored:
            check_against_history(name, effective[name], stored[name])
    edits = {name: edit for name, edit in merged.items() if not edit.is_empty}
    resolved = ResolvedSpace(edits, effective)
    if changed:
        # It is refused now rather than by the next trial.
        _ = resolved.fixed
    return resolved

"""Since which trial each edit of a search space holds, and how an edit is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from hptui.domain.spaces.choice_lists import spell_choices
from hptui.domain.spaces.choices import spell_choice
from hptui.domain.spaces.param_edit import edits_to_json
from hptui.domain.texts.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.domain.spaces.param_edit import ParamEdit


def edits_since(
    before: Mapping[str, ParamEdit],
    since: Mapping[str, int],
    after: Mapping[str, ParamEdit],
    next_number: int,
) -> dict[str, int]:
    """Return for each edit of now the number of the first trial for which it holds.

    Args:
        before: The edits of before.
        since: What is known of those; files of earlier versions do not tell.
        after: The edits of now.
        next_number: The number that the next new trial gets.
    """
    told_before, told_now = edits_to_json(before), edits_to_json(after)
    found: dict[str, int] = {}
    for name, told in told_now.items():
        if repr(told_before.get(name)) != repr(told):
            found[name] = next_number
        elif name in since:
            found[name] = since[name]
    return found


def read_since(data: object) -> dict[str, int]:
    """Return what is stored of `edits_since`; what cannot be a trial's number is left out."""
    held = cast("dict[object, object]", data) if isinstance(data, dict) else {}
    return {
        str(name): number
        for name, number in held.items()
        if isinstance(number, int) and not isinstance(number, bool) and number >= 0
    }


def spell_edit(name: str, edit: ParamEdit) -> str:
    """Return what an edit sets, on one safe line: `low 0.1, fixed rbf`; empty for none."""
    fields = edits_to_json({name: edit}).get(name, {})
    return safe_line(", ".join(f"{key} {_spell(key, value)}" for key, value in fields.items()))


def edits_text(edits: Mapping[str, ParamEdit], since: Mapping[str, int]) -> str:
    """Return edits on one safe line: `x (low -0.5, since trial 12); kind (fixed b)`."""
    parts: list[str] = []
    for name, edit in edits.items():
        when = f", since trial {since[name]}" if name in since else ""
        parts.append(f"{safe_line(name, max_chars=60)} ({spell_edit(name, edit)}{when})")
    return "; ".join(parts)


def _spell(key: str, value: Any) -> object:  # noqa: ANN401 - what JSON has of an edit
    if key == "choices":
        return spell_choices(value)
    return spell_choice(value["value"]) if key == "fixed" else value

"""Stored distributions, read for showing: more of them can be shown than searched."""

from __future__ import annotations

import json
from typing import Any, Final, cast

from hptui.domain.choices import ChoiceValue, is_choice_value
from hptui.domain.space import ChoiceParam, ParamSpec, spec_from_json
from hptui.errors import SpaceError

MAX_JSON_CHARS: Final = 1_000_000
"""Longer JSON is never parsed."""


def stored_spec(text: str) -> ParamSpec:
    """Read a stored distribution for showing: choices that are lists or objects become JSON.

    Raises:
        SpaceError: `text` is not a distribution, or too long for one.
    """
    if len(text) > MAX_JSON_CHARS:
        raise SpaceError(f"Its space is longer than {MAX_JSON_CHARS} characters.")
    try:
        return spec_from_json(text)
    except SpaceError:
        spec = _with_nested_choices(text)
        if spec is None:
            raise
        return spec


def _with_nested_choices(text: str) -> ParamSpec | None:
    # Optuna warns of choices like (64, 64) and stores them all the same.
    try:
        data: Any = json.loads(text)
        choices = cast("list[object]", data["attributes"]["choices"])
        return ChoiceParam(tuple(_as_choice(choice) for choice in choices))
    except (ValueError, TypeError, KeyError, RecursionError, SpaceError):
        return None


def _as_choice(choice: object) -> ChoiceValue:
    return cast("ChoiceValue", choice) if is_choice_value(choice) else json.dumps(choice)

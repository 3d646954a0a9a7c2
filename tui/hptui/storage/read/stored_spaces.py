"""Stored distributions, read for showing: within bounds."""

from __future__ import annotations

from typing import Final

from hptui.domain.spaces.space import ParamSpec, spec_from_json
from hptui.errors import SpaceError

MAX_JSON_CHARS: Final = 1_000_000
"""Longer JSON is never parsed."""


def stored_spec(text: str) -> ParamSpec:
    """Read a stored distribution.

    Raises:
        SpaceError: `text` is not a distribution, or too long for one.
    """
    if len(text) > MAX_JSON_CHARS:
        raise SpaceError(f"Its space is longer than {MAX_JSON_CHARS} characters.")
    return spec_from_json(text)

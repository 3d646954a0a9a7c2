"""JSON as the commands print it: ASCII, and strict, so that every parser reads it.

Numbers that JSON lacks become the strings `"nan"`, `"inf"` and `"-inf"`; what is missing is null.
Times are UTC, `2026-03-01T12:00:00.000000Z`; durations are seconds.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

_TAG: Final = "$hptui"


def plain(value: object) -> object:
    """Return `value` as strict JSON can hold it; what is not one of JSON's types becomes text."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isfinite(value):
            return value
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {str(key): plain(each) for key, each in items}
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return [plain(each) for each in cast("Sequence[object]", value)]
    return str(value)


def tagged(value: object) -> object:
    """Return a value of JSON as strict JSON can hold it, so that `untagged` has it again."""
    if isinstance(value, float) and not math.isfinite(value):
        return {_TAG: str(value)}
    if isinstance(value, Mapping):
        items = cast("Mapping[str, object]", value).items()
        inner = {key: tagged(each) for key, each in items}
        return {_TAG: inner} if _TAG in inner else inner
    if isinstance(value, (list, tuple)):
        return [tagged(each) for each in cast("Sequence[object]", value)]
    return value


def untagged(value: object) -> object:
    """Return what `tagged` was given.

    Raises:
        ValueError: It was not given any such value.
    """
    if isinstance(value, list):
        return [untagged(each) for each in cast("list[object]", value)]
    if not isinstance(value, dict):
        return value
    inner = cast("dict[str, object]", value)
    held = inner.get(_TAG)
    if len(inner) == 1 and isinstance(held, str):
        return float(held)
    if len(inner) == 1 and isinstance(held, dict):
        inner = cast("dict[str, object]", held)
    return {key: untagged(each) for key, each in inner.items()}


def read_json(text: object) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return what a text from anyone holds as JSON; None where it is none, or nested too deeply."""
    try:
        return json.loads(cast("str", text))
    except (ValueError, TypeError, RecursionError):
        return None


def dump(value: object, *, indent: int | None = 2) -> str:
    """Return `value` as JSON in ASCII; keys keep their order."""
    return json.dumps(plain(value), ensure_ascii=True, allow_nan=False, indent=indent)

"""What an objective sets as an attribute, as the JSON that a study file holds."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple, cast

import numpy as np

MAX_TEXT_CHARS: Final = 1_000
"""So much is kept of the text of what JSON cannot hold."""
MAX_ARRAY_ELEMENTS: Final = 100_000
"""Larger arrays are kept as their text, which NumPy shortens."""

MAX_DEPTH: Final = 500
"""Lists and objects within each other; the copy of a trial takes some frames for each."""
_BRACKET: Final = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')
"""A text, in which brackets do not count, or a bracket."""


class StoredValue(NamedTuple):
    """A value as it is stored."""

    json: str
    replaced: str
    """The type of what was replaced by its text; empty when nothing was."""

    def warning(self, what: str) -> str:
        """Return what to say of an attribute of which something was replaced.

        Args:
            what: Which one it is, such as `The user attribute 'model' of trial 3`.
        """
        return f"{what} holds a {self.replaced}, which is not JSON; its text is stored instead."


def stored_value(value: object) -> StoredValue:
    """Return `value` as JSON: NumPy's numbers as numbers, what JSON cannot hold as its text.

    Never raises, whatever the value's own methods do.
    """
    replaced: list[str] = []

    def replace(part: object) -> object:
        plain = _from_numpy(part)
        if plain is None:
            replaced.append(type(part).__name__)
            plain = text_of(part)
        return plain

    for attempt in (lambda: value, lambda: _with_plain_keys(value)):
        replaced.clear()
        try:
            return StoredValue(json.dumps(attempt(), default=replace), ", ".join(replaced[:1]))
        except (TypeError, ValueError, RecursionError):
            # A key that is no text, a list in itself, or one that is too deep.
            continue
    return StoredValue(json.dumps(text_of(value)), type(value).__name__)


def value_of_json(text: str, max_depth: int = MAX_DEPTH) -> Any:  # noqa: ANN401 - any value of JSON
    """Return the value of an attribute that a trial has sent, or that a file holds.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested more than `max_depth` deep. Python 3.14 could read it; earlier
            versions, and Optuna's copies of trials, cannot.
    """
    if text.count("[") + text.count("{") > max_depth:
        depth = 0
        for found in _BRACKET.finditer(text):
            depth += {"[": 1, "{": 1, "]": -1, "}": -1}.get(found[0], 0)
            if depth > max_depth:
                raise RecursionError(f"The value is nested more than {max_depth} deep.")
    return json.loads(text)


def text_of(value: object) -> str:
    """Return the text of a value, shortened where it is long."""
    try:
        text = str(value)
    except Exception:  # noqa: BLE001 - a value's own code may do anything
        text = f"<{type(value).__name__}>"
    return text if len(text) <= MAX_TEXT_CHARS else f"{text[: MAX_TEXT_CHARS - 1]}…"


def _from_numpy(value: object) -> object:
    """Return the number, or the list of numbers, that a value of NumPy is; None of others."""
    is_array = isinstance(value, np.ndarray) and value.size <= MAX_ARRAY_ELEMENTS
    if is_array or isinstance(value, np.generic):
        array = cast("np.ndarray[Any, Any]", value)
        if array.dtype.kind in "biuf":
            return array.tolist()
    return None


def _with_plain_keys(value: object) -> object:
    """Return a value with the keys of its dictionaries as JSON has them.

    Raises:
        RecursionError: It is nested in itself, or too deeply.
    """
    if isinstance(value, Mapping):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key): _with_plain_keys(each) for key, each in items}
    if isinstance(value, list | tuple):
        return [_with_plain_keys(each) for each in cast("list[object]", value)]
    return value


def _key(key: object) -> object:
    plain = _from_numpy(key)
    if plain is None:
        plain = key
    is_json = plain is None or isinstance(plain, str | int | float)
    return plain if is_json else text_of(key)

"""Values that a categorical parameter may have, and how people spell them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hptui.domain.text import safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable

ChoiceValue = None | bool | int | float | str


def is_choice_value(value: object) -> bool:
    """Say whether `value` can be a choice: None, a bool, an int, a float or a string."""
    return value is None or isinstance(value, (bool, int, float, str))


def same_choice(one: ChoiceValue, other: ChoiceValue) -> bool:
    """Say whether Optuna counts both as one choice: equal, or both NaN."""
    both_nan = isinstance(one, float) and isinstance(other, float) and one != one and other != other
    return one == other or both_nan


def spell_choice(choice: ChoiceValue) -> str:
    """Return a choice as people read and type it; `find_choice` reads it back.

    A string that would read as something else (`1`, `None`, `true`) stands in double quotes.
    """
    if not isinstance(choice, str):
        return repr(choice)
    if choice != choice.strip() or not choice or choice[0] in "\"'" or _reads_as_other(choice):
        return json.dumps(safe_line(choice), ensure_ascii=False)
    return safe_line(choice)


def find_choice(choices: Iterable[ChoiceValue], text: str) -> int | None:
    """Return the index of the choice that `text` spells, or None.

    The printed form counts first, then the plain string, then the same number or word written
    another way: with the choices 1 and "1", `1` is the number and `"1"` the string; with "1"
    alone, `1` is the string; with 0.001 alone, `1e-3` finds it.
    """
    known = list(choices)
    for index, choice in enumerate(known):
        if spell_choice(choice) == text:
            return index
    for index, choice in enumerate(known):
        if isinstance(choice, str) and choice == text:
            return index
    try:
        value = read_literal(text)
    except ValueError:
        return None
    for index, choice in enumerate(known):
        if type(choice) is type(value) and same_choice(choice, value):
            return index
    return None


def read_literal(text: str) -> ChoiceValue:
    """Read None, a bool or a number as Python, JSON or TOML would write it.

    Raises:
        ValueError: `text` is none of these.
    """
    words: dict[str, ChoiceValue] = {"none": None, "null": None, "true": True, "false": False}
    lowered = text.strip().lower()
    if lowered in words:
        return words[lowered]
    try:
        return int(lowered)
    except ValueError:
        return float(lowered)


def _reads_as_other(text: str) -> bool:
    try:
        read_literal(text)
    except ValueError:
        return False
    return True

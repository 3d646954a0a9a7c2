"""Values that a categorical parameter may have, and how people spell them."""

from __future__ import annotations

import ast
import json
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.texts.readable import four_digits
from hptui.domain.texts.text import escape_line, safe_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ChoiceValue = None | bool | int | float | str | list[Any] | dict[str, Any]
"""What JSON can hold; tuples are lists there."""

_OPENING: Final = ("[", "{", "(")


def is_choice_value(value: object) -> bool:
    """Say whether `value` can be a choice: any value of JSON."""
    if isinstance(value, (list, tuple)):
        return all(map(is_choice_value, cast("Sequence[object]", value)))
    if isinstance(value, dict):
        items = cast("dict[object, object]", value).items()
        return all(isinstance(key, str) and is_choice_value(each) for key, each in items)
    return value is None or isinstance(value, (bool, int, float, str))


def same_choice(one: ChoiceValue, other: ChoiceValue) -> bool:
    """Say whether Optuna counts both as one choice: equal, or both NaN; lists equal tuples."""
    if one == other:
        return True
    may_hide = (float, list, tuple, dict)
    is_open = isinstance(one, may_hide) and isinstance(other, may_hide)
    return is_open and choice_key(one) == choice_key(other)


def choice_key(choice: ChoiceValue) -> str:
    """Return a text that two choices share where they are stored alike: 1, 1.0 and True differ."""
    return json.dumps(choice, sort_keys=True)


def hashable_choice(choice: ChoiceValue) -> object:
    """Return a choice for a set: lists and objects, and NaN, as their kind and JSON."""
    if isinstance(choice, (list, tuple, dict)) or choice != choice:
        return ("json", choice_key(choice))
    return choice


def place_of(choice: ChoiceValue, choices: Sequence[ChoiceValue]) -> int | None:
    """Return the index of a choice, or None.

    The very element counts first, then one that is stored alike, then an equal one: 1 is 1.0
    where there is no 1, and True where there is neither.
    """
    for index, each in enumerate(choices):
        if each is choice:
            return index
    key, is_bool = choice_key(choice), isinstance(choice, bool)
    alike = (index for index, each in enumerate(choices) if same_choice(each, choice))

    def distance(index: int) -> tuple[bool, bool]:
        each = choices[index]
        return choice_key(each) != key, isinstance(each, bool) is not is_bool

    return min(alike, key=distance, default=None)


def spell_choice(choice: ChoiceValue) -> str:
    """Return a choice in full as people type it; `find_choice` reads it back.

    Lists and objects are compact JSON. A string that would read as something else (`1`, `None`,
    `true`, `[1]`) stands in double quotes. Control characters are made visible; what is only shown
    is `show_choice`.
    """
    if isinstance(choice, (list, tuple, dict)):
        return _compact(choice)
    if not isinstance(choice, str):
        return repr(choice)
    if choice != choice.strip() or not choice or choice[0] in "\"'" or _reads_as_other(choice):
        return json.dumps(escape_line(choice), ensure_ascii=False)
    return escape_line(choice)


def show_choice(choice: ChoiceValue, *, exact: bool = False, max_chars: int = 200) -> str:
    """Return a parameter's value to be shown, safe for a terminal and of at most `max_chars`.

    A string that reads like a number is quoted. Floats have four significant digits; `exact`
    shows all.
    """
    if isinstance(choice, float) and not exact:
        return four_digits(choice)
    return safe_line(spell_choice(choice), max_chars=max_chars)


def find_choice(choices: Iterable[ChoiceValue], text: str) -> int | None:
    """Return the index of the choice that `text` spells, or None.

    The printed form counts first, then the plain string, then the same value written another
    way: with the choices 1 and "1", `1` is the number and `"1"` the string; with "1" alone, `1`
    is the string; with 0.001 alone, `1e-3` finds it; `(64, 32)` finds [64,32].
    """
    known = list(choices)
    for index, choice in enumerate(known):
        if spell_choice(choice) == text:
            return index
    for index, choice in enumerate(known):
        if isinstance(choice, str) and choice == text:
            return index
    try:
        value = read_choice(text)
    except ValueError:
        return None
    place = place_of(value, known)
    return place if place is not None and type(known[place]) is type(value) else None


def read_choice(text: str) -> ChoiceValue:
    """Read what is no string: None, a bool, a number, a list or an object.

    Lists and objects may be spelled as JSON or as Python has them.

    Raises:
        ValueError: `text` is not one of these.
    """
    opened = text.strip()
    if not opened.startswith(_OPENING):
        return read_literal(text)
    try:
        return json.loads(opened)
    except (ValueError, RecursionError):
        return _of_python(opened)


def read_literal(text: str) -> bool | int | float | None:
    """Read None, a bool or a number as Python, JSON or TOML would write it.

    Raises:
        ValueError: `text` is not one of these.
    """
    words: dict[str, bool | None] = {"none": None, "null": None, "true": True, "false": False}
    lowered = text.strip().lower()
    if lowered in words:
        return words[lowered]
    try:
        return int(lowered)
    except ValueError:
        return float(lowered)


def _of_python(text: str) -> ChoiceValue:
    try:
        value: object = ast.literal_eval(text)
        if isinstance(value, (list, tuple, dict)) and is_choice_value(cast("object", value)):
            return json.loads(json.dumps(value))
    except (ValueError, TypeError, SyntaxError, RecursionError, MemoryError):
        pass
    raise ValueError(f"{text!r} is not a list or object")


def _compact(choice: object) -> str:
    spelled = json.dumps(choice, ensure_ascii=False, separators=(",", ":"))
    # What a terminal must not get is escaped, and still JSON.
    return spelled if escape_line(spelled) == spelled else json.dumps(choice, separators=(",", ":"))


def _reads_as_other(text: str) -> bool:
    try:
        read_choice(text)
    except ValueError:
        return False
    return True

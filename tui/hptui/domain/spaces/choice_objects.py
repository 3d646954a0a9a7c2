"""Choices of every kind as JSON can hold them: an objective may offer classes and functions."""

from __future__ import annotations

import json
import math
import re
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.domain.spaces.choices import choice_key, spell_choice

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from hptui.domain.spaces.choices import ChoiceValue

_PLAIN: Final = frozenset((type(None), bool, int, float, str))
_MAX_CHARS: Final = 500
_MAX_DEPTH: Final = 50
"""Of lists in lists: a list may hold itself."""
_MAX_ELEMENTS: Final = 1_000
"""Of an array: larger ones are data, and their text is enough to tell them apart."""
_OBJECT: Final = re.compile(r"<[\w.<>]*?(\w+) object at 0x[0-9a-fA-F]+>")
_ADDRESS: Final = re.compile(r" at 0x[0-9a-fA-F]+")


def storable_choices(choices: Iterable[object]) -> tuple[ChoiceValue, ...]:
    """Return choices as they are sampled and stored, each at its place.

    Tuples and arrays become lists, NumPy's scalars Python's. What JSON does not have becomes a
    text that is the same in each process: the name of a class or function, else what `repr` gives,
    without addresses; texts that are taken already get a number.
    """
    given = tuple(choices)
    if all(type(choice) in _PLAIN for choice in given):
        return cast("tuple[ChoiceValue, ...]", given)
    made: list[ChoiceValue] = []
    named: list[int] = []
    for place, choice in enumerate(given):
        texts: list[str] = []
        try:
            made.append(_storable(choice, texts, _MAX_DEPTH))
        except RecursionError:
            texts.append(stable_text(choice))
            made.append(texts[-1])
        if texts:
            named.append(place)
    taken = {choice_key(made[place]) for place in set(range(len(made))).difference(named)}
    for place in named:
        made[place] = _unique(made[place], taken)
        taken.add(choice_key(made[place]))
    return tuple(made)


def _unique(choice: ChoiceValue, taken: set[str]) -> ChoiceValue:
    spelled = choice if isinstance(choice, str) else spell_choice(choice)
    unique, count = choice, 1
    while choice_key(unique) in taken:
        count += 1
        unique = f"{spelled} #{count}"
    return unique


def _storable(value: object, texts: list[str], depth: int) -> ChoiceValue:
    """Return `value` as JSON holds it; `texts` takes those of what it does not.

    Raises:
        RecursionError: It holds itself, or is nested deeper than `depth`.
    """
    if depth < 0:
        raise RecursionError
    for kind, make in _SCALARS:
        if isinstance(value, kind):
            # Also of subclasses, as of NumPy and enum.
            return cast("ChoiceValue", value if type(value) is kind else make(value))
    if isinstance(value, (list, tuple)):
        return [_storable(each, texts, depth - 1) for each in cast("Sequence[object]", value)]
    if isinstance(value, dict):
        items = cast("Mapping[object, object]", value).items()
        return {_key(key, texts): _storable(each, texts, depth - 1) for key, each in items}
    element = _elements(value)
    if element is not None:
        return _storable(element, texts, depth - 1)
    texts.append(stable_text(value))
    return texts[-1]


_SCALARS: Final[tuple[tuple[type, Callable[[Any], object]], ...]] = (
    (type(None), type(None)),
    (bool, bool),
    (int, int.__int__),
    (float, float.__float__),
    (str, str.__str__),
)


def _key(key: object, texts: list[str]) -> str:
    if isinstance(key, str):
        return str.__str__(key)
    if key is None or isinstance(key, (bool, int, float)):
        # As `json` spells it.
        return json.dumps(key)
    texts.append(stable_text(key))
    return texts[-1]


def _elements(value: Any) -> object:  # noqa: ANN401 - whatever an objective offers
    """Return a scalar or array of NumPy's, or what is like one, as Python has it; else None."""
    if isinstance(value, type) or not (hasattr(value, "dtype") and hasattr(value, "tolist")):
        return None
    try:
        if math.prod(value.shape) > _MAX_ELEMENTS:
            return None
        elements = value.tolist()
    except Exception:  # noqa: BLE001 - another library's code
        return None
    # Python has no number for some of NumPy's.
    return None if type(elements) is type(value) else elements


def stable_text(value: Any) -> str:  # noqa: ANN401 - whatever an objective offers
    """Return a text for an object that is the same in each process."""
    if isinstance(value, Enum):
        return f"{type(value).__qualname__}.{value.name}"
    if callable(value) or type(value).__name__ == "module":
        for attribute in ("__qualname__", "__name__"):
            name = getattr(value, attribute, None)
            if isinstance(name, str):
                return name
    if isinstance(value, (set, frozenset)):
        each_of = cast("Iterable[object]", value)
        texts = (repr(each) if type(each) in _PLAIN else stable_text(each) for each in each_of)
        return f"{{{', '.join(sorted(texts))}}}"
    nameless = f"{type(value).__qualname__} object"
    if type(value).__repr__ is object.__repr__:
        return nameless
    try:
        text = repr(value)
    except Exception:  # noqa: BLE001 - the objective's own code
        return nameless
    return _ADDRESS.sub("", _OBJECT.sub(r"<\1 object>", text))[:_MAX_CHARS]

"""Texts of `--arg` as values of the types that parameters are annotated with.

A type is what an annotation evaluates to: a class, or a form of `typing`. The same conversion
serves the source, which is read without importing it (`registry.argument_source` makes types of
what is written), and the loaded function, whose annotations are there.
"""

from __future__ import annotations

import collections.abc
import enum
import json
import os
import types
import typing
from pathlib import Path, PurePath
from typing import Any, Final, Literal, TypeGuard, cast

from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line

UNKNOWN: Final = object()
"""The type of a parameter that reading the source does not tell; any text fits it."""

_BOOLEANS: Final = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}
_NONES: Final = ("none", "null")
_LISTS: Final = (
    list,
    set,
    frozenset,
    collections.abc.Sequence,
    collections.abc.Iterable,
    collections.abc.Collection,
    collections.abc.MutableSequence,
)
_DICTS: Final = (dict, collections.abc.Mapping, collections.abc.MutableMapping)
_TEXTS: Final = (str, object, Any, UNKNOWN)
_MAX_SHOWN: Final = 60


class UnfitValueError(ValueError):
    """A text that does not fit a type; its text says what was expected."""


def convert(text: str, hint: object) -> Any:  # noqa: ANN401 - whatever the type makes
    """Return what a text stands for as a value of a type.

    Lists are JSON or texts with commas between them, dicts are JSON, `none` is None where the type
    has it, a path's `~` is the home folder. Of a union the first member that takes the text counts,
    and text comes last.

    Raises:
        UnfitValueError: The text does not fit; the message says what does.
    """
    hint = _plain(hint)
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        return _of_union(text, hint)
    if _is_list(hint):
        return _of_list(text, hint)
    if _is_dict(hint):
        return _of_json(_json(text, hint), hint)
    return _of_scalar(text, hint)


def expected(hint: object) -> str:
    """Return what fits a type, in words: `a whole number`, `one of a, b`."""
    hint = _plain(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(dict.fromkeys(expected(each) for each in arguments))
    if origin is Literal:
        return f"one of {', '.join(safe_line(each) for each in arguments)}"
    if _is_enum(hint):
        return f"one of {', '.join(map(safe_line, hint.__members__))}"
    if _is_list(hint):
        return "a JSON list, or values with commas between them"
    if _is_dict(hint):
        return "a JSON object"
    words: dict[object, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        None: "none",
        type(None): "none",
    }
    return words.get(hint, "a path" if _is_path(hint) else "a text")


def type_of_default(value: object) -> object:
    """Return the type of a parameter without an annotation: that of its default."""
    if value is None:
        return str | None
    kind = cast("Any", type(value))
    if isinstance(value, list | tuple | set | frozenset) and value:
        kinds = {type(each) for each in cast("collections.abc.Iterable[object]", value)}
        item = kinds.pop() if len(kinds) == 1 else Any
        return kind[item, ...] if isinstance(value, tuple) else kind[item]
    return kind if is_known(kind) else UNKNOWN


def is_known(hint: object) -> bool:
    """Say whether a text can be made a value of this type."""
    hint = _plain(hint)
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return all(is_known(each) for each in arguments)
    if origin is Literal or _is_dict(hint):
        return True
    if _is_list(hint):
        return all(each is Ellipsis or is_known(each) for each in arguments)
    is_plain = hint in _TEXTS or hint in (bool, int, float, None, type(None))
    return is_plain or _is_path(hint) or _is_enum(hint)


def _plain(hint: object) -> Any:  # noqa: ANN401 - of whatever kind
    """Return a type without what only wraps it: Annotated, Final, NewType, an alias."""
    for _ in range(8):
        if typing.get_origin(hint) in (typing.Annotated, typing.Final, typing.ClassVar):
            hint = typing.get_args(hint)[0]
        elif isinstance(hint, typing.NewType):
            hint = hint.__supertype__
        elif type(hint).__name__ == "TypeAliasType":
            hint = getattr(hint, "__value__", UNKNOWN)
        elif isinstance(hint, typing.TypeVar):
            hint = UNKNOWN
        else:
            break
    return hint


def _unfit(text: object, hint: object) -> UnfitValueError:
    shown = safe_line(text, max_chars=_MAX_SHOWN)
    return UnfitValueError(f"{shown!r} is not {expected(hint)}")


def _of_union(text: str, hint: object) -> object:
    for member in sorted(typing.get_args(hint), key=lambda each: _rank(each, text)):
        try:
            return convert(text, member)
        except UnfitValueError:
            continue
    raise _unfit(text, hint)


def _rank(member: object, text: str) -> int:
    """Return a place among the members of a union: what takes every text must not hide others."""
    member = _plain(member)
    if _is_list(member) and ("," in text or text.lstrip().startswith("[")):
        return 5
    if member in _TEXTS:
        return 7
    if _is_path(member):
        return 6
    ranks: dict[object, int] = {None: 0, type(None): 0, int: 1, float: 2, bool: 3}
    return ranks.get(member, 8 if _is_list(member) else 4)


def _of_scalar(text: str, hint: Any) -> object:  # noqa: ANN401 - of whatever kind
    stripped = text.strip()
    if typing.get_origin(hint) is Literal:
        return _of_names({str(each): each for each in typing.get_args(hint)}, text, hint)
    if _is_enum(hint):
        by_value = {str(each.value): each for each in hint}
        return _of_names({**by_value, **hint.__members__}, text, hint)
    if hint is None or hint is type(None):
        return _of_names(dict.fromkeys(_NONES), stripped.lower(), hint)
    if hint is bool:
        return _of_names(_BOOLEANS, stripped.lower(), hint)
    if hint is int or hint is float:
        try:
            return hint(stripped)
        except ValueError:
            raise _unfit(text, hint) from None
    if _is_path(hint):
        return _path_of(hint)(os.path.expanduser(text))  # noqa: PTH111 - a pure path has none
    if hint in _TEXTS:
        return text
    raise UnfitValueError(f"its type {_name_of(hint)} cannot be read from text")


def _of_names(known: dict[str, Any], text: str, hint: object) -> object:
    if text not in known:
        raise _unfit(text, hint)
    return known[text]


def _of_list(text: str, hint: object) -> object:
    if text.lstrip().startswith("["):
        return _of_json(_json(text, hint), hint)
    parts = [each.strip() for each in text.split(",")] if text.strip() else []
    return _made(hint, [convert(part, item) for part, item in _with_items(parts, hint)])


def _with_items(parts: list[Any], hint: object) -> list[tuple[Any, object]]:
    """Return each part with the type that it must have."""
    arguments = typing.get_args(hint) or (Any, Ellipsis)
    if typing.get_origin(hint) is not tuple or Ellipsis in arguments:
        return [(part, arguments[0]) for part in parts]
    if len(parts) != len(arguments):
        raise UnfitValueError(f"it has {plural(len(parts), 'value')}, not {len(arguments)}")
    return list(zip(parts, arguments, strict=True))


def _made(hint: object, values: list[Any]) -> object:
    kind = typing.get_origin(hint) or hint
    return kind(values) if kind in (tuple, set, frozenset) else values  # pyright: ignore


def _json(text: str, hint: object) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise _unfit(text, hint) from None


def _of_json(value: object, hint: object) -> object:
    """Return a value of JSON as one of a type."""
    hint = _plain(hint)
    if hint in (Any, object, UNKNOWN):
        return value
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        for member in typing.get_args(hint):
            try:
                return _of_json(value, member)
            except UnfitValueError:
                continue
        raise _unfit(json.dumps(value), hint)
    if _is_dict(hint) and isinstance(value, dict):
        of = (typing.get_args(hint) or (Any, Any))[1]
        items = cast("dict[str, object]", value)
        return {key: _of_json(each, of) for key, each in items.items()}
    if _is_list(hint) and isinstance(value, list):
        pairs = _with_items(cast("list[object]", value), hint)
        return _made(hint, [_of_json(part, item) for part, item in pairs])
    is_of_texts = not (_is_dict(hint) or _is_list(hint) or hint is int or hint is float)
    if isinstance(value, str) and is_of_texts:
        return _of_scalar(value, hint)
    return _of_number(value, hint)


def _of_number(value: object, hint: object) -> object:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if typing.get_origin(hint) is Literal and value in typing.get_args(hint):
        return value
    if hint is float and is_number:
        return float(cast("float", value))
    if (hint is int and is_number and isinstance(value, int)) or (
        hint is bool and isinstance(value, bool)
    ):
        return value
    if value is None and (hint is None or hint is type(None)):
        return None
    raise _unfit(json.dumps(value), hint)


def _is_enum(hint: object) -> TypeGuard[type[enum.Enum]]:
    return isinstance(hint, type) and issubclass(hint, enum.Enum)


def _is_list(hint: object) -> bool:
    kind = typing.get_origin(hint) or hint
    return kind is tuple or kind in _LISTS


def _is_dict(hint: object) -> bool:
    kind = typing.get_origin(hint) or hint
    return kind in _DICTS or typing.is_typeddict(kind)


def _is_path(hint: object) -> bool:
    kind = typing.get_origin(hint) or hint
    return isinstance(kind, type) and (kind is os.PathLike or issubclass(kind, PurePath))


def _path_of(hint: object) -> type[PurePath]:
    return hint if isinstance(hint, type) and issubclass(hint, PurePath) else Path


def _name_of(hint: object) -> str:
    return safe_line(hint.__name__ if isinstance(hint, type) else str(hint), max_chars=_MAX_SHOWN)

"""How `name:option=value,...` is read and checked."""

from __future__ import annotations

import difflib
import json
import math
from typing import TYPE_CHECKING, cast

from hptui.domain.methods.options import Family, Method, MethodSpec, Option, OptionValue
from hptui.domain.methods.own_method import own_method, own_spec, split_own, text_option
from hptui.domain.texts.text import safe_line
from hptui.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_BRACKETS = {")": "(", "]": "[", "}": "{"}
_MAX_DEPTH = 8


def read_method(
    family: Family, text: str, tables: Mapping[Family, tuple[Method, ...]], depth: int = 0
) -> tuple[Method, MethodSpec]:
    """Read `name`, `name:option=value,...` or `name(option=value,...)` against the tables.

    A sampler or pruner may be a class of the person's own (`own_method`), whose options are texts.

    Raises:
        OptionError: The method or an option is unknown, or a value is not what is expected.
    """
    if depth == 0 and family in ("sampler", "pruner"):
        own = split_own(
            text, {name for each in tables[family] for name in (each.name, *each.aliases)}
        )
        if own is not None:
            spec = own_spec(own[0], _split_top(own[1], family))
            options = (text_option(name) for name, _ in spec.options)
            return own_method(family, spec.name, options), spec
    name, arguments = _split_name(family, text)
    method = find_method(family, name, tables[family])
    values: dict[str, OptionValue] = {}
    for part in _split_top(arguments, family):
        key, equals, written = (piece.strip() for piece in part.partition("="))
        option = method.option(key)
        if option is None:
            raise _unknown_option(method, key)
        if not equals or not written:
            raise OptionError(
                f"{method.name}: {safe_line(key)} has no value.",
                hint=f"Write {option.name}=VALUE; the value is {option.expected()}.",
            )
        if key in values:
            raise OptionError(f"{method.name}: {key} is given twice.", hint="Give it once.")
        values[key] = read_option(method, option, written, tables, depth)
    return method, make_spec(method, values)


def make_spec(method: Method, values: Mapping[str, OptionValue]) -> MethodSpec:
    """Return the spec of checked values, in the table's order.

    Raises:
        OptionError: A required option is missing, or two options contradict each other.
    """
    for option in method.options:
        if option.required and option.name not in values:
            raise OptionError(
                f"{method.name} needs {option.name}: {option.help}",
                hint=f"Write {method.name}:{option.name}=VALUE; the value is {option.expected()}.",
            )
    ordered = {
        option.name: values[option.name] for option in method.options if option.name in values
    }
    spec = MethodSpec(method.name, tuple(ordered.items()))
    if conflict := method.conflict(method.values(spec)):
        reason, hint = conflict
        raise OptionError(f"{method.name}: {reason}", hint=hint)
    return spec


def find_method(family: Family, name: str, methods: Iterable[Method]) -> Method:
    """Return the method of this name or alias; case, `-` and `_` do not count.

    Raises:
        OptionError: There is none; the hint has near and known names.
    """
    known = list(methods)
    wanted = _plain(name)
    for method in known:
        if wanted in map(_plain, (method.name, *method.aliases)):
            return method
    near = difflib.get_close_matches(
        name.lower(), [method.name for method in known], n=2, cutoff=0.5
    )
    listed = ", ".join(method.name for method in known)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    raise OptionError(
        f"There is no {family} {safe_line(repr(name))}.", hint=f"{meant}Known: {listed}."
    )


def read_option(
    method: Method,
    option: Option,
    text: str,
    tables: Mapping[Family, tuple[Method, ...]],
    depth: int = 0,
) -> OptionValue:
    """Read the value of one option as it is typed.

    Raises:
        OptionError: It is not what the option expects.
    """
    if text.lower() in option.words:
        return None if text.lower() == "none" else text.lower()
    if option.kind in ("sampler", "pruner", "crossover", "mutation"):
        if depth >= _MAX_DEPTH:
            raise OptionError(f"{method.name}: {option.name} is nested too deeply.")
        return read_method(option.kind, text, tables, depth + 1)[1]
    readers: dict[str, Callable[[Option, str], OptionValue]] = {
        "int": _read_int,
        "float": _read_float,
        "bool": _read_bool,
        "choice": _read_choice,
        "json": _read_json,
        "text": _read_text,
    }
    try:
        return readers[option.kind](option, text)
    except (ValueError, RecursionError) as error:
        raise OptionError(
            f"{method.name}: {option.name} is {safe_line(repr(text))}, but it must be "
            f"{option.expected()}.",
            hint=option.help,
        ) from error


def _in_range(option: Option, value: float) -> bool:
    return (option.low is None or value >= option.low) and (
        option.high is None or value <= option.high
    )


def _read_int(option: Option, text: str) -> int:
    value = int(text)
    if not _in_range(option, value):
        raise ValueError(text)
    return value


def _read_float(option: Option, text: str) -> float:
    value = float(text)
    if not math.isfinite(value) or not _in_range(option, value):
        raise ValueError(text)
    return value


def _read_bool(_option: Option, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _read_choice(option: Option, text: str) -> str:
    if text.lower() not in option.choices:
        raise ValueError(text)
    return text.lower()


def _read_text(_option: Option, text: str) -> str:
    return text


def _read_json(_option: Option, text: str) -> tuple[tuple[float, ...], ...]:
    data: object = json.loads(text)
    if not isinstance(data, list) or not data:
        raise ValueError(text)
    rows: list[tuple[float, ...]] = []
    for row in cast("list[object]", data):
        if not isinstance(row, list):
            raise ValueError(text)
        numbers = cast("list[object]", row)
        values = [float(number) for number in numbers if isinstance(number, (int, float))]
        if len(values) != len(numbers) or not values or not all(map(math.isfinite, values)):
            raise ValueError(text)
        rows.append(tuple(values))
    if len({len(row) for row in rows}) != 1:
        raise ValueError(text)
    return tuple(rows)


def _split_name(family: Family, text: str) -> tuple[str, str]:
    """Split `name:arguments` or `name(arguments)`."""
    text = text.strip()
    cut = min((i for i in (text.find(":"), text.find("(")) if i >= 0), default=len(text))
    name, rest = text[:cut].strip(), text[cut:]
    if rest.startswith("("):
        if not rest.endswith(")"):
            raise _unbalanced(family, text)
        return name, rest[1:-1]
    return name, rest[1:]


def _split_top(text: str, family: Family) -> list[str]:
    """Split at the commas that stand in no bracket."""
    parts: list[str] = [""]
    open_brackets: list[str] = []
    for char in text:
        if char in "([{":
            open_brackets.append(char)
        elif char in ")]}" and (not open_brackets or open_brackets.pop() != _BRACKETS[char]):
            raise _unbalanced(family, text)
        if char == "," and not open_brackets:
            parts.append("")
        else:
            parts[-1] += char
    if open_brackets:
        raise _unbalanced(family, text)
    stripped = [part.strip() for part in parts]
    if stripped == [""]:
        return []
    return stripped


def _unbalanced(family: Family, text: str) -> OptionError:
    return OptionError(
        f"The brackets of the {family} {safe_line(repr(text))} do not match.",
        hint="Write nested ones like patient:patience=5,wrapped=median(n_startup_trials=3).",
    )


def _unknown_option(method: Method, name: str) -> OptionError:
    listed = ", ".join(option.name for option in method.options)
    known = f"Options of {method.name}: {listed}." if listed else f"{method.name} has no options."
    if name in method.left_out:
        return OptionError(
            f"{method.name}: {name} is not an option here: {method.left_out[name]}.", hint=known
        )
    near = difflib.get_close_matches(name, [option.name for option in method.options], n=2)
    meant = f"Did you mean {' or '.join(near)}? " if near else ""
    return OptionError(
        f"{method.name} has no option {safe_line(repr(name))}.", hint=f"{meant}{known}"
    )


def _plain(name: str) -> str:
    return name.strip().lower().replace("-", "").replace("_", "")

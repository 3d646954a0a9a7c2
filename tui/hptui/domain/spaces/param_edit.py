"""One edit of a parameter, and how edits are merged and stored."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from hptui.domain.spaces.choice_objects import storable_choices
from hptui.domain.spaces.choices import ChoiceValue, is_choice_value
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_Made = TypeVar("_Made")


class Unset(Enum):
    """The type of `UNSET`, which stands for a field that is not edited."""

    UNSET = "unset"


UNSET: Final = Unset.UNSET


@dataclass(frozen=True, slots=True)
class ParamEdit:
    """What is changed about one parameter; fields that are `UNSET` stay as the objective says.

    Raises:
        SpaceError: A field has a wrong type, a number is not finite, low is above high, the step
            is not above 0, or there are no choices.
    """

    low: float | Unset = UNSET
    high: float | Unset = UNSET
    log: bool | Unset = UNSET
    step: float | Unset | None = UNSET
    """None takes the objective's step away."""
    fixed: ChoiceValue | Unset = UNSET
    """The only value to suggest; None is a value like any other."""
    choices: tuple[ChoiceValue, ...] | Unset = UNSET
    """The choices to suggest, some or all of those that the objective asks for, in any order."""

    def __post_init__(self) -> None:
        for what in ("low", "high", "step"):
            _check_number(what, getattr(self, what), none=what == "step")
        log = cast("object", self.log)
        if not isinstance(log, (bool, Unset)):
            raise SpaceError(f"log is {show(log)}, but it must be true or false.")
        if self.fixed is not UNSET and not is_choice_value(self.fixed):
            raise SpaceError(
                f"fixed is {show(self.fixed)}, but it must be a number, a string, true or false, "
                "or a list or table of such."
            )
        if isinstance(self.fixed, (list, tuple)):
            object.__setattr__(self, "fixed", storable_choices((self.fixed,))[0])
        if not isinstance(self.choices, Unset):
            object.__setattr__(self, "choices", _choices(self.choices))
        if not isinstance(self.low, Unset) and not isinstance(self.high, Unset):
            _check_order(self.low, self.high)
        if isinstance(self.step, (int, float)) and self.step <= 0:
            raise SpaceError(
                f"step is {self.step!r}, but it must be above 0.",
                hint="Write step=none to remove the step.",
            )

    @property
    def is_empty(self) -> bool:
        """Say whether this edit changes nothing."""
        return not set_fields(self)

    def over(self, earlier: ParamEdit) -> ParamEdit:
        """Return `earlier` with the fields that are set here put over it."""
        return replace(earlier, **set_fields(self))


def merge_edits(
    earlier: Mapping[str, ParamEdit], later: Mapping[str, ParamEdit]
) -> dict[str, ParamEdit]:
    """Return both, where a field that `later` sets wins over the same field of `earlier`."""
    merged = dict(earlier)
    for name, edit in later.items():
        merged[name] = edit.over(merged.get(name, ParamEdit()))
    return merged


def edits_to_json(edits: Mapping[str, ParamEdit]) -> dict[str, dict[str, Any]]:
    """Return edits as plain data, the fields that are set only; `fixed` stands in a table."""
    return {
        name: {
            key: {"value": value} if key == "fixed" else value
            for key, value in set_fields(edit).items()
        }
        for name, edit in edits.items()
        if not edit.is_empty
    }


def edits_from_json(data: object) -> dict[str, ParamEdit]:
    """Read what `edits_to_json` wrote.

    Raises:
        SpaceError: `data` is something else.
    """
    tables = _table(data)
    if tables is None:
        raise SpaceError("The stored edits are damaged.", hint="Give the edits again.")
    read: dict[str, ParamEdit] = {}
    for name, table in tables.items():
        values = _table(table)
        fixed = None if values is None else _table(values.get("fixed"))
        if values is not None and fixed is not None:
            values = {**values, "fixed": fixed.get("value")}
        read[name] = about(name, lambda values=values: read_edit(values))
    return read


def read_edit(table: object) -> ParamEdit:
    """Read one edit from a table as TOML and JSON give it.

    Raises:
        SpaceError: It is not a table, or a key or value is not one of an edit.
    """
    values = _table(table)
    if values is None:
        raise SpaceError(
            f"It is {show(table)}, but it must be a table of edits.",
            hint="A table per parameter: [lr], then low = 1e-5 and log = true on lines below.",
        )
    known = [field.name for field in fields(ParamEdit)]
    for key in values:
        if key not in known:
            raise SpaceError(f"{show(key)} is not known here.", hint=f"Use {', '.join(known)}.")
    step: Any = values.get("step")
    if isinstance(step, str) and step.lower() == "none":
        values["step"] = None
    return ParamEdit(**values)


def _table(data: object) -> dict[str, Any] | None:
    return dict(cast("dict[str, Any]", data)) if isinstance(data, dict) else None


def set_fields(edit: ParamEdit) -> dict[str, Any]:
    """Return the fields of an edit that are set."""
    values = {field.name: getattr(edit, field.name) for field in fields(edit)}
    return {key: value for key, value in values.items() if value is not UNSET}


def about(name: str, make: Callable[[], _Made]) -> _Made:
    """Call `make` and put the parameter's name before the sentence of a `SpaceError`."""
    try:
        return make()
    except SpaceError as error:
        raise SpaceError(f"Parameter {show(name)}: {error.message}", hint=error.hint) from error


def _choices(given: object) -> tuple[ChoiceValue, ...]:
    is_list = type(given) in (list, tuple)
    items = list(cast("Iterable[object]", given)) if is_list else []
    choices = tuple(cast("ChoiceValue", item) for item in items if is_choice_value(item))
    if not choices or len(choices) < len(items):
        raise SpaceError(
            f"choices is {show(given)}, but it must be a list of numbers, strings, true or false, "
            "or of lists and tables of such."
        )
    return storable_choices(choices)


def _check_number(what: str, value: object, *, none: bool) -> None:
    if isinstance(value, Unset) or (none and value is None):
        return
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return
    raise SpaceError(f"{what} is {show(value)}, but it must be a finite number.")


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise SpaceError(
            f"low is {low!r} and high is {high!r}, but low must not be above high.",
            hint="Swap them.",
        )


def show(value: object) -> str:
    """Return a value as it stands in a sentence: quoted where it is text, safe, on one line."""
    return safe_line(repr(value))

"""Edits of a search space: bounds, scale, step and fixed values over what the objective asks."""

from __future__ import annotations

import difflib
import re
import tomllib
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.spaces.choice_lists import pick_choices, read_choices
from hptui.domain.spaces.choices import find_choice, place_of, read_literal, same_choice
from hptui.domain.spaces.param_edit import (
    UNSET,
    ParamEdit,
    Unset,
    about,
    edits_from_json,
    edits_to_json,
    merge_edits,
    read_edit,
    set_fields,
    show,
)
from hptui.domain.spaces.space import (
    ChoiceParam,
    ChoiceValue,
    IntParam,
    ParamSpec,
    contains,
    describe,
    kind_of,
)
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping
    from pathlib import Path

__all__ = [
    "FORK_COMMAND",
    "UNSET",
    "ParamEdit",
    "Unset",
    "apply_edit",
    "check_against_history",
    "check_params",
    "choices_edit",
    "edits_from_json",
    "edits_to_json",
    "merge_edits",
    "parse_fix_option",
    "parse_space_option",
    "read_space_file",
    "resolve_text",
    "resolve_value",
    "unknown_parameter",
]

FORK_COMMAND: Final = "hptui fork STUDY NEW_NAME"
"""Stands in the hint of an error where a fork can have what the study itself cannot."""
_SPACE_FORMS = "Write it like lr=1e-5..1e-1:log, depth=2..12:step=2, x=..5, x=1.. or x=:linear."
_RANGE = re.compile(r"(?:(?P<low>[^:=]*?)\.\.(?P<high>[^:=]*))?(?P<tail>(?::[^:=]*(?:=[^:=]*)?)*)")


def parse_space_option(text: str) -> tuple[str, ParamEdit]:
    """Read `NAME=LOW..HIGH[:log|:linear][:step=S|:step=none]`; either bound may be left out.

    A name may hold any character, `=` and `:` included: what follows the last `=` that leaves
    a range is the edit, so `a=b=1..2` edits `a=b`.

    Raises:
        SpaceError: `text` is not of this form, or its parts contradict each other.
    """
    for index in reversed([i for i, char in enumerate(text) if char == "="]):
        name, rest = text[:index], text[index + 1 :]
        match = _RANGE.fullmatch(rest)
        if match and rest and name:
            return name, about(name, lambda match=match: _edit_from(match))
    raise SpaceError(
        f"{show(text)} is not an edit of a parameter.",
        hint=f"{_SPACE_FORMS} To try one value only, use --fix.",
    )


def parse_fix_option(text: str, known: Collection[str] = ()) -> tuple[str, str]:
    """Read `NAME=VALUE` into the name and the value's text, for `resolve_text`.

    The name is the longest of `known` that stands before a `=`, otherwise all before the last
    `=`: so a known name or a value may hold `=` too.

    Raises:
        SpaceError: There is no `=`, or no name before it.
    """
    places = [i for i, char in enumerate(text) if char == "=" and i]
    if not places:
        raise SpaceError(
            f"{show(text)} does not fix a parameter.",
            hint="Write it like kernel=rbf or lr=0.01.",
        )
    place = next((i for i in reversed(places) if text[:i] in known), places[-1])
    return text[:place], text[place + 1 :]


def read_space_file(path: Path) -> dict[str, ParamEdit]:
    """Read edits from a TOML file: a table per parameter, keys as in `ParamEdit`.

    `step = "none"` takes a step away, since TOML has no null.

    Raises:
        SpaceError: The file cannot be read, is not TOML, or a table holds something else.
    """
    shown = safe_line(path)
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpaceError(
            f"The space file {shown} cannot be read: {error.strerror or error}.",
            hint="Check the path.",
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpaceError(
            f"The space file {shown} is not TOML: {safe_line(error)}.",
            hint="A table per parameter: [lr], then low = 1e-5 and log = true on lines below.",
        ) from error
    return {
        name: about(name, lambda table=table: read_edit(table)) for name, table in tables.items()
    }


def apply_edit(name: str, spec: ParamSpec, edit: ParamEdit) -> ParamSpec:
    """Return `spec` with the edit's range or choices; `fixed` is checked, not applied.

    Raises:
        SpaceError: The edit does not suit the parameter's kind, or the result does not hold
            together.
    """
    return about(name, lambda: _applied(spec, edit))


def unknown_parameter(name: str, known: Iterable[str]) -> SpaceError:
    """Return the error for a name that is not a parameter, with the nearest and all known ones."""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=3)
    listed = ", ".join(safe_line(other) for other in names) or "none"
    meant = " or ".join(safe_line(other) for other in near)
    return SpaceError(
        f"There is no parameter {show(name)}.",
        hint=f"Did you mean {meant}? Known: {listed}." if near else f"Known parameters: {listed}.",
    )


def choices_edit(
    name: str, spelled: Iterable[str], space: Mapping[str, ParamSpec], *, can_add: bool = False
) -> ParamEdit:
    """Return the edit that gives a parameter the choices that are spelled so.

    Args:
        name: The parameter.
        spelled: The choices, as `parse_choices_option` returns them.
        space: The parameters that there are.
        can_add: Whether there may be choices that the parameter does not have.

    Raises:
        SpaceError: There is no such parameter, it is a range, or the choices are none.
    """
    if name not in space:
        raise unknown_parameter(name, space)
    spec = space[name]
    if not isinstance(spec, ChoiceParam):
        raise SpaceError(
            f"Parameter {show(name)} is a range ({describe(spec)}), so it has no choices.",
            hint="Edit it with --space.",
        )
    return about(
        name, lambda: ParamEdit(choices=read_choices(spelled, spec.choices, can_add=can_add))
    )


def check_against_history(name: str, new: ParamSpec, stored: ParamSpec) -> None:
    """Refuse what Optuna refuses within one study once a trial has been stored.

    Raises:
        SpaceError: The kind, the scale or the list of choices differs from the stored one.
    """
    where = f"Parameter {show(name)}"
    new_study = "Start a new study for it: give --study another name."
    fork = f"Carry the trials that fit into a new study: {FORK_COMMAND}"
    if type(new) is not type(stored):
        raise SpaceError(
            f"{where} is {kind_of(new)} now, but this study holds it as {kind_of(stored)}.",
            hint=new_study,
        )
    if isinstance(new, ChoiceParam) and isinstance(stored, ChoiceParam):
        alike = len(new.choices) == len(stored.choices) and all(
            same_choice(one, other) for one, other in zip(new.choices, stored.choices, strict=True)
        )
        if not alike:
            raise SpaceError(
                f"{where} has the choices {describe(new)} now, but this study holds "
                f"{describe(stored)}, and a list of choices cannot change within a study, not "
                "even its order.",
                hint=f"{fork} --choices '{safe_line(name)}=A|B'.",
            )
    elif _is_log(new) != _is_log(stored):
        now, was = ("log", "linear") if _is_log(new) else ("linear", "log")
        raise SpaceError(
            f"{where} is on a {now} scale now, but this study holds it on a {was} one, and "
            "Optuna cannot mix them in a study.",
            hint=f"Keep it {was} here. {fork} --space {safe_line(name)}=:{now}.",
        )


def resolve_text(name: str, spec: ParamSpec, text: str) -> ChoiceValue:
    """Return the value that `text` spells for this parameter; see `find_choice` for choices.

    Raises:
        SpaceError: No choice is spelled so, or the number is not one that may be suggested.
    """
    if isinstance(spec, ChoiceParam):
        index = find_choice(spec.choices, text)
        if index is None:
            raise _not_in(name, spec, text)
        return spec.choices[index]
    try:
        value = read_literal(text)
    except ValueError:
        value = text
    return resolve_value(name, spec, value)


def resolve_value(name: str, spec: ParamSpec, value: ChoiceValue) -> ChoiceValue:
    """Return `value` as the parameter's own type: 3.0 is 3 for an integer, 1 is 1.0 for a float.

    Raises:
        SpaceError: The value may not be suggested.
    """
    if isinstance(spec, ChoiceParam):
        place = place_of(value, spec.choices)
        # True is no 1 to a person, whatever Python says.
        if place is not None and isinstance(spec.choices[place], bool) is isinstance(value, bool):
            return spec.choices[place]
    elif contains(spec, value) and isinstance(value, (int, float)):
        return int(value) if isinstance(spec, IntParam) else float(value)
    raise _not_in(name, spec, value)


def check_params(params: Mapping[str, Any], space: Mapping[str, ParamSpec]) -> None:
    """Check the parameters of a trial by hand.

    Raises:
        SpaceError: A name that is no parameter, or a value that it may not have.
    """
    for name, value in params.items():
        if name not in space:
            raise unknown_parameter(name, space)
        resolve_value(name, space[name], value)


def _is_log(spec: ParamSpec) -> bool:
    return not isinstance(spec, ChoiceParam) and spec.log


def _applied(spec: ParamSpec, edit: ParamEdit) -> ParamSpec:
    changes = set_fields(edit)
    changes.pop("fixed", None)
    choices = changes.pop("choices", None)
    if changes and isinstance(spec, ChoiceParam):
        raise SpaceError(
            f"It is a list of choices ({describe(spec)}), so it has no {', '.join(changes)}.",
            hint="Give some of its choices, or fix it to one.",
        )
    if choices is not None:
        if not isinstance(spec, ChoiceParam):
            raise SpaceError(
                f"It is a range ({describe(spec)}), so it has no choices.", hint=_SPACE_FORMS
            )
        spec = ChoiceParam(tuple(pick_choices(choices, spec.choices)))
    if isinstance(spec, IntParam) and changes.get("step", 1) is None:
        changes["step"] = 1
    edited = replace(spec, **changes) if changes else spec
    if not isinstance(edit.fixed, Unset):
        resolve_value("", edited, edit.fixed)
    return edited


def _edit_from(match: re.Match[str]) -> ParamEdit:
    low, high = match["low"], match["high"]
    values: dict[str, Any] = {}
    if low:
        values["low"] = _number(low)
    if high:
        values["high"] = _number(high)
    for part in match["tail"].split(":")[1:]:
        key, value = _read_suffix(part.strip())
        if key in values:
            raise SpaceError(f"It sets {key} twice.", hint=_SPACE_FORMS)
        values[key] = value
    if not values:
        raise SpaceError("The edit changes nothing.", hint=_SPACE_FORMS)
    return ParamEdit(**values)


def _read_suffix(part: str) -> tuple[str, Any]:
    if part in ("log", "linear"):
        return "log", part == "log"
    key, equals, value = part.partition("=")
    if key.strip() == "step" and equals:
        return "step", None if value.strip().lower() == "none" else _number(value)
    raise SpaceError(
        f"{show(part)} is not valid after a range.",
        hint="Use :log, :linear, :step=2 or :step=none.",
    )


def _number(text: str) -> float:
    try:
        value = read_literal(text)
    except ValueError:
        value = None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpaceError(f"{show(text)} is not a number.", hint=_SPACE_FORMS)
    return value


def _not_in(name: str, spec: ParamSpec, value: object) -> SpaceError:
    about = f"Parameter {show(name)} cannot be" if name else "It cannot be fixed to"
    options = "one of" if isinstance(spec, ChoiceParam) else "in"
    return SpaceError(
        f"{about} {show(value)}: it is {options} {describe(spec)}.",
        hint="Give a value that it may have, or edit its range first.",
    )

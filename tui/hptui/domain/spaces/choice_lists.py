"""Lists of choices as people type them: `kernel=rbf|poly`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hptui.domain.spaces.choices import (
    ChoiceValue,
    choice_key,
    find_choice,
    place_of,
    read_choice,
    show_choice,
    spell_choice,
)
from hptui.domain.spaces.param_edit import show
from hptui.errors import SpaceError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

_FORM = 'Write it like kernel=rbf|poly; quote a choice that contains |, like "a|b".'


def parse_choices_option(text: str, known: Collection[str] = ()) -> tuple[str, tuple[str, ...]]:
    """Read `NAME=A|B|C` into the name and the spelled choices, for `read_choices`.

    The name is the longest of `known` that stands before a `=`, otherwise all before the first
    `=`: choices hold `=` more often than names do.

    Raises:
        SpaceError: There is no `=`, no name before it, or an empty choice.
    """
    places = [i for i, char in enumerate(text) if char == "=" and i]
    if not places:
        raise SpaceError(f"{show(text)} gives no choices.", hint=_FORM)
    place = next((i for i in reversed(places) if text[:i] in known), places[0])
    return text[:place], split_choices(text[place + 1 :])


def split_choices(text: str) -> tuple[str, ...]:
    """Split `a|b|"c|d"|["e|f"]` at the bars that are not in double quotes.

    Raises:
        SpaceError: A choice is empty.
    """
    parts, start, is_quoted, is_escaped = [""], True, False, False
    # In a list or an object quotes stand anywhere, else only at the beginning.
    is_nested = False
    for char in text:
        if is_escaped:
            is_escaped = False
        elif char == '"' and (is_quoted or start or is_nested):
            is_quoted = not is_quoted
        elif char == "\\" and is_quoted:
            is_escaped = True
        elif char == "|" and not is_quoted:
            parts.append("")
            start, is_nested = True, False
            continue
        parts[-1] += char
        is_nested = is_nested or (start and char in "[{")
        start = start and char == " "
    spelled = tuple(part.strip() for part in parts)
    if "" in spelled:
        raise SpaceError(
            f"{show(text)} holds an empty choice.", hint=f'{_FORM} The empty text is "".'
        )
    return spelled


def split_listed(text: str) -> tuple[str, ...]:
    """Split `id=skip, "a,b=attr:c"` at the commas that are not in double quotes.

    What stands in quotes as a whole loses them; empty parts are passed over.
    """
    parts, is_quoted = [""], False
    for char in text:
        is_quoted ^= char == '"'
        if char == "," and not is_quoted:
            parts.append("")
        else:
            parts[-1] += char
    stripped = (part.strip() for part in parts)
    return tuple(
        part[1:-1]
        if len(part) > 1 and part[0] == part[-1] == '"' and '"' not in part[1:-1]
        else part
        for part in stripped
        if part
    )


def read_choices(
    spelled: Iterable[str], known: Sequence[ChoiceValue], *, can_add: bool = False
) -> tuple[ChoiceValue, ...]:
    """Return the choices that are spelled so: those of `known`, or with `can_add` others too.

    Raises:
        SpaceError: A choice is not one of `known`, or comes twice.
    """
    choices: list[ChoiceValue] = []
    for text in spelled:
        choice = _read(text, known, can_add=can_add)
        if choice_key(choice) in map(choice_key, choices):
            raise SpaceError(f"{show(text)} is listed twice.", hint="Give each choice once.")
        choices.append(choice)
    return tuple(choices)


def spell_choices(choices: Iterable[ChoiceValue]) -> str:
    """Return choices as `split_choices` and `read_choices` read them."""
    return "|".join(_spell(choice) for choice in choices)


def no_such_choice(choice: object, known: Sequence[ChoiceValue]) -> SpaceError:
    """Return the error that the objective does not ask for a choice."""
    listed = ", ".join(show_choice(each, exact=True) for each in known)
    return SpaceError(
        f"{show(choice)} is not one of the choices that the objective asks for: {listed}.",
        hint="Omit it, or let the objective ask for it.",
    )


def pick_choices(wanted: Iterable[ChoiceValue], asked: Sequence[ChoiceValue]) -> list[ChoiceValue]:
    """Return `wanted` as `asked` has them, in the order of `wanted`.

    Raises:
        SpaceError: One is not one of `asked`.
    """
    picked: list[ChoiceValue] = []
    for choice in wanted:
        place = place_of(choice, asked)
        if place is None:
            raise no_such_choice(choice, asked)
        picked.append(asked[place])
    return picked


def _read(text: str, known: Sequence[ChoiceValue], *, can_add: bool) -> ChoiceValue:
    index = find_choice(known, text)
    if index is not None:
        return known[index]
    choice = _read_new(text)
    is_known = choice_key(choice) in map(choice_key, known)
    if not is_known and not can_add:
        raise no_such_choice(text, known)
    return choice


def _read_new(text: str) -> ChoiceValue:
    if len(text) > 1 and text[0] == text[-1] == '"':
        try:
            return str(json.loads(text))
        except ValueError as error:
            raise SpaceError(f"{show(text)} is not a quoted text.", hint=_FORM) from error
    try:
        return read_choice(text)
    except ValueError:
        return text


def _spell(choice: ChoiceValue) -> str:
    spelled = spell_choice(choice)
    if not isinstance(choice, str) or spelled.startswith('"'):
        return spelled
    # A quote in what begins like a list would hide bars behind it.
    hides = choice.startswith(("[", "{")) and '"' in choice
    return json.dumps(choice, ensure_ascii=False) if "|" in spelled or hides else spelled

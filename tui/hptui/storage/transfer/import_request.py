"""How a file of trials is to be read, as commands and forms are told it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, cast

from hptui.domain.spaces.choice_lists import parse_choices_option, read_choices
from hptui.domain.spaces.edits import ParamEdit, merge_edits, parse_space_option
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import STATE_WORDS
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hptui.domain.objective import Direction

AS_WORDS: Final = ("finished", "waiting")
DIRECTION_WORDS: Final = ("minimize", "maximize")
STATES_BY_WORD: Final = {
    STATE_WORDS[state]: state for state in ("COMPLETE", "PRUNED", "FAIL", "RUNNING", "WAITING")
}
"""The states by which rows may be chosen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportRequest:
    """How a file is to be read."""

    as_waiting: bool = False
    """Whether its parameters are to be tried, instead of its results taken over."""
    states: tuple[str, ...] = ()
    """Only trials in these states, in Optuna's words; all where there is none."""
    values: tuple[str, ...] = ()
    """The columns of values, one for each objective."""
    maps: tuple[str, ...] = ()
    """What single columns mean, as given to `--map`."""
    directions: tuple[Direction, ...] | None = None
    """Of a new study."""
    edits: Mapping[str, ParamEdit] = field(default_factory=dict[str, ParamEdit])
    """The spaces of parameters that the study does not have yet."""
    again: bool = False
    """Whether rows are taken that the study has already."""


def read_request(
    *,
    as_what: str = "finished",
    states: Iterable[str] = (),
    values: Iterable[str] = (),
    maps: Iterable[str] = (),
    directions: Iterable[str] = (),
    spaces: Iterable[str] = (),
    choices: Iterable[str] = (),
    again: bool = False,
) -> ImportRequest:
    """Return what the options of `hptui import` ask for, each as it is typed.

    Raises:
        UsageError: A word is not one of those there are; a space or a list of choices is none.
    """
    _check("as", [as_what], AS_WORDS)
    chosen, ways = tuple(states), tuple(directions)
    _check("state", chosen, tuple(STATES_BY_WORD))
    _check("direction", ways, DIRECTION_WORDS)
    edits: dict[str, ParamEdit] = {}
    for text in spaces:
        name, edit = parse_space_option(text)
        edits = merge_edits(edits, {name: edit})
    for text in choices:
        name, spelled = parse_choices_option(text)
        listed = ParamEdit(choices=read_choices(spelled, (), can_add=True))
        edits = merge_edits(edits, {name: listed})
    return ImportRequest(
        as_waiting=as_what == "waiting",
        states=tuple(STATES_BY_WORD[state] for state in chosen),
        values=tuple(values),
        maps=tuple(maps),
        directions=cast("tuple[Direction, ...]", ways) or None,
        edits=edits,
        again=again,
    )


def _check(what: str, given: Iterable[str], words: tuple[str, ...]) -> None:
    for word in given:
        if word not in words:
            shown = safe_line(word, max_chars=40)
            raise UsageError(f"{what}: {shown!r} is not one of {', '.join(words)}.")

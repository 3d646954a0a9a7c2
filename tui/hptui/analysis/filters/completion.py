"""What a half-typed filter could become."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from hptui.analysis.filters.fields import ATTRIBUTE_PREFIX, FieldNames
from hptui.analysis.filters.params import ParamView
from hptui.analysis.filters.parser import quoted
from hptui.analysis.filters.rows import FILTER_STATES, NONE
from hptui.domain.spaces.choices import spell_choice

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from hptui.trials import Trials

MAX_COMPLETIONS: Final = 20
NO_WORDS: Final[Mapping[str, Iterable[str]]] = MappingProxyType({})
_MAX_CHOICES: Final = 100
_PARTS: Final = re.compile(
    r'(?P<minus>-?)(?P<name>"(?:[^"\\]|\\.)*"|[^\s"|<>=:~!]*)'
    r"(?P<sign>!=|==|=|:)(?P<before>(?:.*\|)?)(?P<value>.*)",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class CompletionNames:
    """What the names and values in a filter can be."""

    names: tuple[str, ...]
    """Of columns and parameters."""
    choices: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """The choices of parameters, as they are typed."""
    words: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    """What `tag`, `host` and `device` can be."""
    saved: tuple[str, ...] = ()
    """Names of saved filters."""


def completion_names(
    trials: Trials,
    *,
    metric_names: tuple[str, ...] = (),
    words: Mapping[str, Iterable[str]] = NO_WORDS,
    attributes: Iterable[str] = (),
    saved: Iterable[str] = (),
) -> CompletionNames:
    """Return what can be completed in filters of a study's trials."""
    params = dict(trials.params)
    fields = FieldNames(len(trials.directions), metric_names, params)
    choices: dict[str, tuple[str, ...]] = {}
    for name, param in params.items():
        spelled = map(spell_choice, ParamView(param, 0).choices[:_MAX_CHOICES])
        choices[name] = tuple(choice_value(each) for each in spelled)
    known = {name: tuple(each) for name, each in words.items()}
    names = (*fields.all(), *(f"{ATTRIBUTE_PREFIX}{name}" for name in attributes))
    return CompletionNames(names, choices, known, tuple(saved))


def complete(text: str, cursor: int, names: CompletionNames) -> list[str]:
    """Return what the filter could be when the term before the cursor is completed, best first.

    Args:
        text: The filter.
        cursor: How many characters stand before the cursor.
        names: What there is.
    """
    typed = text[_term_start(text[:cursor]) : cursor]
    head, tail = text[: cursor - len(typed)], text[cursor:]
    found = (each for each in _terms(typed, names) if each != typed)
    return [f"{head}{each}{tail}" for each in list(dict.fromkeys(found))[:MAX_COMPLETIONS]]


def common_start(texts: Collection[str]) -> str:
    """Return what all of some texts begin with."""
    first, last = min(texts), max(texts)
    pairs = zip(first, last, strict=False)
    return first[: next((at for at, (a, b) in enumerate(pairs) if a != b), len(first))]


def _term_start(text: str) -> int:
    """Return where the last term of a text begins; its quotes may still be open."""
    start, at, is_quoted = 0, 0, False
    while at < len(text):
        if is_quoted and text[at] == "\\":
            at += 1
        elif text[at] == '"':
            is_quoted = not is_quoted
        elif text[at].isspace() and not is_quoted:
            start = at + 1
        at += 1
    return start


def _terms(typed: str, names: CompletionNames) -> list[str]:
    parts = _PARTS.fullmatch(typed)
    if parts is not None:
        before = f"{parts['minus']}{parts['name']}{parts['sign']}{parts['before']}"
        name = parts["name"].strip('"')
        values = _values(name, parts["sign"], names)
        return [before + value for value in _beginning(values, parts["value"])]
    minus = "-" if typed.startswith("-") else ""
    start = typed.removeprefix("-")
    if not start:
        return []
    if start.startswith("@"):
        saved = [quoted(name) for name in names.saved]
        return [f"{minus}@{each}" for each in _beginning(saved, start[1:])]
    known = [quoted(name) for name in names.names]
    return [minus + each for each in _beginning(known, start)]


def _values(name: str, sign: str, names: CompletionNames) -> Collection[str]:
    if name == "state":
        return FILTER_STATES
    if name == "has":
        return [quoted(each) for each in names.names]
    key = name
    for prefix in ("param.", "params_"):
        if key not in names.choices:
            key = name.removeprefix(prefix)
    choices = names.choices.get(key)
    if choices is None:
        # A parameter may have the name of such a column.
        return [quoted(word) for word in names.words.get(name, ())]
    if sign != ":":
        return choices
    # Behind a colon this word means that there is no value, whatever the choices are.
    return [*(each for each in choices if each.casefold() != NONE), NONE]


def _beginning(known: Iterable[str], start: str) -> list[str]:
    folded = start.casefold().lstrip('"')
    return [each for each in known if each.casefold().lstrip('"').startswith(folded)]


def choice_value(spelled: str) -> str:
    """Return a choice, as `spell_choice` spells it, as it stands behind an operator."""
    # The spelling of a text that reads as something else has quotes already.
    return spelled if spelled.startswith('"') else quoted_value(spelled)


def quoted_value(spelled: str) -> str:
    """Return a choice's spelling as it stands behind an operator."""
    # Behind `=` another one would be a part of the operator.
    return spelled if re.fullmatch(r'[^\s"|=][^\s"|]*', spelled) else quoted(spelled)

"""The words of a command line with holes in them: `--lr`, `{lr=1e-5..1e-1:log}`.

A hole is `{NAME=SPACE}`, later again `{NAME}`; `{NAME?WORD}` becomes the word or nothing. `{{` and
`}}` are braces. What hptui fills in by itself has names of its own, `MACROS`.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from hptui.domain.spaces.choice_lists import read_choices, split_choices
from hptui.domain.spaces.choices import ChoiceValue, place_of, read_literal, spell_choice
from hptui.domain.spaces.param_edit import about, show
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.domain.texts.text import safe_line
from hptui.errors import ObjectiveError, SpaceError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

MACROS: Final = (
    "args",
    "overrides",
    "params",
    "params_file",
    "trial",
    "trial_dir",
    "seed",
    "study",
)
SPACE_FORMS: Final = "Write it like 1e-5..1e-1:log, 1..4, 0..1:float, 2..12:step=2 or adam|sgd."
_NAME: Final = re.compile(r"[^\W\d][\w./-]*")
_HOLE: Final = re.compile(r"(?P<name>[^=?{}]*)(?:(?P<mark>[=?])(?P<rest>.*))?", re.DOTALL)
_RANGE: Final = re.compile(r"(?P<low>[^:|]*?)\.\.(?P<high>[^:|]*)(?P<tail>:.*)?")
_WHOLE: Final = re.compile(r"\s*[+-]?\d+\s*")
_BRACES: Final = "Write a literal brace twice: {{ and }}."


@dataclass(frozen=True, slots=True)
class Hole:
    """A place in a word that each trial fills in."""

    name: str
    space: str = ""
    """As typed behind the `=`; empty where the name only comes again."""
    flag: str = ""
    """The text of a `{NAME?WORD}`, there when the parameter is true."""
    is_flag: bool = False


@dataclass(frozen=True, slots=True)
class Space:
    """A parameter as a command declares it."""

    spec: ParamSpec
    spelled: tuple[str, ...] = ()
    """The choices as they were typed, which is how the program gets them."""

    def text_of(self, value: ChoiceValue) -> str:
        """Return a value as the program gets it: numbers by `repr`, choices as typed."""
        if isinstance(self.spec, ChoiceParam) and self.spelled:
            place = place_of(value, self.spec.choices)
            if place is not None:
                return self.spelled[place]
        return spell_value(value)


Part = str | Hole


@dataclass(frozen=True, slots=True)
class Words:
    """A command line whose holes were read.

    Raises:
        ObjectiveError: A brace or a name cannot be read, or a name is declared twice.
        SpaceError: A parameter's space cannot be read.
    """

    parts: tuple[tuple[Part, ...], ...]
    """What each word is made of."""
    declared: Mapping[str, str] = field(default_factory=dict[str, str])
    """The spaces that stand in holes, as typed, by name in their order."""
    flags: frozenset[str] = frozenset()
    """The parameters of `{NAME?WORD}`."""
    names: tuple[str, ...] = ()
    """All parameters that have a place in the words."""
    macros: frozenset[str] = frozenset()

    @classmethod
    def read(cls, words: Iterable[str]) -> Words:
        """Read the words of a command as they were typed."""
        parts = tuple(tuple(_parts_of(word)) for word in words)
        declared: dict[str, str] = {}
        flags: set[str] = set()
        names: dict[str, None] = {}
        macros: set[str] = set()
        for hole in (each for word in parts for each in word if isinstance(each, Hole)):
            is_declared = hole.is_flag or hole.space
            if hole.name in MACROS:
                if is_declared:
                    raise taken_name(hole.name)
                macros.add(hole.name)
                continue
            names.setdefault(hole.name)
            if hole.space and declared.setdefault(hole.name, hole.space) != hole.space:
                raise ObjectiveError(
                    f"The command declares {show(hole.name)} twice.",
                    hint=f"Write {{{hole.name}}} where it is used again.",
                )
            if hole.is_flag:
                flags.add(hole.name)
        return cls(parts, declared, frozenset(flags), tuple(names), frozenset(macros))

    def render(self, values: Mapping[str, Any], texts: Mapping[str, str]) -> list[str]:
        """Return the words of one trial.

        Args:
            values: The parameters' values.
            texts: What stands for each name: of a parameter its value as the program gets it, of
                a macro what it means; `args` and `overrides` are made here.
        """
        free = [name for name in values if name not in self.names]
        lists = {
            "args": [f"--{name}={texts[name]}" for name in free],
            "overrides": [f"{name}={texts[name]}" for name in free],
        }
        rendered: list[str] = []
        for word in self.parts:
            only = word[0] if len(word) == 1 else None
            if isinstance(only, Hole) and only.name in lists:
                rendered += lists[only.name]
            elif isinstance(only, Hole) and only.is_flag:
                rendered += [only.flag] if values[only.name] is True else []
            else:
                rendered.append("".join(_text_of(part, values, texts, lists) for part in word))
        return rendered

    def bare(self) -> list[str]:
        """Return the words with nothing but the names in their holes: what tells commands apart."""
        return ["".join(map(_bare, word)) for word in self.parts]


def parse_space(name: str, text: str) -> Space:
    """Read `1e-5..1e-1:log`, `1..4`, `0..1:float`, `2..12:step=2` or `adam|sgd|none`.

    Bounds, and a step, that are all written as whole numbers mean an integer.

    Raises:
        SpaceError: It is not one of these, or does not hold together.
    """
    return about(name, lambda: _range(text) or _choices(text))


def flag_space() -> Space:
    """Return the space of a parameter that is there or not."""
    return Space(ChoiceParam((False, True)), ("false", "true"))


def spell_value(value: ChoiceValue) -> str:
    """Return a value as a program gets it, where nobody has typed it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None:
        return "none"
    if isinstance(value, str):
        return value
    return repr(value) if isinstance(value, (int, float)) else spell_choice(value)


def taken_name(name: str) -> ObjectiveError:
    """Return the error that a parameter has a name of hptui's own."""
    return ObjectiveError(
        f"{show(name)} cannot be a parameter of a command: hptui fills it in.",
        hint=f"Give it another name. hptui's own are {', '.join(MACROS)}.",
    )


def _parts_of(word: str) -> list[Part]:
    parts: list[Part] = []
    text: list[str] = []
    place = 0
    while place < len(word):
        char = word[place]
        if char not in "{}":
            text.append(char)
            place += 1
        elif word[place : place + 2] == char * 2:
            text.append(char)
            place += 2
        elif char == "}":
            raise ObjectiveError(f"A brace in {show(word)} has no opening one.", hint=_BRACES)
        else:
            end = _end_of_hole(word, place)
            if text:
                parts.append("".join(text))
                text = []
            parts.append(_hole(word[place + 1 : end]))
            place = end + 1
    if text or not parts:
        parts.append("".join(text))
    return parts


def _end_of_hole(word: str, start: int) -> int:
    depth = 0
    for place in range(start, len(word)):
        depth += {"{": 1, "}": -1}.get(word[place], 0)
        if depth == 0:
            return place
    raise ObjectiveError(f"A brace in {show(word)} is not closed.", hint=_BRACES)


def _hole(text: str) -> Hole:
    match = _HOLE.fullmatch(text)
    name = "" if match is None else match["name"].strip()
    if match is None or not _NAME.fullmatch(name):
        raise ObjectiveError(
            f"{{{safe_line(text, max_chars=60)}}} names no parameter.",
            hint=f"Write {{lr=1e-5..1e-1:log}} or {{lr}}. {_BRACES}",
        )
    rest = match["rest"]
    if match["mark"] == "?":
        if not rest:
            raise ObjectiveError(
                f"{{{name}?}} has no word to add or leave out.", hint=f"As in {{{name}?--{name}}}."
            )
        return Hole(name, flag=rest, is_flag=True)
    if match["mark"] == "=" and not rest.strip():
        raise SpaceError(f"Parameter {show(name)} has no space.", hint=SPACE_FORMS)
    return Hole(name, space=rest or "")


def _text_of(
    part: Part,
    values: Mapping[str, Any],
    texts: Mapping[str, str],
    lists: Mapping[str, Sequence[str]],
) -> str:
    if isinstance(part, str):
        return part
    if part.is_flag:
        return part.flag if values[part.name] is True else ""
    if part.name in lists:
        # Within a word they can only be read by a shell.
        return shlex.join(lists[part.name])
    return texts[part.name]


def _bare(part: Part) -> str:
    if isinstance(part, str):
        return part.replace("{", "{{").replace("}", "}}")
    return f"{{{part.name}?{part.flag}}}" if part.is_flag else f"{{{part.name}}}"


def _range(text: str) -> Space | None:
    match = _RANGE.fullmatch(text)
    if match is None:
        return None
    bounds = [match["low"], match["high"]]
    numbers = [_number(each) for each in bounds]
    if None in numbers:
        if numbers == [None, None] and all(each.strip() for each in bounds):
            # Paths may hold two points, too.
            return None
        if not any(each.strip() and _number(each) is None for each in bounds):
            raise SpaceError(f"{show(text)} needs both bounds.", hint=SPACE_FORMS)
        if numbers != [None, None]:
            wrong = bounds[numbers.index(None)]
            raise SpaceError(f"{show(wrong)} is not a number.", hint=SPACE_FORMS)
        return None
    low, high = (each for each in numbers if each is not None)
    log, step, is_float = _suffixes(match["tail"] or "")
    spelled = [*bounds, *([] if step is None else [step])]
    step_value = None if step is None else _number(step)
    if step is not None and step_value is None:
        raise SpaceError(f"{show(step)} is not a number.", hint=SPACE_FORMS)
    if is_float or not all(map(_WHOLE.fullmatch, spelled)):
        return Space(FloatParam(low, high, log, step_value))
    return Space(IntParam(int(low), int(high), log, 1 if step_value is None else int(step_value)))


def _suffixes(tail: str) -> tuple[bool, str | None, bool]:
    log, step, is_float = False, None, False
    for part in (each.strip() for each in tail.split(":")[1:]):
        key, equals, value = part.partition("=")
        if part == "log":
            log = True
        elif part == "float":
            is_float = True
        elif key.strip() == "step" and equals:
            step = value
        elif part != "linear":
            raise SpaceError(f"{show(part)} is not valid after a range.", hint=SPACE_FORMS)
    return log, step, is_float


def _number(text: str) -> int | float | None:
    try:
        value = read_literal(text)
    except ValueError:
        return None
    return None if isinstance(value, bool) else value


def _choices(text: str) -> Space:
    spelled = split_choices(text)
    choices = read_choices(spelled, (), can_add=True)
    return Space(
        ChoiceParam(choices),
        tuple(
            choice if isinstance(choice, str) else typed
            for choice, typed in zip(choices, spelled, strict=True)
        ),
    )


def params_json(values: Mapping[str, Any]) -> str:
    """Return the parameters of a trial as JSON."""
    return json.dumps(dict(values), ensure_ascii=False)

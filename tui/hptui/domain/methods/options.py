"""Methods with typed options: what can be asked for, and what was."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

Family = Literal["sampler", "pruner", "crossover", "mutation"]
Kind = Literal[
    "int", "float", "bool", "choice", "json", "text", "sampler", "pruner", "crossover", "mutation"
]


@dataclass(frozen=True, slots=True)
class MethodSpec:
    """A sampler, a pruner or a part of one, with the options that were given."""

    name: str
    options: tuple[tuple[str, OptionValue], ...] = ()
    """In the order of the method's table; options left out have their defaults."""

    def given(self) -> dict[str, OptionValue]:
        """Return the options that were given."""
        return dict(self.options)

    def arguments(self) -> str:
        """Return the options as they are spelled: `n_startup_trials=20,multivariate=false`."""
        return ",".join(f"{name}={spell_value(value)}" for name, value in self.options)

    def __str__(self) -> str:
        """Return the spelling that reads back as this spec."""
        return f"{self.name}:{self.arguments()}" if self.options else self.name


OptionValue = None | bool | int | float | str | tuple[Any, ...] | MethodSpec


def _always(_values: Mapping[str, OptionValue], _n_objectives: int) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a method: enough for the command line, a form and the documentation."""

    name: str
    kind: Kind
    default: OptionValue
    help: str
    """One line."""
    low: float | None = None
    """The least value, in."""
    high: float | None = None
    """The greatest value, in."""
    choices: tuple[str, ...] = ()
    """The names of a `choice`."""
    words: tuple[str, ...] = ()
    """What may stand instead of a value: `none` for None, `auto` for itself."""
    required: bool = False
    parameter: str = ""
    """The constructor's name for it, where that differs."""
    when: Callable[[Mapping[str, OptionValue], int], str | None] = field(
        default=_always, compare=False, repr=False
    )

    def applies(self, values: Mapping[str, OptionValue], n_objectives: int) -> str | None:
        """Return why this option has no effect or is refused beside `values`, or None."""
        return self.when(values, n_objectives)

    def expected(self) -> str:
        """Return what a value of this option looks like: `an integer of 1 or more, or none`."""
        text = {
            "int": "an integer",
            "float": "a number",
            "bool": "true or false",
            "json": "JSON: a list of lists of numbers",
            "text": "a value that the class takes",
            "choice": "one of " + ", ".join(self.choices),
        }.get(self.kind, f"a {self.kind} like name or name(option=value)")
        if self.low is not None and self.high is not None:
            text += f" from {self.low:g} to {self.high:g}"
        elif self.low is not None:
            text += f" of {self.low:g} or more"
        return text + "".join(f", or {word}" for word in self.words)


def _no_conflict(_values: Mapping[str, OptionValue]) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Method:
    """A sampler, a pruner, a crossover or a mutation that can be asked for by name."""

    name: str
    title: str
    help: str
    """One line."""
    options: tuple[Option, ...] = ()
    aliases: tuple[str, ...] = ()
    cost: str = ""
    """How long it takes for a trial or a report, and up to about how many trials it is practical.

    Rules of thumb from `tui/docs/benchmarks.md`, which has the figures; a test compares both.
    """
    left_out: Mapping[str, str] = field(default_factory=dict[str, str])
    """Parameters of Optuna's constructor that are no options here, and why."""
    conflict: Callable[[Mapping[str, OptionValue]], tuple[str, str] | None] = field(
        default=_no_conflict, compare=False, repr=False
    )
    """Return why these values, defaults included, cannot stand together and what to do, or None."""

    def option(self, name: str) -> Option | None:
        """Return the option of this name, or None."""
        return next((option for option in self.options if option.name == name), None)

    def values(self, spec: MethodSpec) -> dict[str, OptionValue]:
        """Return the value of each option, the defaults included."""
        return {option.name: option.default for option in self.options} | spec.given()


def spell_value(value: OptionValue) -> str:
    """Return an option's value as it is typed."""
    match value:
        case None:
            return "none"
        case bool():
            return "true" if value else "false"
        case MethodSpec():
            arguments = value.arguments()
            return f"{value.name}({arguments})" if arguments else value.name
        case tuple():
            return json.dumps(value, separators=(",", ":"))
        case int() | float():
            return repr(value)
        case _:
            return value


def probability(name: str, default: float | None, text: str) -> Option:
    """Return an option from 0 to 1."""
    words = ("none",) if default is None else ()
    return Option(name, "float", default, text, low=0, high=1, words=words)

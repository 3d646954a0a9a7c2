"""The search space: parameters, and edits of them."""

from __future__ import annotations

from dataclasses import dataclass

ChoiceValue = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class FloatParam:
    """A float in [low, high]."""

    low: float
    high: float
    log: bool = False
    step: float | None = None


@dataclass(frozen=True, slots=True)
class IntParam:
    """An integer in [low, high]."""

    low: int
    high: int
    log: bool = False
    step: int = 1


@dataclass(frozen=True, slots=True)
class ChoiceParam:
    """One of a list of choices, whose order counts."""

    choices: tuple[ChoiceValue, ...]


ParamSpec = FloatParam | IntParam | ChoiceParam

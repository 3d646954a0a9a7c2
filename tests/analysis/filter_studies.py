"""Studies for filters: trials as plain objects, the same trials as columns, and their texts."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from tests.made_trials import param_of, trials_of

from hptui.domain.spaces.choices import same_choice
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.trial_states import COMPLETE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from hptui.domain.objective import Direction
    from hptui.domain.spaces.choices import ChoiceValue
    from hptui.domain.spaces.space import ParamSpec
    from hptui.trials import ParamColumn, Trials

CHOICES: tuple[ChoiceValue, ...] = ("rbf", "Poly", None, 1, "1", 0.5, True, math.nan, "a b|c")
SHAPES: tuple[ChoiceValue, ...] = ([64, 32], {"a": 1, "b": [1, 2]}, [1], "[1]", "x")
SPECS: dict[str, ParamSpec] = {
    "lr": FloatParam(0.0, 1e9),
    "n": IntParam(-9, 9),
    "kernel": ChoiceParam(CHOICES),
    'odd "name': FloatParam(0.0, 1e9),
    "shape": ChoiceParam(SHAPES),
    "number": FloatParam(0.0, 1e9),
}


@dataclass(frozen=True)
class PlainTrial:
    """One trial."""

    number: int
    state: int = COMPLETE
    values: tuple[float, ...] = (math.nan, math.nan)
    duration_s: float = math.nan
    is_feasible: bool = True
    params: dict[str, ChoiceValue] = field(default_factory=dict[str, "ChoiceValue"])
    error: str | None = None
    cause: str | None = None
    note: str | None = None
    tags: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()
    host: str = ""
    memory: int | None = None
    attributes: dict[str, object] = field(default_factory=dict[str, object])


class PlainTexts:
    """The texts of trials."""

    def __init__(self, trials: Sequence[PlainTrial]) -> None:
        self._trials = trials

    def errors(self) -> Iterable[tuple[int, str]]:
        return [(each.number, each.error) for each in self._trials if each.error is not None]

    def causes(self) -> Iterable[tuple[int, str]]:
        return [(each.number, each.cause) for each in self._trials if each.cause is not None]

    def notes(self) -> Iterable[tuple[int, str]]:
        return [(each.number, each.note) for each in self._trials if each.note is not None]

    def tags(self) -> Iterable[tuple[int, Sequence[str]]]:
        return [(each.number, each.tags) for each in self._trials if each.tags]

    def devices(self) -> Iterable[tuple[int, Sequence[str]]]:
        return [(each.number, each.devices) for each in self._trials if each.devices]

    def hosts(self) -> Iterable[tuple[int, str]]:
        return [(each.number, each.host) for each in self._trials if each.host]

    def memory(self) -> Iterable[tuple[int, int]]:
        return [(each.number, each.memory) for each in self._trials if each.memory is not None]

    def attributes(self, key: str) -> Iterable[tuple[int, object]]:
        return [
            (each.number, each.attributes[key]) for each in self._trials if key in each.attributes
        ]


def plain_trials(
    trials: Sequence[PlainTrial],
    directions: tuple[Direction, ...] = ("minimize", "maximize"),
) -> Trials:
    """Return trials as columns."""
    starts_s = np.full(len(trials), 1_700_000_000.0)
    return trials_of(
        np.array([each.values[: len(directions)] for each in trials], np.float64),
        directions,
        numbers=[each.number for each in trials],
        states=[each.state for each in trials],
        starts_s=starts_s,
        completes_s=starts_s + np.array([each.duration_s for each in trials]),
        is_feasible=np.array([each.is_feasible for each in trials], np.bool_),
        params={name: _column(name, spec, trials) for name, spec in SPECS.items()},
    )


def _column(name: str, spec: ParamSpec, trials: Sequence[PlainTrial]) -> ParamColumn:
    numbers = [
        _stored(spec, trial.params[name]) if name in trial.params else math.nan for trial in trials
    ]
    return param_of(name, spec, numbers)


def _stored(spec: ParamSpec, value: ChoiceValue) -> float:
    if isinstance(spec, ChoiceParam):
        return float(
            next(
                at
                for at, choice in enumerate(spec.choices)
                if type(choice) is type(value) and same_choice(choice, value)
            )
        )
    assert isinstance(value, (int, float))
    return float(value)

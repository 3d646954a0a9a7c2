"""The search space: what a parameter may be."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from decimal import Decimal, DecimalException
from typing import Any, assert_never

from hptui.domain.spaces.choice_objects import storable_choices
from hptui.domain.spaces.choices import ChoiceValue, same_choice, show_choice
from hptui.domain.texts.text import safe_line
from hptui.errors import SpaceError

_STEP_TOLERANCE = 1e-8
"""In steps: the distance from the grid at which Optuna still counts a value as on it."""
_MAX_STEPS = 10**12
_RELATIVE_ULPS = 1e-12
"""Values this near to a bound count as the bound: log-scaled ones can miss it by one ulp."""


@dataclass(frozen=True, slots=True)
class FloatParam:
    """A float in [low, high].

    Raises:
        SpaceError: A bound is not finite, low is above high, log with low <= 0, log with a step,
            or a step that does not lead from low to high.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None

    def __post_init__(self) -> None:
        low, high = _finite("low", self.low), _finite("high", self.high)
        log = _flag(self.log)
        step = None if self.step is None else _finite("step", self.step)
        _check_order(low, high)
        if log and step is not None:
            raise _step_with_log(step)
        if log and low <= 0:
            raise SpaceError(
                f"A log scale needs low > 0, but low is {low!r}.",
                hint="Raise low above 0, or use a linear scale.",
            )
        if step is not None:
            high = _last_on_grid(low, high, step)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "log", log)
        object.__setattr__(self, "step", step)


@dataclass(frozen=True, slots=True)
class IntParam:
    """An integer in [low, high]; bounds and step may be given as whole floats.

    Raises:
        SpaceError: A number is not whole, low is above high, log with low < 1, log with a step,
            or a step that does not lead from low to high.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        low, high = _whole("low", self.low), _whole("high", self.high)
        log, step = _flag(self.log), _whole("step", self.step)
        _check_order(low, high)
        if log and step != 1:
            raise _step_with_log(step)
        if log and low < 1:
            raise SpaceError(
                f"A log scale of integers needs low >= 1, but low is {low}.",
                hint="Raise low to 1 or more, or use a linear scale.",
            )
        if step < 1:
            raise _bad_step(step)
        if (high - low) % step:
            raise _misfit(low, high, step, nearest=low + (high - low) // step * step)
        object.__setattr__(self, "low", low)
        object.__setattr__(self, "high", high)
        object.__setattr__(self, "log", log)
        object.__setattr__(self, "step", step)


@dataclass(frozen=True, slots=True)
class ChoiceParam:
    """One of a list of choices, whose order counts.

    Choices are kept as JSON holds them, see `storable_choices`.

    Raises:
        SpaceError: There are no choices.
    """

    choices: tuple[ChoiceValue, ...]

    def __post_init__(self) -> None:
        choices = storable_choices(self.choices)
        if not choices:
            raise SpaceError(
                "A list of choices is empty, but it needs one at least.",
                hint="Give the values that the parameter may have.",
            )
        object.__setattr__(self, "choices", choices)

    def __hash__(self) -> int:
        """Return a number that is the same for equal choices; lists and objects have none."""
        return hash(tuple(each for each in self.choices if not isinstance(each, (list, dict))))


ParamSpec = FloatParam | IntParam | ChoiceParam


def kind_of(spec: ParamSpec) -> str:
    """Return the kind of a parameter in a word: float, int or choice."""
    match spec:
        case FloatParam():
            return "float"
        case IntParam():
            return "int"
        case ChoiceParam():
            return "choice"
        case _:
            assert_never(spec)


def describe(spec: ParamSpec) -> str:
    """Return one line for a table: `1e-05..0.1 log`, `16..512 step 16`, `adam, sgd`."""
    match spec:
        case FloatParam(low, high, log, step):
            tail = " log" if log else "" if step is None else f" step {step!r}"
            return f"{low!r}..{high!r}{tail}"
        case IntParam(low, high, log, step):
            tail = " log" if log else "" if step == 1 else f" step {step}"
            return f"{low}..{high}{tail}"
        case ChoiceParam(choices):
            return ", ".join(show_choice(choice, exact=True) for choice in choices)
        case _:
            assert_never(spec)


def contains(spec: ParamSpec, value: ChoiceValue) -> bool:
    """Say whether `value` may be suggested under `spec`: its kind, range and step."""
    if isinstance(spec, ChoiceParam):
        return any(same_choice(value, choice) for choice in spec.choices)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return False
    if isinstance(spec, IntParam):
        return (
            value == int(value)
            and spec.low <= value <= spec.high
            and (int(value) - spec.low) % spec.step == 0
        )
    if not (
        spec.low <= value <= spec.high
        or math.isclose(value, spec.low, rel_tol=_RELATIVE_ULPS)
        or math.isclose(value, spec.high, rel_tol=_RELATIVE_ULPS)
    ):
        return False
    steps = 0.0 if spec.step is None else (value - spec.low) / spec.step
    return abs(steps - round(steps)) < _STEP_TOLERANCE


def spec_to_json(spec: ParamSpec) -> str:
    """Return the text that `optuna.distributions.distribution_to_json` writes for this space."""
    match spec:
        case FloatParam(low, high, log, step):
            name = "FloatDistribution"
            attributes: dict[str, Any] = {"step": step, "low": low, "high": high, "log": log}
        case IntParam(low, high, log, step):
            name = "IntDistribution"
            attributes = {"log": log, "step": step, "low": low, "high": high}
        case ChoiceParam(choices):
            name, attributes = "CategoricalDistribution", {"choices": choices}
        case _:
            assert_never(spec)
    return json.dumps({"name": name, "attributes": attributes})


def spec_from_json(text: str) -> ParamSpec:
    """Read what Optuna stored: today's classes, the deprecated ones and the short form.

    Raises:
        SpaceError: `text` is not such a distribution, or one that hptui cannot search.
    """
    try:
        data: Any = json.loads(text)
        if "name" in data:
            return _read_class(data["name"], data["attributes"])
        return _read_short(data)
    except SpaceError:
        raise
    except (
        ValueError,
        TypeError,
        LookupError,
        AttributeError,
        RecursionError,
        ArithmeticError,
    ) as error:
        raise SpaceError(
            f"{safe_line(text)} is not a stored search space.",
            hint="Optuna's distribution_to_json shows the expected form.",
        ) from error


def _read_class(name: object, attributes: dict[str, Any]) -> ParamSpec:
    low: Any = attributes.get("low")
    high: Any = attributes.get("high")
    match name:
        case "FloatDistribution":
            return FloatParam(**attributes)
        case "IntDistribution":
            return IntParam(**attributes)
        case "CategoricalDistribution":
            return ChoiceParam(tuple(attributes["choices"]))
        case "UniformDistribution":
            return FloatParam(low, high)
        case "LogUniformDistribution":
            return FloatParam(low, high, log=True)
        case "DiscreteUniformDistribution":
            return FloatParam(low, high, step=attributes["q"])
        case "IntUniformDistribution":
            return IntParam(low, high, step=attributes.get("step", 1))
        case "IntLogUniformDistribution":
            return IntParam(low, high, log=True)
        case _:
            raise ValueError(f"unknown distribution {name!r}")


def _read_short(data: dict[str, Any]) -> ParamSpec:
    log, step = data.get("log", False), data.get("step")
    match data["type"]:
        case "categorical":
            return ChoiceParam(tuple(data["choices"]))
        case "float":
            return FloatParam(data["low"], data["high"], log, step)
        case "int":
            return IntParam(data["low"], data["high"], log, 1 if step is None else step)
        case other:
            raise ValueError(f"unknown type {other!r}")


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise SpaceError(f"log is {safe_line(repr(value))}, but it must be true or false.")
    return value


def _finite(what: str, value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise SpaceError(
            f"{what} is {safe_line(repr(value))}, but it must be a number.",
            hint="Write it like 0.1, 1e-5 or 3.",
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise SpaceError(
            f"{what} is {safe_line(repr(value))}, but it must be a finite number.",
            hint="A sampler can search only between two finite bounds.",
        )
    return number


def _whole(what: str, value: object) -> int:
    number = value if isinstance(value, int) else _finite(what, value)
    if isinstance(number, bool) or number != int(number):
        raise SpaceError(
            f"{what} is {safe_line(repr(value))}, but this parameter is an integer.",
            hint="Give a whole number.",
        )
    return int(number)


def _check_order(low: float, high: float) -> None:
    if low > high:
        raise SpaceError(
            f"low is {low!r} and high is {high!r}, but low must not be above high.",
            hint="Swap them, or give the other bound too.",
        )


def _step_with_log(step: float) -> SpaceError:
    return SpaceError(
        f"step is {step!r} on a log scale, but Optuna has no steps there.",
        hint="Remove the step (step=none), or use a linear scale.",
    )


def _bad_step(step: float) -> SpaceError:
    return SpaceError(f"step is {step!r}, but it must be above 0.", hint="Omit it for no step.")


def _misfit(low: float, high: float, step: float, *, nearest: float) -> SpaceError:
    if nearest == low:
        hint = f"Use a step of at most {high - low!r}."
    else:
        hint = f"Use {nearest!r} as high, or another step."
    return SpaceError(
        f"A step of {step!r} from {low!r} does not reach {high!r}, but the range must be a whole "
        "number of steps.",
        hint=hint,
    )


def _last_on_grid(low: float, high: float, step: float) -> float:
    """Return `high` as Optuna's decimal arithmetic reaches it from `low` by whole steps."""
    if step <= 0:
        raise _bad_step(step)
    start, by = Decimal(repr(low)), Decimal(repr(step))
    try:
        steps = (Decimal(repr(high)) - start) / by
    except DecimalException:
        steps = Decimal("Infinity")
    if steps > _MAX_STEPS:
        raise SpaceError(
            f"A step of {step!r} from {low!r} to {high!r} is too small to tell values apart.",
            hint="Omit the step: write step=none.",
        )
    count = int(steps.to_integral_value())
    if abs(steps - count) >= Decimal(str(_STEP_TOLERANCE)):
        raise _misfit(low, high, step, nearest=float(start + int(steps) * by))
    return float(start + count * by)

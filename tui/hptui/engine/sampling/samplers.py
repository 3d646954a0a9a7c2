"""Optuna's samplers, built from what was asked for."""

from __future__ import annotations

import importlib.util
import math
import warnings
from decimal import Decimal
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import optuna
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, PartialFixedSampler
from optuna.samplers import nsgaii as genetic

from hptui.domain.methods.asked_methods import (
    Method,
    MethodSpec,
    PrunerSpec,
    SamplerSpec,
    check_fit,
    method_of,
)
from hptui.domain.methods.own_method import is_own
from hptui.domain.spaces.space import ChoiceParam, ChoiceValue, FloatParam, IntParam, ParamSpec
from hptui.domain.texts.readable import by_count, plural
from hptui.domain.texts.text import safe_line
from hptui.engine.sampling import sampler_class
from hptui.engine.sampling.known_grid import KnownGridSampler
from hptui.engine.sampling.own import OwnProcess, OwnSampler
from hptui.engine.sampling.safe_cmaes import SafeCmaEsSampler
from hptui.engine.sampling.tpe import tpe_class
from hptui.errors import MissingExtraError, OptionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_Made = TypeVar("_Made")

_MAX_GRID = 1_000_000
"""Optuna's grid sampler holds every combination in memory."""

# It is these classes that have the options; `sampler_class` and `tpe_class` say which one draws.
SAMPLER_CLASSES: Mapping[str, type[BaseSampler]] = {
    "tpe": optuna.samplers.TPESampler,
    "random": optuna.samplers.RandomSampler,
    "cmaes": SafeCmaEsSampler,
    "gp": optuna.samplers.GPSampler,
    "nsgaii": optuna.samplers.NSGAIISampler,
    "nsgaiii": optuna.samplers.NSGAIIISampler,
    "qmc": optuna.samplers.QMCSampler,
    "grid": KnownGridSampler,
    "bruteforce": optuna.samplers.BruteForceSampler,
}
CROSSOVER_CLASSES: Mapping[str, type[genetic.BaseCrossover]] = {
    "uniform": genetic.UniformCrossover,
    "blxalpha": genetic.BLXAlphaCrossover,
    "sbx": genetic.SBXCrossover,
    "vsbx": genetic.VSBXCrossover,
    "spx": genetic.SPXCrossover,
    "undx": genetic.UNDXCrossover,
}
MUTATION_CLASSES: Mapping[str, type[genetic.BaseMutation]] = {
    "polynomial": genetic.PolynomialMutation,
}
_PACKAGES: Mapping[str, tuple[tuple[str, ...], str]] = {
    "cmaes": (("cmaes",), "cmaes"),
    "gp": (("torch", "scipy"), "gp"),
    "qmc": (("scipy",), "gp"),
}


def build_sampler(
    spec: SamplerSpec,
    *,
    seed: int | None,
    space: Mapping[str, ParamSpec],
    fixed: Mapping[str, ChoiceValue],
    n_objectives: int,
    grid: Mapping[str, Sequence[ChoiceValue]] | None = None,
    pruner: str = "none",
) -> BaseSampler:
    """Return the sampler that `spec` asks for.

    Args:
        spec: The sampler and its options.
        seed: The run's seed, handed to every part that draws; None draws one.
        space: The effective search space; only a grid needs it.
        fixed: Values by parameter that are not searched.
        n_objectives: How many objectives the study has.
        grid: The values of a grid that a script names; by default it is made of the space.
        pruner: The run's pruner, for a sampler of the person's own that looks at it.

    Raises:
        MissingExtraError: An optional package is not installed.
        OptionError: A grid that is not finite or too large, a sampler that cannot work with so
            many objectives, or Optuna refuses the options.
    """
    misfit = check_fit(spec, PrunerSpec("none"), n_objectives)
    if misfit is not None:
        raise OptionError(misfit)
    with warnings.catch_warnings():
        # What is experimental was asked for by name.
        warnings.simplefilter("ignore", ExperimentalWarning)
        if is_own(spec.name):
            sampler: BaseSampler = OwnSampler(OwnProcess("sampler", spec, seed, pruner))
        else:
            sampler = _Builder(seed, space, fixed, grid or {}).sampler(spec)
        return PartialFixedSampler(dict(fixed), sampler) if fixed else sampler


class _Builder:
    def __init__(
        self,
        seed: int | None,
        space: Mapping[str, ParamSpec],
        fixed: Mapping[str, ChoiceValue],
        grid: Mapping[str, Sequence[ChoiceValue]],
    ) -> None:
        self._grid = grid
        self._seed = seed
        self._space = space
        self._fixed = fixed

    def sampler(self, spec: MethodSpec) -> BaseSampler:
        method = method_of("sampler", spec)
        require_packages(method, _PACKAGES.get(method.name))
        arguments = self._arguments(method, spec)
        if method.name == "grid":
            points = arguments.pop("points", None)
            if self._grid and points is None:
                arguments["search_space"] = {
                    name: (self._fixed[name],) if name in self._fixed else values
                    for name, values in self._grid.items()
                }
            else:
                arguments["search_space"] = grid_of(self._space, self._fixed, points)
        arguments["seed"] = self._seed
        make = sampler_class(method.name, SAMPLER_CLASSES[method.name])
        if method.name == "tpe":
            make = tpe_class()
        return construct(method, make, arguments)

    def _arguments(self, method: Method, spec: MethodSpec) -> dict[str, Any]:
        """Return the constructor's arguments: those that were given, nested ones built."""
        arguments: dict[str, Any] = {}
        swapping = spec.given().get("swapping_prob")
        for name, value in spec.options:
            option = method.option(name)
            kind = "" if option is None else option.kind
            built: Any = value
            if isinstance(value, MethodSpec) and kind == "sampler":
                built = self.sampler(value)
            elif isinstance(value, MethodSpec) and kind == "crossover":
                built = _crossover(value, swapping)
            elif isinstance(value, MethodSpec):
                part = method_of("mutation", value)
                built = construct(part, MUTATION_CLASSES[value.name], value.given())
            elif isinstance(value, tuple):
                built = np.array(value, dtype=float)
            arguments[name] = built
        return arguments


def _crossover(spec: MethodSpec, swapping: object) -> genetic.BaseCrossover:
    arguments: dict[str, Any] = dict(spec.given())
    if spec.name == "uniform" and swapping is not None:
        # As Optuna does where no crossover is named.
        arguments["swapping_prob"] = swapping
    return construct(method_of("crossover", spec), CROSSOVER_CLASSES[spec.name], arguments)


def construct(method: Method, make: Callable[..., _Made], arguments: Mapping[str, Any]) -> _Made:
    """Call Optuna's constructor; what it refuses becomes an `OptionError`."""
    try:
        return make(**arguments)
    except (ValueError, TypeError) as error:
        raise OptionError(
            f"{method.name}: {safe_line(error)}", hint="Change or omit that option."
        ) from error


def require_packages(method: Method, needed: tuple[tuple[str, ...], str] | None) -> None:
    """Check that the optional packages of a method are installed, without importing them.

    Raises:
        MissingExtraError: One is missing; the sentence says what to install.
    """
    packages, extra = needed or ((), "")
    missing = [package for package in packages if not _is_installed(package)]
    if missing:
        names = " and ".join(missing)
        noun = by_count(len(missing), "package")
        raise MissingExtraError(
            f"{method.title} needs the {noun} {names}: pip install 'hptui[{extra}]'"
        )


def has_packages(name: str) -> bool:
    """Say whether the optional packages of a sampler are installed."""
    return all(_is_installed(package) for package in _PACKAGES[name][0])


def grid_of(
    space: Mapping[str, ParamSpec], fixed: Mapping[str, ChoiceValue], points: int | None
) -> dict[str, Sequence[ChoiceValue]]:
    """Return the values of each parameter for a grid; a fixed one has its value alone.

    `points` thins what has no step of its own: floats without a step, and integers by 1 that
    have more values than that. They are spread evenly, on a log scale evenly in logs, both
    ends included.

    Raises:
        OptionError: The space is not known, a float has neither step nor `points`, or there are
            more combinations than Optuna can hold.
    """
    if not space:
        raise OptionError(
            "A grid needs the search space, but no parameter is known.",
            hint="Declare the space of the objective, or use --sampler bruteforce.",
        )
    grid = {
        name: (fixed[name],) if name in fixed else _values_of(name, spec, points)
        for name, spec in space.items()
    }
    size = math.prod(len(values) for values in grid.values())
    if size > _MAX_GRID:
        raise OptionError(
            f"The grid would have {size:,} combinations, more than {_MAX_GRID:,}.",
            hint="Use larger steps, grid:points=3, or fix a parameter with --fix.",
        )
    return grid


def _values_of(name: str, spec: ParamSpec, points: int | None) -> Sequence[ChoiceValue]:
    if isinstance(spec, ChoiceParam):
        return spec.choices
    if isinstance(spec, IntParam):
        return _ints_of(spec, points)
    if spec.step is not None:
        low, step = Decimal(repr(spec.low)), Decimal(repr(spec.step))
        count = int((Decimal(repr(spec.high)) - low) / step) + 1
        _check_count(name, count)
        return [float(low + index * step) for index in range(count)]
    if spec.low == spec.high:
        return (spec.low,)
    if points is None:
        raise OptionError(
            f"Parameter {safe_line(repr(name))} has no step, so a grid of it is not finite.",
            hint=f"Give it one (--space {safe_line(name)}=:step=S), or use grid:points=5.",
        )
    return _spread(spec, points)


def _ints_of(spec: IntParam, points: int | None) -> Sequence[int]:
    every = range(spec.low, spec.high + 1, spec.step)
    if points is None or spec.step != 1 or len(every) <= points:
        _check_count("", len(every))
        return every
    return sorted({round(value) for value in _spread(spec, points)})


def _check_count(name: str, count: int) -> None:
    if count > _MAX_GRID:
        about = f"Parameter {safe_line(repr(name))}" if name else "A parameter"
        raise OptionError(
            f"{about} has {plural(count, 'value')}, more than a grid can hold.",
            hint="Use a larger step or grid:points=5.",
        )


def _spread(spec: FloatParam | IntParam, points: int) -> list[float]:
    low, high = float(spec.low), float(spec.high)
    if spec.log:
        inner = np.exp(np.linspace(math.log(low), math.log(high), points))[1:-1]
    else:
        inner = np.linspace(low, high, points)[1:-1]
    return [low, *(float(value) for value in inner), high]


def _is_installed(package: str) -> bool:
    try:
        return importlib.util.find_spec(package) is not None
    except ValueError:
        return False

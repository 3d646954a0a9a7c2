"""What samplers and pruners a script makes, as hptui spells them.

Optuna's objects do not keep all that they were made with (no seed, for example), so their
constructors are listened to while a script runs.
"""

from __future__ import annotations

import contextlib
import inspect
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import optuna
from optuna.samplers import nsgaii as genetic

from hptui.domain.methods.asked_methods import METHODS
from hptui.domain.methods.option_text import make_spec, read_option
from hptui.domain.methods.options import MethodSpec, spell_value
from hptui.domain.spaces.choice_objects import storable_choices
from hptui.domain.texts.text import safe_line
from hptui.errors import OptionError
from hptui.storage.sqlite.sent_trials import plain_value

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hptui.domain.methods.options import Family, Method, Option, OptionValue

_KINDS: Mapping[Family, Mapping[type[Any], str]] = {
    "sampler": {
        optuna.samplers.TPESampler: "tpe",
        optuna.samplers.RandomSampler: "random",
        optuna.samplers.CmaEsSampler: "cmaes",
        optuna.samplers.GPSampler: "gp",
        optuna.samplers.NSGAIISampler: "nsgaii",
        optuna.samplers.NSGAIIISampler: "nsgaiii",
        optuna.samplers.QMCSampler: "qmc",
        optuna.samplers.GridSampler: "grid",
        optuna.samplers.BruteForceSampler: "bruteforce",
    },
    "pruner": {
        optuna.pruners.MedianPruner: "median",
        optuna.pruners.PercentilePruner: "percentile",
        optuna.pruners.SuccessiveHalvingPruner: "sha",
        optuna.pruners.HyperbandPruner: "hyperband",
        optuna.pruners.ThresholdPruner: "threshold",
        optuna.pruners.PatientPruner: "patient",
        optuna.pruners.WilcoxonPruner: "wilcoxon",
        optuna.pruners.NopPruner: "none",
    },
    "crossover": {
        genetic.UniformCrossover: "uniform",
        genetic.BLXAlphaCrossover: "blxalpha",
        genetic.SBXCrossover: "sbx",
        genetic.VSBXCrossover: "vsbx",
        genetic.SPXCrossover: "spx",
        genetic.UNDXCrossover: "undx",
    },
    "mutation": {genetic.PolynomialMutation: "polynomial"},
}
_PARTIAL = optuna.samplers.PartialFixedSampler
_ELSEWHERE = ("seed", "constraints_func", "search_space")
"""Parameters of constructors that are no options, and that a run takes all the same."""


@dataclass(slots=True, eq=False)
class Making:
    """Listens to constructors, and remembers what each object was made with."""

    _made: dict[int, tuple[object, dict[str, Any]]] = field(
        default_factory=dict[int, "tuple[object, dict[str, Any]]"]
    )
    """By identity: the object, so that it lives, and its arguments."""

    def constructors(self) -> list[tuple[type[Any], Callable[..., None]]]:
        """Return each class with the constructor that stands in for its own."""
        kinds = [kind for family in _KINDS.values() for kind in family]
        return [(kind, self._listening(kind)) for kind in (*kinds, _PARTIAL)]

    def _listening(self, kind: type[Any]) -> Callable[..., None]:
        original: Callable[..., None] = kind.__init__
        has_own = "__init__" in vars(kind)

        def listen(made: Any, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 - as the class has it
            if type(made) is kind:
                arguments = dict(kwargs)
                with contextlib.suppress(TypeError):
                    bound = inspect.signature(original).bind(made, *args, **kwargs)
                    arguments = dict(list(bound.arguments.items())[1:]) if has_own else {}
                self._made[id(made)] = (made, arguments)
            original(made, *args, **kwargs)

        return listen

    def arguments(self, made: object) -> dict[str, Any] | None:
        """Return what an object was made with; None where nobody saw it being made."""
        known = self._made.get(id(made))
        return None if known is None else known[1]


@dataclass(slots=True)
class Spelled:
    """A sampler or pruner as hptui spells it."""

    text: str = ""
    """Empty where hptui has no such one."""
    seed: int | None = None
    grid: dict[str, list[Any]] = field(default_factory=dict[str, "list[Any]"])
    fixed: dict[str, Any] = field(default_factory=dict[str, Any])
    left: list[str] = field(default_factory=list[str])
    """What is not taken over of it."""


def spell_object(making: Making, family: Family, made: object) -> Spelled:
    """Return a sampler or pruner of Optuna's as hptui spells it, and what that leaves out."""
    spelled = Spelled()
    if type(made) is _PARTIAL:
        arguments = making.arguments(made) or {}
        spelled = spell_object(making, family, arguments.get("base_sampler"))
        spelled.fixed |= plain_value(arguments.get("fixed_params", {}))
        return spelled
    spec = _spec(making, family, made, spelled)
    if spec is None:
        spelled.left.append(f"a {family} of its own ({safe_line(type(made).__name__)})")
        return spelled
    spelled.text = str(spec)
    arguments = making.arguments(made) or {}
    seed: object = plain_value(arguments.get("seed"))
    spelled.seed = seed if isinstance(seed, int) else None
    if spec.name == "grid":
        space = cast("Mapping[str, Any]", arguments.get("search_space", {}))
        spelled.grid = {name: list(storable_choices(values)) for name, values in space.items()}
    return spelled


def _spec(making: Making, family: Family, made: object, told: Spelled) -> MethodSpec | None:
    name = _KINDS[family].get(type(made))
    arguments = making.arguments(made)
    if name is None or arguments is None:
        return None
    method = next(each for each in METHODS[family] if each.name == name)
    options = {option.parameter or option.name: option for option in method.options}
    values: dict[str, OptionValue] = {}
    for parameter, value in arguments.items():
        option = options.get(parameter)
        if option is None:
            if parameter not in _ELSEWHERE and value is not None:
                told.left.append(f"the {family}'s {parameter}")
            continue
        try:
            values[option.name] = _value(making, method, option, value, told)
        except OptionError:
            told.left.append(f"the {family}'s {option.name} ({safe_line(value, max_chars=40)})")
    kept = {
        option.name: values[option.name]
        for option in method.options
        if option.name in values and (option.required or values[option.name] != option.default)
    }
    try:
        return make_spec(method, kept)
    except OptionError as error:
        told.left.append(f"the {family}'s options ({error.message.removesuffix('.')})")
        return make_spec(method, {}) if not any(each.required for each in method.options) else None


def _value(
    making: Making, method: Method, option: Option, value: object, told: Spelled
) -> OptionValue:
    """Return an argument as the value of an option.

    Raises:
        OptionError: The option cannot have it.
    """
    if value is None:
        if "none" in option.words or option.default is None:
            return None
        raise OptionError(f"{option.name} is None")
    if option.kind in ("sampler", "pruner", "crossover", "mutation"):
        part = _spec(making, option.kind, value, told)
        if part is None:
            raise OptionError(f"{option.name} is an object of the script's own")
        return part
    plain: Any = plain_value(value)
    if option.kind == "json":
        plain = tuple(tuple(row) for row in plain)
    elif option.kind == "float" and isinstance(plain, int):
        plain = float(plain)
    return read_option(method, option, spell_value(plain), METHODS)

"""Optuna's distributions and their stored JSON, parsed once per spelling."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec

if TYPE_CHECKING:
    from optuna.distributions import CategoricalChoiceType

    from hptui.domain.spaces.choices import ChoiceValue

Parsed = tuple[BaseDistribution, Callable[[float], Any] | None]
"""A distribution and how a stored number becomes the parameter's value; None: it is the value."""

_UNREADABLE: Final = (
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
_MAX_CACHED: Final = 10_000
_parsed_by_json: dict[str, Parsed] = {}
_json_by_fields: dict[tuple[object, ...], str] = {}


def parse_distribution(text: str) -> Parsed:
    """Return the distribution that `text` spells; the same object for the same text.

    Raises:
        ValueError: `text` is not a distribution.
    """
    parsed = _parsed_by_json.get(text)
    if parsed is None:
        parsed = _parse(text)
        if len(_parsed_by_json) >= _MAX_CACHED:
            _parsed_by_json.clear()
        _parsed_by_json[text] = parsed
    return parsed


def _parse(text: str) -> Parsed:
    try:
        with warnings.catch_warnings():
            # What an old file spells is no mistake of the person who reads it.
            warnings.simplefilter("ignore")
            distribution = json_to_distribution(text)
    except _UNREADABLE as error:
        raise ValueError(f"not a distribution: {type(error).__name__}: {error}") from error
    if isinstance(distribution, FloatDistribution):
        return distribution, None
    return distribution, distribution.to_external_repr


def dump_distribution(distribution: BaseDistribution) -> str:
    """Return the JSON that Optuna stores for a distribution.

    Raises:
        TypeError: A choice cannot be spelled in JSON.
    """
    fields = _fields(distribution)
    if fields is None:
        return distribution_to_json(distribution)
    text = _json_by_fields.get(fields)
    if text is None:
        text = distribution_to_json(distribution)
        if len(_json_by_fields) >= _MAX_CACHED:
            _json_by_fields.clear()
        _json_by_fields[fields] = text
    return text


def _fields(distribution: BaseDistribution) -> tuple[object, ...] | None:
    """Return what tells two numeric distributions apart, or None where nothing cheap does.

    Choices are left out: 1, 1.0 and True are equal and hash alike, but are spelled differently.
    """
    kind = type(distribution)
    if kind is FloatDistribution or kind is IntDistribution:
        numeric = cast("FloatDistribution | IntDistribution", distribution)
        if type(numeric.log) is bool:
            return (kind, numeric.low, numeric.high, numeric.log, numeric.step)
    return None


def to_optuna(spec: ParamSpec) -> BaseDistribution:
    """Return Optuna's distribution for a parameter of the search space."""
    match spec:
        case FloatParam(low, high, log, step):
            return FloatDistribution(low, high, log=log, step=step)
        case IntParam(low, high, log, int_step):
            return IntDistribution(low, high, log=log, step=int_step)
        case ChoiceParam(choices):
            return categorical(choices)


def categorical(choices: Sequence[ChoiceValue]) -> CategoricalDistribution:
    """Return Optuna's distribution of some choices, without its warning about lists and objects.

    Raises:
        ValueError: There are no choices.
    """
    given = cast("Sequence[CategoricalChoiceType]", choices)
    if not any(isinstance(choice, (list, dict)) for choice in choices):
        return CategoricalDistribution(given)
    with warnings.catch_warnings():
        # They are JSON here, and so are stored and read back alike.
        warnings.simplefilter("ignore")
        return CategoricalDistribution(given)


def from_optuna(distribution: BaseDistribution) -> ParamSpec:
    """Return the parameter that a distribution of Optuna describes.

    Raises:
        TypeError: It is a kind of distribution that Optuna does not have.
    """
    if isinstance(distribution, FloatDistribution):
        return FloatParam(
            distribution.low, distribution.high, bool(distribution.log), distribution.step
        )
    if isinstance(distribution, IntDistribution):
        return IntParam(
            distribution.low, distribution.high, bool(distribution.log), distribution.step
        )
    if isinstance(distribution, CategoricalDistribution):
        return ChoiceParam(distribution.choices)
    raise TypeError(f"{type(distribution).__name__} is not a distribution of Optuna")


def dump_json(value: object) -> tuple[str, Any]:
    """Return an attribute's JSON and its value as it will be read back.

    Raises:
        TypeError: The value cannot be spelled in JSON.
        ValueError: The value is nested in itself.
    """
    text = json.dumps(value)
    if value is None or type(value) in (str, int, float, bool):
        return text, value
    return text, json.loads(text)

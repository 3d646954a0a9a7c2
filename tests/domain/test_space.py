"""Search spaces: what is accepted, how it is shown and stored."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from hptui.domain.spaces.choices import find_choice, spell_choice
from hptui.domain.spaces.space import (
    ChoiceParam,
    ChoiceValue,
    FloatParam,
    IntParam,
    ParamSpec,
    contains,
    describe,
    kind_of,
    spec_from_json,
    spec_to_json,
)
from hptui.errors import SpaceError

PAIRS: list[tuple[ParamSpec, BaseDistribution]] = [
    (FloatParam(0, 1), FloatDistribution(0, 1)),
    (FloatParam(1e-5, 1e-1, log=True), FloatDistribution(1e-5, 1e-1, log=True)),
    (FloatParam(0, 1, step=0.1), FloatDistribution(0, 1, step=0.1)),
    (FloatParam(-0.3, 0.3, step=0.2), FloatDistribution(-0.3, 0.3, step=0.2)),
    (IntParam(2, 12, step=2), IntDistribution(2, 12, step=2)),
    (IntParam(1, 1024, log=True), IntDistribution(1, 1024, log=True)),
    (IntParam(7, 7), IntDistribution(7, 7)),
    (ChoiceParam(("adam", "sgd")), CategoricalDistribution(["adam", "sgd"])),
    (
        ChoiceParam((None, True, 1, 1.5, "x", "é", math.inf)),
        CategoricalDistribution([None, True, 1, 1.5, "x", "é", math.inf]),
    ),
]


@pytest.mark.parametrize(("spec", "distribution"), PAIRS)
def test_json_is_byte_for_byte_what_optuna_writes(
    spec: ParamSpec, distribution: BaseDistribution
) -> None:
    assert spec_to_json(spec) == distribution_to_json(distribution)
    assert spec_from_json(distribution_to_json(distribution)) == spec
    assert json_to_distribution(spec_to_json(spec)) == distribution


bounds = st.floats(-1e6, 1e6, allow_nan=False)


@given(bounds, bounds, st.booleans())
def test_any_float_range_reads_the_same_on_both_sides(a: float, b: float, log: bool) -> None:
    low, high = min(a, b), max(a, b)
    log = log and low > 0
    spec, distribution = FloatParam(low, high, log), FloatDistribution(low, high, log=log)
    assert spec_to_json(spec) == distribution_to_json(distribution)
    assert spec_from_json(spec_to_json(spec)) == spec


@given(st.integers(-1000, 1000), st.integers(0, 200), st.integers(1, 50))
def test_any_stepped_float_range_is_the_one_optuna_makes(start: int, count: int, by: int) -> None:
    low, step = start / 100, by / 100
    high = (start + count * by) / 100
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        distribution = FloatDistribution(low, high, step=step)
    assert spec_to_json(FloatParam(low, high, step=step)) == distribution_to_json(distribution)


@given(st.integers(-50, 50), st.integers(0, 20), st.integers(1, 7), st.integers(-80, 80))
def test_an_integer_is_inside_exactly_when_optuna_says_so(
    low: int, count: int, step: int, value: int
) -> None:
    high = low + count * step
    distribution = IntDistribution(low, high, step=step)
    expected = distribution._contains(value)  # pyright: ignore[reportPrivateUsage]
    assert contains(IntParam(low, high, step=step), value) is expected


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ('{"name": "UniformDistribution", "attributes": {"low": 0, "high": 2}}', FloatParam(0, 2)),
        (
            '{"name": "LogUniformDistribution", "attributes": {"low": 1, "high": 2}}',
            FloatParam(1, 2, log=True),
        ),
        (
            '{"name": "DiscreteUniformDistribution", '
            '"attributes": {"low": 0, "high": 1, "q": 0.5}}',
            FloatParam(0, 1, step=0.5),
        ),
        (
            '{"name": "IntUniformDistribution", "attributes": {"low": 1, "high": 9, "step": 2}}',
            IntParam(1, 9, step=2),
        ),
        (
            '{"name": "IntLogUniformDistribution", "attributes": {"low": 1, "high": 8, "step": 1}}',
            IntParam(1, 8, log=True),
        ),
        ('{"type": "float", "low": 0, "high": 1, "step": 0.5}', FloatParam(0, 1, step=0.5)),
        ('{"type": "int", "low": 1, "high": 8, "log": true}', IntParam(1, 8, log=True)),
        ('{"type": "categorical", "choices": ["a", 1]}', ChoiceParam(("a", 1))),
        (
            '{"type": "categorical", "choices": [[1, 2], {"a": []}]}',
            ChoiceParam(([1, 2], {"a": []})),
        ),
    ],
)
def test_older_and_shorter_stored_forms_are_read(text: str, spec: ParamSpec) -> None:
    assert spec_from_json(text) == spec


@pytest.mark.parametrize(
    "text",
    [
        "",
        "7",
        "[]",
        "{}",
        '{"name": "NoDistribution", "attributes": {}}',
        '{"name": "FloatDistribution", "attributes": {"low": 0}}',
        '{"name": "FloatDistribution", "attributes": {"low": "a", "high": 1}}',
        '{"name": "FloatDistribution", "attributes": {"low": -Infinity, "high": 1}}',
        '{"name": "UniformDistribution", "attributes": {"low": 0}}',
        '{"name": "CategoricalDistribution", "attributes": 7}',
        "[" * 100_000,
    ],
)
def test_what_is_no_stored_space_is_refused(text: str) -> None:
    with pytest.raises(SpaceError):
        spec_from_json(text)


REFUSED: list[tuple[type[Any], dict[str, Any], str]] = [
    (FloatParam, {"low": 2, "high": 1}, "low is 2.0 and high is 1.0"),
    (FloatParam, {"low": 0, "high": 1, "log": True}, "low > 0"),
    (FloatParam, {"low": 1, "high": 2, "log": True, "step": 0.5}, "step is 0.5 on a log scale"),
    (FloatParam, {"low": 0, "high": 1, "step": 0.3}, "does not reach 1.0"),
    (FloatParam, {"low": 0, "high": 1, "step": 3}, "does not reach 1.0"),
    (FloatParam, {"low": 0, "high": 1, "step": 0}, "step is 0.0"),
    (FloatParam, {"low": 0, "high": 1, "step": -1}, "step is -1.0"),
    (FloatParam, {"low": 0, "high": 1, "step": 1e-42}, "too small"),
    (FloatParam, {"low": -1e308, "high": 1e308, "step": 1e-308}, "too small"),
    (FloatParam, {"low": math.nan, "high": 1}, "low is nan"),
    (FloatParam, {"low": 0, "high": math.inf}, "high is inf"),
    (FloatParam, {"low": 0, "high": 10**400}, "finite"),
    (FloatParam, {"low": "0", "high": 1}, "low is '0'"),
    (FloatParam, {"low": False, "high": 1}, "low is False"),
    (FloatParam, {"low": 0, "high": 1, "log": 1}, "log is 1"),
    (IntParam, {"low": 3, "high": 1}, "low is 3 and high is 1"),
    (IntParam, {"low": 0, "high": 8, "log": True}, "low >= 1"),
    (IntParam, {"low": 1, "high": 8, "log": True, "step": 2}, "step is 2 on a log scale"),
    (IntParam, {"low": 1, "high": 10, "step": 2}, "does not reach 10"),
    (IntParam, {"low": 1, "high": 10, "step": 0}, "step is 0"),
    (IntParam, {"low": 1.5, "high": 10}, "low is 1.5"),
    (IntParam, {"low": 1, "high": math.inf}, "high is inf"),
    (ChoiceParam, {"choices": ()}, "empty"),
]


@pytest.mark.parametrize(("kind", "fields", "sentence"), REFUSED)
def test_a_space_that_does_not_hold_together_is_refused_with_the_value(
    kind: type[Any], fields: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        kind(**fields)
    assert sentence in caught.value.message
    assert caught.value.message.endswith(".")


hundredths = st.integers(-1000, 1000).map(lambda number: number / 100)


@given(hundredths, hundredths, st.none() | hundredths, st.booleans())
def test_what_optuna_refuses_is_refused_here_too(
    low: float, high: float, step: float | None, log: bool
) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            FloatDistribution(low, high, log=log, step=step)
    except (ValueError, UserWarning):
        with pytest.raises(SpaceError):
            FloatParam(low, high, log, step)
    else:
        FloatParam(low, high, log, step)


def test_a_step_that_does_not_fit_names_the_bound_that_would() -> None:
    with pytest.raises(SpaceError) as caught:
        IntParam(16, 100, step=16)
    assert "96" in caught.value.hint


def test_whole_floats_are_integers() -> None:
    spec = IntParam(1.0, 9.0, step=2.0)  # pyright: ignore[reportArgumentType]
    assert spec == IntParam(1, 9, step=2)
    assert all(type(value) is int for value in (spec.low, spec.high, spec.step))


def test_a_bound_that_misses_the_grid_by_rounding_is_put_on_it() -> None:
    assert FloatParam(0, 0.1 + 0.2, step=0.1).high == 0.3


@pytest.mark.parametrize(
    ("spec", "text"),
    [
        (FloatParam(1e-5, 0.1, log=True), "1e-05..0.1 log"),
        (FloatParam(0, 1, step=0.25), "0.0..1.0 step 0.25"),
        (IntParam(16, 512, step=16), "16..512 step 16"),
        (IntParam(1, 9), "1..9"),
        (ChoiceParam(("adam", "sgd")), "adam, sgd"),
        (ChoiceParam((None, True, 1, "1")), 'None, True, 1, "1"'),
        (ChoiceParam(("\x1b[31m",)), "\\x1b[31m"),
    ],
)
def test_a_description_is_one_safe_line(spec: ParamSpec, text: str) -> None:
    assert describe(spec) == text


def test_kinds_have_words() -> None:
    specs: list[ParamSpec] = [FloatParam(0, 1), IntParam(0, 1), ChoiceParam((1,))]
    assert [kind_of(spec) for spec in specs] == ["float", "int", "choice"]


@pytest.mark.parametrize(
    ("spec", "value", "inside"),
    [
        (FloatParam(0, 1), 1, True),
        (FloatParam(0, 1), 1.1, False),
        (FloatParam(0, 1), math.nan, False),
        (FloatParam(0, 1), "0.5", False),
        (FloatParam(0, 1), True, False),
        (FloatParam(1e-5, 0.1), 0.1 * (1 + 1e-15), True),
        (FloatParam(0, 1, step=0.1), 0.1 + 0.2, True),
        (FloatParam(0, 1, step=0.1), 0.15, False),
        (IntParam(1, 9, step=2), 5.0, True),
        (IntParam(1, 9, step=2), 4, False),
        (IntParam(1, 9), 1.5, False),
        (ChoiceParam((math.nan, "a")), math.nan, True),
        (ChoiceParam(("a",)), "b", False),
    ],
)
def test_a_value_is_inside_or_not(spec: ParamSpec, value: ChoiceValue, inside: bool) -> None:
    assert contains(spec, value) is inside


choice_values: st.SearchStrategy[ChoiceValue] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.lists(choice_values, min_size=1, max_size=6))
def test_every_choice_is_found_again_by_its_printed_form(choices: list[ChoiceValue]) -> None:
    for choice in choices:
        index = find_choice(choices, spell_choice(choice))
        assert index is not None
        found = choices[index]
        assert (type(found), found) == (type(choice), choice) or spell_choice(
            found
        ) == spell_choice(choice)


def test_stored_json_is_plain_json() -> None:
    assert json.loads(spec_to_json(IntParam(1, 2)))["name"] == "IntDistribution"

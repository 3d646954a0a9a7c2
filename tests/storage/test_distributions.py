"""Parameters of the search space and Optuna's distributions say the same."""

from __future__ import annotations

import json
import math

import pytest
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)

from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.storage.sqlite.distributions import (
    dump_distribution,
    from_optuna,
    parse_distribution,
    to_optuna,
)

PAIRS: tuple[tuple[ParamSpec, BaseDistribution], ...] = (
    (FloatParam(0.0, 1.0), FloatDistribution(0, 1)),
    (FloatParam(1e-5, 0.1, log=True), FloatDistribution(1e-5, 0.1, log=True)),
    (FloatParam(0.0, 0.5, step=0.1), FloatDistribution(0, 0.5, step=0.1)),
    (IntParam(1, 9), IntDistribution(1, 9)),
    (IntParam(1, 9, step=2), IntDistribution(1, 9, step=2)),
    (IntParam(1, 1024, log=True), IntDistribution(1, 1024, log=True)),
    (ChoiceParam(("a", None, True, 1.5)), CategoricalDistribution(("a", None, True, 1.5))),
)


@pytest.mark.parametrize(("spec", "distribution"), PAIRS)
def test_a_parameter_goes_to_optuna_and_back(
    spec: ParamSpec, distribution: BaseDistribution
) -> None:
    assert to_optuna(spec) == distribution
    assert from_optuna(distribution) == spec


@pytest.mark.parametrize("distribution", [distribution for _, distribution in PAIRS])
def test_the_stored_text_is_optunas(distribution: BaseDistribution) -> None:
    for _ in range(2):
        text = dump_distribution(distribution)
        assert text == distribution_to_json(distribution)
        parsed, convert = parse_distribution(text)
        assert parsed == json_to_distribution(text)
        internal = 1.0
        external = internal if convert is None else convert(internal)
        assert external == distribution.to_external_repr(internal)
        assert type(external) is type(distribution.to_external_repr(internal))


def test_choices_that_are_equal_but_not_the_same_keep_their_spelling() -> None:
    texts = [
        dump_distribution(CategoricalDistribution(choices))
        for choices in ((1, 0), (True, False), (1.0, 0.0))
    ]

    assert [json.loads(text)["attributes"]["choices"] for text in texts] == [
        [1, 0],
        [True, False],
        [1.0, 0.0],
    ]
    assert len(set(texts)) == 3


def test_one_text_is_parsed_once() -> None:
    text = distribution_to_json(FloatDistribution(0, 3))

    assert parse_distribution(text)[0] is parse_distribution(text)[0]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[",
        "1",
        "null",
        "{}",
        '{"name": "object", "attributes": {}}',
        '{"name": "FloatDistribution", "attributes": {"low": 1}}',
        '{"name": "FloatDistribution", "attributes": {"low": 2, "high": 1}}',
        '{"name": "IntDistribution", "attributes": {"low": "a", "high": 1}}',
        '{"name": "IntDistribution", "attributes": [1, 2]}',
        '{"name": "CategoricalDistribution", "attributes": {"choices": []}}',
        '{"name": "CategoricalDistribution", "attributes": {"choices": 3}}',
        '{"type": "float"}',
        "[" * 100_000,
    ],
)
def test_a_text_that_spells_no_distribution_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a distribution"):
        parse_distribution(text)


def test_choices_that_are_nan_survive() -> None:
    spec = from_optuna(
        parse_distribution(dump_distribution(CategoricalDistribution((math.nan,))))[0]
    )

    assert isinstance(spec, ChoiceParam)
    assert isinstance(spec.choices[0], float)
    assert math.isnan(spec.choices[0])

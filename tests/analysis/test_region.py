"""Regions of figures: the filters, bounds and points that they become."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made_trials import param_of, trials_of

from hptui.analysis.region import (
    Measure,
    Region,
    Span,
    bounds_edit,
    near_value,
    param_spans,
    roundest,
)
from hptui.domain.spaces.edits import apply_edit
from hptui.domain.spaces.param_edit import UNSET, ParamEdit
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec, contains

LR = Measure("param", "lr")
WIDTH = Measure("param", "width", is_whole=True)
CHOICES = (None, "None", "a|b", 'say "hi"', "", 1, True, "x y", [1, 2])
KIND = Measure("param", "kind", choices=CHOICES)
VALUE = Measure("value")
TRIALS = trials_of(
    [5.0, 4.0, 3.0, 2.0, 1.0, math.nan],
    params={
        "lr": param_of("lr", FloatParam(1e-5, 1, log=True), [1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1]),
        "width": param_of("width", IntParam(1, 9), [1, 2, 3, 4, 5, math.nan]),
        "kind": param_of("kind", ChoiceParam(CHOICES), [0, 1, 2, 3, 5, 6]),
        "value": param_of("value", FloatParam(0, 1), [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]),
        "a<b c": param_of("a<b c", FloatParam(-1, 1), [-1, 0, 0.5, 1, 1, 1]),
    },
)


@pytest.mark.parametrize(
    ("spans", "text", "inside"),
    [
        ((Span(LR), Span(VALUE)), "", [0, 1, 2, 3, 4, 5]),
        ((Span(LR, 1e-4, 0.01), Span(VALUE)), "lr>=0.0001 lr<=0.01", [1, 2, 3]),
        ((Span(LR, low=0.001), Span(VALUE, high=2.5)), "lr>=0.001 value<=2.5", [3, 4]),
        ((Span(WIDTH, 2, 4), Span(VALUE, 2.0, 3.0)), None, [2, 3]),
        ((Span(WIDTH, 3, 2),), "", []),
        ((Span(Measure("number"), 2, 1e6),), "number>=2 number<=1000000", [2, 3, 4, 5]),
        ((Span(KIND, chosen=("None", "a|b")),), 'kind="None"|"a|b"', [1, 2]),
        ((Span(KIND, chosen=(None, 'say "hi"')),), None, [0, 3]),
        ((Span(KIND, chosen=(1,)),), None, [4]),
        ((Span(KIND, chosen=(True,)),), None, [5]),
        ((Span(KIND, chosen=CHOICES),), "", [0, 1, 2, 3, 4, 5]),
        ((Span(KIND, chosen=()),), "", []),
        ((Span(Measure("param", "value"), 0.25, 0.45),), None, [2, 3]),
        ((Span(Measure("param", "a<b c"), high=-0.5),), '"a<b c"<=-0.5', [0]),
    ],
)
def test_a_filter_means_the_region(
    spans: tuple[Span, ...], text: str | None, inside: list[int]
) -> None:
    region = Region(spans)
    if text is not None:
        assert region.filter_text(TRIALS) == text
    assert np.flatnonzero(region.rows(TRIALS)).tolist() == inside


def test_one_of_several_objectives_is_named() -> None:
    trials = trials_of([[1, 2], [3, 4]], ("minimize", "maximize"))
    region = Region((Span(Measure("value", objective=1), low=3),))
    assert region.filter_text(trials, ("loss", "score")) == "value.1>=3"
    assert region.rows(trials, ("loss", "score")).tolist() == [False, True]


@pytest.mark.parametrize(
    ("span", "spec", "edit"),
    [
        (Span(LR, 1e-4, 0.01), FloatParam(1e-5, 1, log=True), ParamEdit(1e-4, 0.01)),
        (Span(LR, high=0.01), FloatParam(1e-5, 1, log=True), ParamEdit(high=0.01)),
        (Span(LR), FloatParam(0, 1), ParamEdit()),
        (Span(LR, 0.22, 0.81), FloatParam(0, 1, step=0.1), ParamEdit(0.3, 0.8)),
        (Span(LR, 0.62, 0.68), FloatParam(0, 1, step=0.1), ParamEdit(0.6, 0.6)),
        (Span(WIDTH, 2, 6), IntParam(1, 9), ParamEdit(2, 6)),
        (Span(WIDTH, 3, 8), IntParam(0, 20, step=4), ParamEdit(4, 8)),
        (Span(WIDTH, 5, 7), IntParam(0, 20, step=4), ParamEdit(8, 8)),
        (Span(WIDTH, 1, 9), IntParam(1, 9), ParamEdit()),
        (Span(KIND, chosen=(1, "x y")), ChoiceParam(CHOICES), ParamEdit(choices=(1, "x y"))),
        (Span(KIND, chosen=("x y",)), ChoiceParam(CHOICES), ParamEdit(fixed="x y")),
        (Span(KIND, chosen=CHOICES), ChoiceParam(CHOICES), ParamEdit()),
        (Span(KIND, chosen=(1,)), ChoiceParam(("p", "q")), ParamEdit()),
        (Span(KIND, chosen=(1,)), FloatParam(0, 1), ParamEdit()),
        (Span(LR, 0, 1), ChoiceParam(CHOICES), ParamEdit()),
    ],
)
def test_bounds_lie_on_the_steps_of_the_parameter(
    span: Span, spec: ParamSpec, edit: ParamEdit
) -> None:
    found = bounds_edit(span, spec)
    assert found == edit
    apply_edit("p", spec, found)


@pytest.mark.parametrize(
    ("span", "spec", "value"),
    [
        (Span(LR, 1e-4, 0.01), FloatParam(1e-5, 1, log=True), 0.001),
        (Span(LR, 0.2, 0.4), FloatParam(0, 1), 0.3),
        (Span(LR, 0.2), FloatParam(0, 1), 0.6),
        (Span(LR, 5, 6), FloatParam(0, 1), 1),
        (Span(LR, 0.2, 0.4), FloatParam(0, 1, step=0.1), 0.3),
        (Span(WIDTH, 2, 6), IntParam(1, 9), 4),
        (Span(WIDTH, 5, 7), IntParam(0, 20, step=4), 8),
        (Span(WIDTH, 16, 64), IntParam(1, 512, log=True), 32),
        (Span(KIND, chosen=("x y", 1)), ChoiceParam(CHOICES), 1),
    ],
)
def test_the_middle_of_a_span_may_be_suggested(span: Span, spec: ParamSpec, value: object) -> None:
    found = near_value(span, spec)
    assert found == value
    assert contains(spec, found)


def test_a_region_without_parameters_has_the_ranges_of_its_trials() -> None:
    region = Region((Span(Measure("number"), low=1, high=3), Span(VALUE)))
    spans = param_spans(region, TRIALS, region.rows(TRIALS))
    found = {span.measure.name: span for span in spans}
    assert (found["width"].low, found["width"].high) == (2, 4)
    assert "kind" not in found
    low, high = found["lr"].low, found["lr"].high
    assert low is not None
    assert high is not None
    assert 0.99e-4 <= low <= 1e-4
    assert 0.01 <= high <= 0.0101
    own = Region((Span(LR, 0.1, 1), Span(VALUE, high=3)))
    assert param_spans(own, TRIALS, own.rows(TRIALS)) == (Span(LR, 0.1, 1),)


@given(st.floats(-1e300, 1e300), st.floats(-1e300, 1e300))
def test_the_roundest_number_lies_between(one: float, other: float) -> None:
    low, high = sorted((one, other))
    assert low <= roundest(low, high) <= high


@pytest.mark.parametrize(
    ("low", "high", "number"),
    [(0.0971, 0.1034, 0.1), (-0.2, 0.1, 0), (1234, 1267, 1250), (-0.034, -0.029, -0.03), (7, 7, 7)],
)
def test_few_digits(low: float, high: float, number: float) -> None:
    assert roundest(low, high) == pytest.approx(number, abs=0.01 * abs(number) + 1e-12)
    assert len(repr(roundest(low, high))) <= 7


@given(
    st.floats(0.001, 1),
    st.floats(0.001, 1),
    st.sampled_from(
        [
            FloatParam(0.001, 1),
            FloatParam(0.001, 1, log=True),
            FloatParam(0.0, 1.0, step=0.125),
            IntParam(0, 7),
        ]
    ),
)
def test_bounds_always_hold_together(one: float, other: float, spec: ParamSpec) -> None:
    span = Span(LR, min(one, other), max(one, other))
    edit = bounds_edit(span, spec)
    after = apply_edit("p", spec, edit)
    assert contains(spec, near_value(span, spec))
    assert edit.low is UNSET or contains(after, edit.low)
    assert edit.high is UNSET or contains(after, edit.high)

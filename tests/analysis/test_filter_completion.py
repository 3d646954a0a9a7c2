"""What a half-typed filter could become."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.analysis.filter_studies import PlainTexts, plain_trials
from tests.analysis.plain_studies import made
from tests.made_trials import param_of

from hptui.analysis.filters.completion import MAX_COMPLETIONS, complete, completion_names
from hptui.analysis.filters.fields import Field, FieldNames
from hptui.analysis.filters.parser import parse_filter, quoted
from hptui.analysis.filters.rows import filter_rows
from hptui.analysis.filters.terms import Comparison
from hptui.domain.spaces.space import ChoiceParam

NAMES = completion_names(
    plain_trials([]),
    metric_names=("loss", "val:acc"),
    words={"tag": ("good", "slow run"), "host": ("node1", "node 2"), "device": ("0", "1")},
    attributes=("fold", "my key"),
    saved=("mine", "my own"),
)


@pytest.mark.parametrize(
    ("text", "completed"),
    [
        ("", []),
        ("sta", ["state"]),
        ("lr<1 -STA", ["lr<1 -state"]),
        ("va", ["value.0", "value.1", '"val:acc"']),
        ('"va', ["value.0", "value.1", '"val:acc"']),
        ("od", ['"odd \\"name"']),
        ("param.n", ["param.number"]),
        ("state:f", ["state:failed"]),
        ("state=failed|r", ["state=failed|running"]),
        ("kernel:", ["rbf", "Poly", "1", '"1"', "0.5", "True", "nan", '"a b|c"', "none"]),
        ("kernel=no", ["kernel=None"]),
        ("kernel=rbf|p", ["kernel=rbf|Poly"]),
        ("tag:s", ['tag:"slow run"']),
        ("has:no", ["has:note"]),
        ("host:n", ["host:node1", 'host:"node 2"']),
        ("device=", ["device=0", "device=1"]),
        ("attr.", ["attr.fold", '"attr.my key"']),
        ("mem", ["memory"]),
        ("lr<1 @m", ["lr<1 @mine", 'lr<1 @"my own"']),
        ("lr<", []),
        ("nothing", []),
        ('error~"out of', []),
    ],
)
def test_a_term_is_completed(text: str, completed: list[str]):
    found = complete(text, len(text), NAMES)
    if text == "kernel:":
        found = [each.removeprefix(text) for each in found]
    assert found == completed
    saved = {"mine": "", "my own": ""}
    for each in complete(text, len(text), NAMES):
        assert parse_filter(each, saved).terms


def test_what_stands_behind_the_cursor_stays():
    assert complete("st lr<1", 2, NAMES) == ["state lr<1"]


def test_no_more_is_offered_than_can_be_read():
    many = completion_names(plain_trials([]), saved=[f"s{n}" for n in range(100)])
    assert len(complete("@", 1, many)) == MAX_COMPLETIONS


@given(st.text(st.sampled_from('stae:=kr|-@" \\!~'), max_size=12), st.integers(0, 12))
def test_whatever_is_typed_is_completed_where_the_cursor_is(text: str, cursor: int):
    cursor = min(cursor, len(text))
    for each in complete(text, cursor, NAMES):
        assert each.endswith(text[cursor:])
        assert each != text


def test_what_is_typed_in_quotes_is_one_term():
    assert complete('has:error tag:"slow', 19, NAMES) == ['has:error tag:"slow run"']
    assert complete('error~"a b" tag:"slow r', 23, NAMES) == ['error~"a b" tag:"slow run"']
    assert complete('error~"a tag:', 13, NAMES) == []
    assert complete('error~"a\\" tag:', 15, NAMES) == []


def test_every_parameter_and_choice_is_offered_as_what_it_is_and_not_as_something_else():
    names = ("value.0", "value_0", "attr.x", "time", "loss", "param.note", "note", "lr")
    choices = ("rbf", "=x", "==", "|", "-a", "", "nan", math.nan, 1, "1", True)
    params = {
        name: param_of(name, ChoiceParam(choices), list(range(len(choices)))) for name in names
    }
    trials = made([0.0] * len(choices), params=params)
    offered = completion_names(trials, metric_names=("loss", "state"))
    assert len(set(offered.names)) == len(offered.names)
    fields = FieldNames(1, ("loss", "state"), params)
    meant: list[Field] = []
    for name in offered.names:
        has = parse_filter(f"has:{quoted(name)}")
        (term,) = has.terms
        assert isinstance(term, Comparison)
        meant.append(fields.resolve(has, term.values[0]))
    assert {field.key for field in meant if field.kind == "param"} == set(names)
    assert not [field for field in meant if field.kind == "attr"]
    for row, spelled in enumerate(offered.choices["lr"]):
        rows = filter_rows(parse_filter(f"lr={spelled}"), trials, PlainTexts([]))
        assert np.flatnonzero(rows).tolist() == [row]

"""Which trials a filter means: against a naive look at each trial, and case by case."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.analysis.filter_studies import CHOICES, SHAPES, PlainTexts, PlainTrial, plain_trials

from hptui.analysis.filters.fields import FieldNames, reads_texts
from hptui.analysis.filters.parser import parse_filter, quoted
from hptui.analysis.filters.rows import filter_rows
from hptui.analysis.filters.terms import FilterError
from hptui.domain.spaces.choices import find_choice, spell_choice
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, WAITING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Predicate = Callable[[PlainTrial], bool]
    Case = tuple[str, Predicate]

METRICS = ("loss", "val:acc")
NUMBERS = ["0", "1", "-1", "0.5", "1e-3", ".25", "2.", "3.25", "1E1", "inf", "-Infinity", "+7"]
SIGNS = ["<", "<=", ">", ">=", "=", "==", ":", "!="]
TEXTS = ["a", "b", "out of memory", "Fold 3", 'say "x"\\', "none", "ü"]
DURATIONS = {"30s": (30.0, 1.0), "1m": (60.0, 60.0), "1.5m": (90.0, 6.0), "500ms": (0.5, 0.001)}
STATE_SPELLINGS = {
    "running": RUNNING,
    "comp": COMPLETE,
    "p": PRUNED,
    "FAIL": FAIL,
    "failed": FAIL,
    "waiting": WAITING,
}

small = st.sampled_from([0.0, 1.0, -1.0, 0.5, 0.001, 0.0012, 0.25, 3.25, 7.4, math.inf, -math.inf])
maybe = st.one_of(small, st.just(math.nan))
text_of_trial = st.sampled_from(TEXTS)
attribute = st.one_of(
    text_of_trial, small, st.booleans(), st.none(), st.lists(text_of_trial, max_size=2)
)
trial = st.builds(
    PlainTrial,
    number=st.just(0),
    state=st.integers(-1, 4),
    values=st.tuples(maybe, maybe),
    duration_s=st.sampled_from([math.nan, 0.5, 1.0, 29.6, 30.0, 60.0, 90.0, 93.0]),
    is_feasible=st.booleans(),
    params=st.fixed_dictionaries(
        {},
        optional={
            "lr": small.filter(math.isfinite),
            "n": st.integers(-3, 3),
            "kernel": st.sampled_from(CHOICES),
            'odd "name': small.filter(math.isfinite),
            "number": small.filter(math.isfinite),
        },
    ),
    error=st.one_of(st.none(), text_of_trial),
    cause=st.one_of(st.none(), text_of_trial),
    note=st.one_of(st.none(), text_of_trial),
    tags=st.lists(text_of_trial, max_size=2, unique=True).map(tuple),
    devices=st.lists(text_of_trial, max_size=2, unique=True).map(tuple),
    host=st.one_of(st.just(""), text_of_trial),
    attributes=st.fixed_dictionaries({}, optional={"fold": attribute, "odd key": attribute}),
)
studies = st.lists(trial, max_size=12).map(
    lambda found: [replace(each, number=2 * at) for at, each in enumerate(found)]
)


def is_equal(own: float, text: str) -> bool:
    """Whether a number is one that was written: the same, or within half of its last place."""
    wanted = float(text)
    if not math.isfinite(wanted) or own == math.floor(own) if math.isfinite(own) else True:
        return own == wanted
    exponent = Decimal(text).as_tuple().exponent
    assert isinstance(exponent, int)
    return abs(own - wanted) <= 10.0**exponent / 2


def compares(own: float, sign: str, wanted: float, equal: bool) -> bool:
    """Whether a number that is there compares as asked."""
    results = {"<": own < wanted, "<=": own <= wanted, ">": own > wanted, ">=": own >= wanted}
    return results.get(sign, not equal if sign == "!=" else equal)


def number_of(trial: PlainTrial, name: str) -> float:
    """A parameter that is a number; NaN where the trial does not have it."""
    value = trial.params.get(name, math.nan)
    assert isinstance(value, (int, float))
    return value


OWN_NUMBERS: Mapping[str, Callable[[PlainTrial], float]] = {
    "number": lambda trial: float(trial.number),
    "value.0": lambda trial: trial.values[0],
    "value_1": lambda trial: trial.values[1],
    "loss": lambda trial: trial.values[0],
    '"val:acc"': lambda trial: trial.values[1],
    "lr": lambda trial: number_of(trial, "lr"),
    "n": lambda trial: number_of(trial, "n"),
    quoted('odd "name'): lambda trial: number_of(trial, 'odd "name'),
    "param.number": lambda trial: number_of(trial, "number"),
    "params_number": lambda trial: number_of(trial, "number"),
}


@st.composite
def number_cases(draw: st.DrawFn) -> Case:
    name = draw(st.sampled_from(sorted(OWN_NUMBERS)))
    own_of = OWN_NUMBERS[name]
    sign, text = draw(st.sampled_from(SIGNS)), draw(st.sampled_from(NUMBERS))

    def holds(trial: PlainTrial) -> bool:
        own = own_of(trial)
        return not math.isnan(own) and compares(own, sign, float(text), is_equal(own, text))

    return f"{name}{sign}{text}", holds


@st.composite
def duration_cases(draw: st.DrawFn) -> Case:
    sign, text = draw(st.sampled_from(SIGNS)), draw(st.sampled_from(sorted(DURATIONS)))
    wanted, unit = DURATIONS[text]

    def holds(trial: PlainTrial) -> bool:
        own = trial.duration_s
        equal = own == wanted if own == int(own or 0) else abs(own - wanted) <= unit / 2
        return compares(own, sign, wanted, equal)

    return f"duration{sign}{text}", lambda trial: not math.isnan(trial.duration_s) and holds(trial)


@st.composite
def choice_cases(draw: st.DrawFn) -> Case:
    sign = draw(st.sampled_from(["=", ":", "!="]))
    plain = ["rbf", "Poly", "1", "0.5", "True", "nan", '"1"', '"a b|c"']
    texts = draw(st.lists(st.sampled_from(plain), min_size=1, max_size=3))
    wanted = {find_choice(CHOICES, text if text == '"1"' else text.strip('"')) for text in texts}

    def holds(trial: PlainTrial) -> bool:
        if "kernel" not in trial.params:
            return False
        at = find_choice(CHOICES, spell_choice(trial.params["kernel"]))
        return (at in wanted) != (sign == "!=")

    return f"kernel{sign}{'|'.join(texts)}", holds


@st.composite
def state_cases(draw: st.DrawFn) -> Case:
    sign = draw(st.sampled_from([":", "=", "!="]))
    text = draw(st.sampled_from([*STATE_SPELLINGS, "infeasible"]))

    def holds(trial: PlainTrial) -> bool:
        if text == "infeasible":
            found = trial.state == COMPLETE and not trial.is_feasible
        else:
            found = trial.state == STATE_SPELLINGS[text]
        return trial.state != -1 and not found if sign == "!=" else found

    return f"state{sign}{text}", holds


@st.composite
def text_cases(draw: st.DrawFn) -> Case:
    name = draw(st.sampled_from(["error", "cause", "note", "tag", "device", "host"]))
    sign = draw(st.sampled_from([":", "=", "!=", "~"]))
    wanted = draw(st.lists(text_of_trial, min_size=1, max_size=2))

    def test(own: str, text: str) -> bool:
        if sign == "~" or (sign == ":" and name not in ("tag", "device")):
            return text.casefold() in own.casefold()
        return own == text

    def holds(trial: PlainTrial) -> bool:
        words = {"error": trial.error, "cause": trial.cause, "note": trial.note}
        given = {**words, "host": trial.host or None}.get(name)
        owns = {"tag": trial.tags, "device": trial.devices}.get(name)
        if owns is None:
            owns = () if given is None else (given,)
        found = any(test(own, text) for own in owns for text in wanted)
        return bool(owns) and found != (sign == "!=")

    values = "|".join(f'"{_escaped(text)}"' for text in wanted)
    return f"{name}{sign}{values}", holds


@st.composite
def attribute_cases(draw: st.DrawFn) -> Case:
    key = draw(st.sampled_from(["fold", "odd key"]))
    sign = draw(st.sampled_from(SIGNS))
    text = draw(st.sampled_from(NUMBERS))

    def holds(trial: PlainTrial) -> bool:
        own = trial.attributes.get(key)
        if key not in trial.attributes:
            return False
        if isinstance(own, float):
            return compares(own, sign, float(text), is_equal(own, text))
        return sign == "!="

    return f"{quoted(f'attr.{key}')}{sign}{text}", holds


@st.composite
def attribute_text_cases(draw: st.DrawFn) -> Case:
    sign = draw(st.sampled_from([":", "=", "!=", "~"]))
    text = draw(text_of_trial)

    def holds(trial: PlainTrial) -> bool:
        own = trial.attributes.get("fold")
        if "fold" not in trial.attributes:
            return False
        if sign == "~":
            spelled = own if isinstance(own, str) else json.dumps(own, ensure_ascii=False)
            return text.casefold() in spelled.casefold()
        return (own == text) != (sign == "!=")

    return f'attr.fold{sign}"{_escaped(text)}"', holds


PRESENCE: Mapping[str, Predicate] = {
    "lr": lambda trial: "lr" in trial.params,
    "kernel": lambda trial: "kernel" in trial.params,
    "value.1": lambda trial: not math.isnan(trial.values[1]),
    "duration": lambda trial: not math.isnan(trial.duration_s),
    "error": lambda trial: trial.error is not None,
    "cause": lambda trial: trial.cause is not None,
    "note": lambda trial: trial.note is not None,
    "tag": lambda trial: bool(trial.tags),
    "device": lambda trial: bool(trial.devices),
    "host": lambda trial: bool(trial.host),
    "attr.fold": lambda trial: "fold" in trial.attributes,
}


@st.composite
def presence_cases(draw: st.DrawFn) -> Case:
    names = draw(st.lists(st.sampled_from(sorted(PRESENCE)), min_size=1, max_size=2))
    if draw(st.booleans()):
        name = names[0]
        return f"{name}:none", lambda trial: not PRESENCE[name](trial)
    return f"has:{'|'.join(names)}", lambda trial: any(PRESENCE[name](trial) for name in names)


cases = st.one_of(
    number_cases(),
    duration_cases(),
    choice_cases(),
    state_cases(),
    text_cases(),
    attribute_cases(),
    attribute_text_cases(),
    presence_cases(),
)


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')


def found(
    trials: Sequence[PlainTrial], text: str, saved: Mapping[str, str] | None = None
) -> list[int]:
    columns = plain_trials(trials)
    parsed = parse_filter(text, saved or {})
    rows = filter_rows(parsed, columns, PlainTexts(trials), metric_names=METRICS)
    return [int(number) for number in columns.numbers[rows]]


@settings(max_examples=150, deadline=None)
@given(studies, st.lists(st.tuples(cases, st.booleans()), max_size=3), st.booleans())
def test_a_filter_finds_what_a_look_at_each_trial_finds(
    trials: list[PlainTrial], terms: list[tuple[Case, bool]], is_saved: bool
):
    text = "  ".join(f"{'-' if is_negated else ''}{term}" for (term, _), is_negated in terms)
    expected = [
        each.number
        for each in trials
        if all(holds(each) != is_negated for (_, holds), is_negated in terms)
    ]
    assert found(trials, text) == expected
    if is_saved:
        assert found(trials, "@mine", {"mine": text}) == expected
        rest = [each.number for each in trials if each.number not in expected]
        assert found(trials, "-@mine", {"mine": text}) == rest


@settings(max_examples=200, deadline=None)
@given(st.text(st.sampled_from('ab1.:=<>!~|-@" \\\x1b\u202e'), max_size=12))
def test_any_text_is_a_filter_or_gets_a_sentence_with_its_place(text: str):
    error = refusal(text)
    if error is None:
        return
    assert 0 <= error.start < error.end <= max(1, len(text) + 1)
    assert error.message.endswith(".")
    shown, carets = error.hint.splitlines()[:2]
    assert set(carets) == {" ", "^"} or set(carets) == {"^"}
    assert len(carets) <= len(shown) + 1
    assert "\x1b" not in error.hint + error.message


def refusal(text: str) -> FilterError | None:
    """Return why a filter is refused."""
    try:
        found([PlainTrial(0, params={"lr": 1.0})], text)
    except FilterError as error:
        return error
    return None


TRIALS = [
    PlainTrial(0, values=(0.1, math.inf), duration_s=3.0, params={"lr": 1e-4, "kernel": "rbf"}),
    PlainTrial(1, PRUNED, params={"kernel": None, "n": 12}, tags=("good",)),
    PlainTrial(2, FAIL, error="exception ValueError: Out of Memory", note="**bad** idea"),
    PlainTrial(3, RUNNING, attributes={"fold": 3, "label": "3", "flags": [1, {"x": None}]}),
]


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("rbf", [0]),
        ("RB", [0]),
        ("fail", [2]),
        ("rbf|fail", [0, 2]),
        ("-rbf", [1, 2, 3]),
        ("12", [1]),
        ("3", [3]),
        ('"3"', []),
        ('error~"out of memory"', [2]),
        ("error:valueerror", [2]),
        ("note:BAD", [2]),
        ("-note:bad", [0, 1, 3]),
        ("note=bad", []),
        ("tag:good|other", [1]),
        ("tag:goo", []),
        ("tag~goo", [1]),
        ("attr.fold=3", [3]),
        ('attr.fold="3"', []),
        ("attr.label=3", [3]),
        ("attr.label<4", []),
        ("attr.fold<4", [3]),
        ('attr.flags~"{\\"x\\": null}"', [3]),
        ("kernel:none", [2, 3]),
        ("kernel=None", [1]),
        ("kernel=none", [1]),
        ("kernel:none|rbf", [0, 2, 3]),
        ("kernel!=rbf", [1]),
        ("-kernel=rbf", [1, 2, 3]),
        ("loss<1 value.1=inf", [0]),
        ("value.1<inf", []),
        ("duration>=3s", [0]),
        ("has:lr|n", [0, 1]),
        ("has:error", [2]),
    ],
)
def test_examples(text: str, numbers: list[int]):
    assert found(TRIALS, text) == numbers


def test_a_parameter_that_is_called_device_keeps_its_name():
    names = FieldNames(1, (), ("device", "note")).all()
    assert names.count("device") == 1
    assert "param.note" in names
    assert "param.device" not in names


@pytest.mark.parametrize(
    ("text", "place", "says"),
    [
        ("lr<1 kernl=rbf", "kernl", "Known: kernel"),
        ("lr<1 value<2", "value", "Known: value.0, value.1"),
        ("value.2<1", "value.2", "There is no column"),
        ("lr<fast", "fast", "lr< needs a number, not 'fast'"),
        ('lr<"1"', '"1"', "needs a number"),
        ("lr<nan", "nan", "needs a number"),
        ("loss=nan", "nan", "needs a number"),
        ("kernel=rbff", "rbff", "it has rbf, Poly, None, 1"),
        ("lr=none", "none", "lr is a number"),
        ("lr~1", "1", "searches text"),
        ("loss~1", "loss", "not ~"),
        ("state:asleep", "asleep", "use running, complete"),
        ("state<failed", "state", "not <"),
        ("tag>3", "tag", "not >"),
        ("attr.fold<x", "x", "needs a number"),
        ("duration>1h30", "1h30", "not a duration"),
        ("duration>-", "-", "not a duration"),
        ("has:kern", "kern", "Known: kernel"),
        ("attr.=1", "attr.", "There is no column"),
        ("kern", "kern", "like kernel=1"),
        ("lr<1 AND nn<1", "AND", "Omit 'AND': terms separated by blanks"),
        ("lr<1 or loss>2", "or", "a=1|2 means either"),
        ("nn<1", "nn", "There is no column 'nn'"),
        ("odd<1", "odd", "There is no column"),
    ],
)
def test_what_does_not_fit_the_study_is_told_with_its_place(text: str, place: str, says: str):
    with pytest.raises(FilterError) as raised:
        found(TRIALS, text)
    error = raised.value
    assert says in error.message
    assert text[error.start : error.end] == place
    shown, carets = error.hint.splitlines()[:2]
    assert shown == text
    assert shown[carets.index("^") : len(carets)] == place


def test_a_name_with_an_operator_in_it_is_told_to_stand_in_quotes():
    trials = [PlainTrial(0, params={"number": 1.0})]
    columns = plain_trials(trials)
    columns = replace(columns, params={**columns.params, "a<b": columns.params["lr"]})
    with pytest.raises(FilterError, match='names that contain operators: "a<b"'):
        filter_rows(parse_filter("a<b<1"), columns, PlainTexts(trials))


def test_one_objective_is_value_and_value_0():
    trials = [PlainTrial(0, values=(0.5,)), PlainTrial(1)]
    columns = plain_trials(trials, ("minimize",))
    for text in ("value=0.5", "value.0=0.5", "value_0=0.5"):
        rows = filter_rows(parse_filter(text), columns, PlainTexts(trials))
        assert np.flatnonzero(rows).tolist() == [0]


def test_the_file_is_read_only_for_what_is_in_no_column():
    for text in ("lr<1 kernel=rbf has:lr error", "x", ""):
        assert not reads_texts(parse_filter(text))
    for text in ("tag:x", "-note:none", "lr<1 attr.fold=3", "has:lr|error", "@mine"):
        assert reads_texts(parse_filter(text, {"mine": "error~x"}))


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("=[64,32]", [0]),
        ("=[64, 32]", [0]),
        ('="[64, 32]"', [0]),
        (":[64, 32]|x", [0, 4]),
        ('={"a":1,"b":[1,2]}', [1]),
        (r'="{\"a\":1,\"b\":[1,2]}"', [1]),
        ("=[1]", [2]),
        ('="[1]"', [3]),
        ("!=[64, 32]", [1, 2, 3, 4]),
    ],
)
def test_lists_and_objects_are_spelled_as_tables_show_them(text: str, numbers: list[int]):
    trials = [PlainTrial(at, params={"shape": shape}) for at, shape in enumerate(SHAPES)]
    assert found(trials, f"shape{text}") == numbers

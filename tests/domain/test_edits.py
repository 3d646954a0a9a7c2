"""Edits: how they are typed, merged, stored, applied and refused."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st
from optuna.distributions import check_distribution_compatibility

from hptui.domain.spaces.edits import (
    UNSET,
    ParamEdit,
    apply_edit,
    check_against_history,
    edits_from_json,
    edits_to_json,
    merge_edits,
    parse_fix_option,
    parse_space_option,
    read_space_file,
    resolve_text,
    resolve_value,
    unknown_parameter,
)
from hptui.domain.spaces.resolved_space import resolve_space
from hptui.domain.spaces.space import ChoiceParam, ChoiceValue, FloatParam, IntParam, ParamSpec
from hptui.errors import SpaceError
from hptui.storage.sqlite.distributions import to_optuna

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("text", "name", "edit"),
    [
        ("lr=1e-5..1e-1:log", "lr", ParamEdit(1e-5, 1e-1, log=True)),
        ("depth=2..12:step=2", "depth", ParamEdit(2, 12, step=2)),
        ("x=..5", "x", ParamEdit(high=5)),
        ("x=1..", "x", ParamEdit(low=1)),
        ("x=-1..-.5", "x", ParamEdit(-1, -0.5)),
        ("x=:linear", "x", ParamEdit(log=False)),
        ("x=..:step=none", "x", ParamEdit(step=None)),
        ("x=0..1:step=.1:linear", "x", ParamEdit(0, 1, log=False, step=0.1)),
        ("a=b=1..2", "a=b", ParamEdit(1, 2)),
        ("a=b..c=1..2:step=1", "a=b..c", ParamEdit(1, 2, step=1)),
        ("layer:0 size=1..2", "layer:0 size", ParamEdit(1, 2)),
    ],
)
def test_an_edit_is_read_as_typed(text: str, name: str, edit: ParamEdit) -> None:
    assert parse_space_option(text) == (name, edit)


@given(st.text(min_size=1, max_size=12))
def test_any_name_can_be_edited(name: str) -> None:
    assert parse_space_option(f"{name}=1..2:step=1") == (name, ParamEdit(1, 2, step=1))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("x", "not an edit"),
        ("=1..2", "not an edit"),
        ("kernel=rbf,linear", "not an edit"),
        ("x=..", "changes nothing"),
        ("x=2..1", "low is 2 and high is 1"),
        ("x=a..2", "'a' is not a number"),
        ("x=true..2", "'true' is not a number"),
        ("x=1..inf", "high is inf"),
        ("x=1..2:cubic", "'cubic' is not valid"),
        ("x=1..2:log:linear", "sets log twice"),
        ("x=1..2:step=", "'' is not a number"),
        ("x=1..2:step=-1", "step is -1"),
    ],
)
def test_an_edit_that_says_nothing_or_too_much_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(SpaceError) as caught:
        parse_space_option(text)
    assert sentence in caught.value.message


def test_a_fixed_value_splits_at_the_last_sign_or_after_a_known_name() -> None:
    assert parse_fix_option("kernel=rbf") == ("kernel", "rbf")
    assert parse_fix_option("a=b=c") == ("a=b", "c")
    assert parse_fix_option("a=b=c", known=("a",)) == ("a", "b=c")
    assert parse_fix_option("a=b=c", known=("a", "a=b")) == ("a=b", "c")
    assert parse_fix_option("x=") == ("x", "")
    for text in ("x", "=1"):
        with pytest.raises(SpaceError):
            parse_fix_option(text)


MIXED = ChoiceParam(("rbf", 1, "1", None, "None", True, 0.001, ""))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("rbf", "rbf"),
        ("1", 1),
        ('"1"', "1"),
        ("None", None),
        ("none", None),
        ('"None"', "None"),
        ("true", True),
        ("1e-3", 0.001),
        ("", ""),
    ],
)
def test_the_printed_form_chooses_and_quotes_choose_the_string(
    text: str, value: ChoiceValue
) -> None:
    found = resolve_text("kernel", MIXED, text)
    assert (type(found), found) == (type(value), value)


def test_a_number_that_is_only_there_as_text_is_found_as_text() -> None:
    assert resolve_text("size", ChoiceParam(("1", "2")), "2") == "2"


@pytest.mark.parametrize(
    ("spec", "value"),
    [
        (ChoiceParam(("a",)), "b"),
        (ChoiceParam((1, 2)), True),
        (IntParam(1, 9, step=2), 4),
        (IntParam(1, 9), 1.5),
        (FloatParam(0, 1), 2),
        (FloatParam(0, 1), "x"),
        (FloatParam(0, 1), None),
    ],
)
def test_a_value_that_may_not_be_suggested_is_refused(spec: ParamSpec, value: ChoiceValue) -> None:
    with pytest.raises(SpaceError) as caught:
        resolve_value("p", spec, value)
    assert "'p'" in caught.value.message


def test_a_value_takes_the_parameters_own_type() -> None:
    assert type(resolve_value("p", IntParam(1, 9), 3.0)) is int
    assert type(resolve_value("p", FloatParam(1, 9), 3)) is float
    assert type(resolve_value("p", ChoiceParam((1, 2.0)), 2)) is float
    assert resolve_value("p", ChoiceParam((True, 1)), 1) is not True
    assert resolve_value("p", ChoiceParam((1, True)), True) is True


def test_the_edits_of_a_file_are_read(tmp_path: Path) -> None:
    path = tmp_path / "space.toml"
    path.write_text(
        "[lr]\nlow = 1e-5\nhigh = 0.1\nlog = true\n\n"
        '["layer 0"]\nstep = "none"\n\n[kernel]\nfixed = "rbf"\n'
    )
    assert read_space_file(path) == {
        "lr": ParamEdit(1e-5, 0.1, log=True),
        "layer 0": ParamEdit(step=None),
        "kernel": ParamEdit(fixed="rbf"),
    }


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("lr = 1", "'lr': It is 1"),
        ("[lr]\nlo = 1", "'lo' is not known"),
        ("[lr]\nlow = '1'", "low is '1'"),
        ("[lr]\nlog = 1", "log is 1"),
        ("[lr]\nlow = nan", "low is nan"),
        ("[lr]\nfixed = 2026-01-01", "fixed is datetime.date(2026, 1, 1)"),
        ("[k]\nchoices = 'a'", "choices is 'a'"),
        ("[lr", "not TOML"),
        ("\xff", "not TOML"),
    ],
)
def test_a_file_that_says_something_else_is_refused(
    tmp_path: Path, content: str, sentence: str
) -> None:
    path = tmp_path / "space.toml"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(SpaceError) as caught:
        read_space_file(path)
    assert sentence in caught.value.message


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpaceError, match=r"gone\.toml"):
        read_space_file(tmp_path / "gone.toml")


@pytest.mark.parametrize(
    ("spec", "edit", "after"),
    [
        (FloatParam(1, 10), ParamEdit(high=5), FloatParam(1, 5)),
        (FloatParam(1, 10), ParamEdit(log=True), FloatParam(1, 10, log=True)),
        (FloatParam(1, 10, log=True), ParamEdit(log=False, step=3), FloatParam(1, 10, step=3)),
        (FloatParam(0, 1, step=0.1), ParamEdit(step=None), FloatParam(0, 1)),
        (IntParam(16, 512, step=16), ParamEdit(16, 100, step=None), IntParam(16, 100)),
        (IntParam(1, 9), ParamEdit(low=3.0), IntParam(3, 9)),
        (IntParam(1, 9), ParamEdit(fixed=4), IntParam(1, 9)),
        (ChoiceParam(("a", "b")), ParamEdit(fixed="b"), ChoiceParam(("a", "b"))),
    ],
)
def test_an_edit_changes_its_fields_only(
    spec: ParamSpec, edit: ParamEdit, after: ParamSpec
) -> None:
    assert apply_edit("p", spec, edit) == after


@pytest.mark.parametrize(
    ("spec", "edit", "sentence"),
    [
        (FloatParam(1e-5, 0.1, log=True), ParamEdit(high=1e-6), "low is 1e-05 and high is 1e-06"),
        (FloatParam(1, 10), ParamEdit(low=0, log=True), "low > 0"),
        (IntParam(16, 512, step=16), ParamEdit(high=100), "does not reach 100"),
        (IntParam(16, 512, step=16), ParamEdit(log=True), "step is 16 on a log scale"),
        (IntParam(1, 9), ParamEdit(high=5.5), "high is 5.5"),
        (IntParam(1, 9), ParamEdit(step=0.5), "step is 0.5"),
        (IntParam(1, 9), ParamEdit(high=3, fixed=5), "cannot be fixed to 5"),
        (ChoiceParam(("a", "b")), ParamEdit(low=1), "list of choices"),
        (ChoiceParam(("a", "b")), ParamEdit(fixed="c"), "cannot be fixed to 'c'"),
    ],
)
def test_an_edit_that_does_not_suit_names_parameter_and_value(
    spec: ParamSpec, edit: ParamEdit, sentence: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        apply_edit("p", spec, edit)
    assert caught.value.message.startswith("Parameter 'p': ")
    assert sentence in caught.value.message


def test_an_unknown_name_is_refused_with_near_and_known_names() -> None:
    space: dict[str, ParamSpec] = {"lr": FloatParam(0, 1), "depth": IntParam(1, 2)}
    with pytest.raises(SpaceError) as caught:
        resolve_space(space, {}, {"lrr": ParamEdit(low=0)})
    assert "Did you mean lr?" in caught.value.hint
    assert "depth, lr" in caught.value.hint
    assert "none" in unknown_parameter("x", ()).hint


def test_a_space_is_edited_where_it_is_asked_for_only() -> None:
    space: dict[str, ParamSpec] = {"lr": FloatParam(0, 1), "depth": IntParam(1, 2)}
    waiting = {"later": ParamEdit(low=0)}
    resolved = resolve_space(space, waiting, {"lr": ParamEdit(high=0.5)})
    assert resolved.effective == {"lr": FloatParam(0, 0.5), "depth": IntParam(1, 2)}
    assert resolved.edits == {**waiting, "lr": ParamEdit(high=0.5)}


def test_an_edit_in_force_is_replaced_and_an_empty_one_takes_it_back() -> None:
    space: dict[str, ParamSpec] = {"lr": FloatParam(0, 1)}
    in_force = {"lr": ParamEdit(high=0.5)}
    assert resolve_space(space, in_force, {"lr": ParamEdit()}).edits == {}
    fixed = resolve_space(space, in_force, {"lr": ParamEdit(fixed=0.7)})
    assert (fixed.effective, fixed.fixed) == (space, {"lr": 0.7})
    with pytest.raises(SpaceError):
        resolve_space(space, {}, {"lr": ParamEdit(high=0.5, fixed=0.7)})
    with pytest.raises(SpaceError):
        resolve_space(space, {}, {"lr": ParamEdit(log=True, low=0.1)}, stored=space)


ALL: list[ParamSpec] = [
    FloatParam(0.5, 1),
    FloatParam(0.5, 2, step=0.5),
    FloatParam(0.5, 2, log=True),
    IntParam(1, 9),
    IntParam(1, 9, step=2),
    IntParam(1, 9, log=True),
    ChoiceParam(("a", "b")),
    ChoiceParam(("b", "a")),
    ChoiceParam(("a", "b", "c")),
    ChoiceParam((float("nan"), 1)),
]


@pytest.mark.parametrize(("new", "stored"), list(itertools.product(ALL, ALL)))
def test_a_study_with_trials_refuses_what_optuna_refuses(new: ParamSpec, stored: ParamSpec) -> None:
    try:
        check_distribution_compatibility(to_optuna(stored), to_optuna(new))
    except ValueError:
        with pytest.raises(SpaceError) as caught:
            check_against_history("p", new, stored)
        assert "new study" in caught.value.hint
    else:
        check_against_history("p", new, stored)


def test_the_later_edit_wins_field_by_field() -> None:
    earlier = {"x": ParamEdit(low=1, log=True), "y": ParamEdit(low=0)}
    later = {"x": ParamEdit(low=2, high=5), "z": ParamEdit(fixed=None)}
    assert merge_edits(earlier, later) == {
        "x": ParamEdit(low=2, high=5, log=True),
        "y": ParamEdit(low=0),
        "z": ParamEdit(fixed=None),
    }


def test_an_unset_field_is_told_from_none() -> None:
    assert ParamEdit().is_empty
    assert not ParamEdit(step=None).is_empty
    assert not ParamEdit(fixed=None).is_empty
    assert ParamEdit().fixed is UNSET


numbers = st.integers(-10, 10) | st.floats(-10, 10, allow_nan=False)
edits = st.builds(
    ParamEdit,
    low=st.just(UNSET) | st.just(-11) | st.just(-10.5),
    high=st.just(UNSET) | numbers,
    log=st.just(UNSET) | st.booleans(),
    step=st.just(UNSET) | st.none() | st.integers(1, 5),
    fixed=st.just(UNSET) | st.none() | st.booleans() | numbers | st.text(max_size=5),
)


@given(st.dictionaries(st.text(max_size=5), edits, max_size=4))
def test_stored_edits_are_read_back_the_same(given_edits: dict[str, ParamEdit]) -> None:
    kept = {name: edit for name, edit in given_edits.items() if not edit.is_empty}
    assert edits_from_json(edits_to_json(given_edits)) == kept


@pytest.mark.parametrize("data", [None, [], {"x": 1}, {"x": {"low": "a"}}, {"x": {"nope": 1}}])
def test_damaged_stored_edits_are_refused(data: object) -> None:
    with pytest.raises(SpaceError):
        edits_from_json(data)

"""Editing a search space: wrong entries get the domain's sentence, the options say it all."""

from __future__ import annotations

import argparse
import contextlib
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hptui.cli.commands.tuning.run import add_arguments
from hptui.domain.spaces.choice_lists import parse_choices_option, read_choices, spell_choices
from hptui.domain.spaces.edits import (
    UNSET,
    ParamEdit,
    apply_edit,
    merge_edits,
    parse_fix_option,
    parse_space_option,
    resolve_text,
)
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam, ParamSpec
from hptui.errors import SpaceError
from hptui.registry.probing.probe import KnownParam
from hptui.ui.setup.space_draft import Field, SpaceDraft, cell_text, without_name
from hptui.ui.setup.space_rows import space_rows

LR = FloatParam(1e-5, 0.1, log=True)
HIDDEN = IntParam(16, 512)
DEPTH = IntParam(2, 12, step=2)
KIND = ChoiceParam(("adam", "sgd", "1", 1, None, True, ""))


def _draft(**specs: ParamSpec) -> SpaceDraft:
    return SpaceDraft({name: KnownParam(spec, "probed") for name, spec in specs.items()})


DRAFT = _draft(lr=LR, hidden=HIDDEN, depth=DEPTH, kind=KIND)


@pytest.mark.parametrize(
    ("name", "what", "text", "edit"),
    [
        ("hidden", "high", "256", ParamEdit(high=256)),
        ("hidden", "high", " 2.56e2 ", ParamEdit(high=256)),
        ("hidden", "high", "512", ParamEdit()),
        ("hidden", "low", "", ParamEdit()),
        ("hidden", "step", "16", ParamEdit(step=16)),
        ("depth", "step", "none", ParamEdit(step=None)),
        ("depth", "step", "1", ParamEdit(step=None)),
        ("depth", "step", "-", ParamEdit(step=None)),
        ("lr", "low", "1e-4", ParamEdit(low=1e-4)),
        ("lr", "high", "1e-4..1e-2", ParamEdit(1e-4, 1e-2)),
        ("lr", "low", "0..1:linear", ParamEdit(0.0, 1.0, log=False)),
        ("lr", "log", "linear", ParamEdit(log=False)),
        ("lr", "fixed", "0.01", ParamEdit(fixed=0.01)),
        ("hidden", "fixed", "32", ParamEdit(fixed=32)),
        ("kind", "fixed", "sgd", ParamEdit(fixed="sgd")),
        ("kind", "fixed", '"1"', ParamEdit(fixed="1")),
        ("kind", "fixed", "1", ParamEdit(fixed=1)),
        ("kind", "fixed", "", ParamEdit()),
    ],
)
def test_a_field_takes_what_is_typed(name: str, what: Field, text: str, edit: ParamEdit) -> None:
    draft = DRAFT.with_text(name, what, text)
    assert draft.edit_of(name) == edit
    assert draft.is_edited(name) is not edit.is_empty


@pytest.mark.parametrize(
    ("name", "what", "text", "sentence"),
    [
        ("hidden", "high", "8", "Low is 16 and high is 8, but low must not be above high."),
        ("hidden", "high", "1.5", "High is 1.5, but this parameter is an integer."),
        ("hidden", "high", "many", "'many' is not a number."),
        ("hidden", "high", "inf", "High is inf, but it must be a finite number."),
        ("hidden", "low", "a=b", "'a=b' is not a number."),
        ("hidden", "step", "0", "Step is 0, but it must be above 0."),
        ("hidden", "step", "100", "A step of 100 from 16 does not reach 512"),
        ("lr", "low", "0", "A log scale needs low > 0, but low is 0.0."),
        ("lr", "step", "0.1", "Step is 0.1 on a log scale, but Optuna has no steps there."),
        ("depth", "log", "log", "Step is 2 on a log scale"),
        ("lr", "fixed", "5", "It cannot be 5: it is in 1e-05..0.1 log."),
        ("kind", "fixed", "adamm", "It cannot be 'adamm': it is one of adam, sgd"),
        ("kind", "low", "adam|7", "'7' is not one of the choices that the objective asks for"),
        ("kind", "low", "sgd|sgd", "'sgd' is listed twice."),
        ("kind", "high", "1", "It is a list of choices"),
        ("hidden", "low", "1..2:odd", "'odd' is not valid after a range."),
    ],
)
def test_a_wrong_entry_gets_the_sentence_of_the_domain(
    name: str, what: Field, text: str, sentence: str
) -> None:
    with pytest.raises(SpaceError) as caught:
        without_name(name, lambda: DRAFT.with_text(name, what, text))
    assert caught.value.message.startswith(sentence)


def test_a_bound_that_leaves_the_fixed_value_out_is_refused() -> None:
    fixed = DRAFT.fix("hidden", "300")
    with pytest.raises(SpaceError, match="cannot be fixed to 300"):
        fixed.with_text("hidden", "high", "256")
    assert fixed.free("hidden").with_text("hidden", "high", "256").is_edited("hidden")


def test_scale_and_reset() -> None:
    draft = DRAFT.toggle_log("hidden").with_text("hidden", "high", "256")
    assert draft.edit_of("hidden") == ParamEdit(high=256, log=True)
    assert draft.toggle_log("hidden").edit_of("hidden") == ParamEdit(high=256)
    assert draft.reset("hidden") == DRAFT
    with pytest.raises(SpaceError, match="list of choices"):
        DRAFT.toggle_log("kind")


def test_what_it_was_stands_beside_it() -> None:
    assert DRAFT.with_text("hidden", "high", "256").was("hidden") == "was 512"
    assert DRAFT.with_text("hidden", "low", "20..30").was("hidden") == "was 16..512"
    assert DRAFT.toggle_log("lr").was("lr") == "was log"
    assert DRAFT.with_text("hidden", "step", "2").was("hidden") == "was 1"
    assert DRAFT.fix("kind", "sgd").was("kind") == ""


def test_an_edit_that_says_what_the_objective_says_is_none_to_see():
    spec = IntParam(10, 60, log=True)
    known = {"n": KnownParam(spec, "seen"), "kind": KnownParam(ChoiceParam((1, True)), "seen")}
    edits = {
        "n": ParamEdit(10, 60, log=True),
        "kind": ParamEdit(choices=(1, True)),
    }
    draft = SpaceDraft(known, edits, in_force=edits)
    assert [draft.was(name) for name in known] == ["", ""]
    cells = [cell for row in space_rows(draft, 120) for cell in row.cells]
    assert "edited" not in {cell.role for cell in cells if cell.text and cell.is_field}
    assert draft.options() == []
    other = SpaceDraft(known, {**edits, "n": ParamEdit(10, 50, log=True)})
    assert other.was("n") == "was 60"
    assert SpaceDraft(known, {"kind": ParamEdit(choices=(1,))}).edited_fields("kind")


def test_a_study_that_is_there_refuses_what_optuna_would() -> None:
    draft = replace(DRAFT, stored={"lr": LR, "kind": ChoiceParam(("adam", "sgd"))})
    with pytest.raises(SpaceError, match=r"'lr' is on a linear scale now, but this study"):
        draft.toggle_log("lr")
    with pytest.raises(SpaceError, match="a list of choices cannot change within a study"):
        draft.fix("kind", "adam")


def test_a_list_of_choices_is_narrowed_and_what_a_fork_must_change_is_known() -> None:
    draft = DRAFT.with_text("kind", "low", 'sgd|"1"')
    assert draft.effective("kind") == ChoiceParam(("sgd", "1"))
    assert draft.was("kind").startswith("was adam, sgd")
    assert draft.options() == ["--choices", 'kind=sgd|"1"']
    assert draft.fork_edits() == {}
    assert draft.with_text("kind", "low", "") == DRAFT.with_text("kind", "low", "adam").reset(
        "kind"
    )
    there = replace(
        DRAFT, stored={"lr": LR, "kind": ChoiceParam(("adam", "sgd")), "hidden": HIDDEN}
    )
    there = there.with_text("kind", "low", "sgd").with_text("hidden", "high", "256")
    assert there.is_refused("kind")
    assert there.fork_edits() == {
        "kind": ParamEdit(choices=("sgd",)),
        "hidden": ParamEdit(16, 256, log=False, step=1),
    }


def test_edits_survive_another_look_at_the_objective_where_they_suit_it() -> None:
    draft = DRAFT.with_text("hidden", "high", "256").with_text("lr", "low", "1e-4")
    known = {"hidden": KnownParam(IntParam(16, 1024), "declared"), "lr": KnownParam(KIND, "probed")}
    again = draft.with_known(known)
    assert again.edits == {"hidden": ParamEdit(high=256)}
    assert again.was("hidden") == "was 1024"


def test_empty_cells_of_a_table() -> None:
    shown = [cell_text(HIDDEN, what) for what in ("low", "high", "log", "step", "fixed")]
    assert shown == ["16", "512", "linear", "", ""]
    assert [cell_text(KIND, what) for what in ("high", "log", "step")] == ["", "", ""]
    assert cell_text(KIND, "low") == 'adam|sgd|"1"|1|None|True|""'
    assert cell_text(LR, "low") == "1e-05"


NUMBERS = st.integers(-50, 50) | st.floats(-1e3, 1e3).map(lambda x: float(f"{x:.3g}"))
NAMES = st.text(
    st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=8
)
CHOICES = st.none() | st.booleans() | NUMBERS | NAMES


def _float(low: float, width: float, *, log: bool) -> FloatParam:
    return FloatParam(low, low + width, log=log and low > 0)


def _int(low: int, n: int, step: int, *, log: bool) -> IntParam:
    return IntParam(low, low + n * step, log and low > 0 and step == 1, step)


FLOATS = st.builds(_float, st.floats(-9, 9), st.floats(0.1, 9), log=st.booleans())
INTS = st.builds(_int, st.integers(-9, 9), st.integers(0, 9), st.integers(1, 3), log=st.booleans())
LISTS = st.lists(CHOICES, min_size=1, max_size=4).map(lambda values: ChoiceParam(tuple(values)))
SPECS = FLOATS | INTS | LISTS
EDITS = st.builds(
    ParamEdit,
    low=st.just(UNSET) | st.floats(-9, 9),
    log=st.just(UNSET) | st.booleans(),
    step=st.sampled_from([UNSET, None, 1, 0.5]),
)


def _tried(draft: SpaceDraft, name: str, edit: ParamEdit, fix: Any) -> SpaceDraft:
    with contextlib.suppress(SpaceError):
        draft = draft.with_edit(name, edit)
    with contextlib.suppress(SpaceError):
        spec = draft.effective(name)
        if isinstance(spec, ChoiceParam) and edit.log is True:
            fewer = spell_choices(spec.choices[1:] or spec.choices)
            draft = draft.with_text(name, "low", fewer)
            spec = draft.effective(name)
        value = spec.choices[0] if isinstance(spec, ChoiceParam) else spec.low
        draft = draft.with_edit(name, replace(draft.edit_of(name), fixed=value if fix else UNSET))
    return draft


@given(
    st.dictionaries(NAMES, st.tuples(SPECS, EDITS, st.booleans(), EDITS, st.booleans()), max_size=4)
)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=100, deadline=None)
def test_the_options_bring_a_study_from_what_it_has_to_the_draft(
    space: dict[str, tuple[ParamSpec, ParamEdit, bool, ParamEdit, bool]],
) -> None:
    draft = SpaceDraft({name: KnownParam(row[0], "probed") for name, row in space.items()})
    for name, (_, before, fix, _, _) in space.items():
        draft = _tried(draft, name, before, fix)
    draft = replace(draft, in_force=draft.edits)
    assert draft.options() == []
    for name, (_, _, _, after, fix) in space.items():
        draft = _tried(draft, name, after, fix)

    parser = argparse.ArgumentParser()
    add_arguments(parser)
    args = parser.parse_args(["rosenbrock", *draft.options()])
    edits = {name: edit for name, edit in draft.in_force.items() if name not in args.reset}
    for text in args.space:
        edits = merge_edits(edits, dict([parse_space_option(text)]))
    specs = {name: known.spec for name, known in draft.known.items()}
    for text in args.choices:
        name, spelled = parse_choices_option(text, specs)
        known = specs[name]
        assert isinstance(known, ChoiceParam)
        choices = read_choices(spelled, known.choices)
        edits = merge_edits(edits, {name: ParamEdit(choices=choices)})
    for text in args.fix:
        name, value = parse_fix_option(text, specs)
        spec = apply_edit(name, specs[name], edits.get(name, ParamEdit()))
        edits = merge_edits(edits, {name: ParamEdit(fixed=resolve_text(name, spec, value))})
    for name, spec in specs.items():
        reached = edits.get(name, ParamEdit())
        assert apply_edit(name, spec, reached) == draft.effective(name)
        assert repr(reached.fixed) == repr(draft.edit_of(name).fixed)

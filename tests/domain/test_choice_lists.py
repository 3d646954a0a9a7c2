"""Lists of choices are read as people type them, and spelled so that they are read back."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from hptui.domain.spaces.choice_lists import (
    parse_choices_option,
    pick_choices,
    read_choices,
    spell_choices,
    split_choices,
    split_listed,
)
from hptui.errors import SpaceError

if TYPE_CHECKING:
    from hptui.domain.spaces.choices import ChoiceValue

KNOWN: tuple[ChoiceValue, ...] = ("rbf", "1", 1, 0.001, None, True, "a|b", 'say "hi"', "", " x")


def test_a_name_and_its_choices() -> None:
    assert parse_choices_option("kernel=rbf|poly") == ("kernel", ("rbf", "poly"))
    assert parse_choices_option("a=b=c", {"a=b"}) == ("a=b", ("c",))
    assert parse_choices_option('k="a|b"| x y |1') == ("k", ('"a|b"', "x y", "1"))


def test_what_commas_separate() -> None:
    assert split_listed(' id=skip, "a,b=attr:c",, ') == ("id=skip", "a,b=attr:c")
    assert split_listed('k="a, b"|c, n=1|2') == ('k="a, b"|c', "n=1|2")
    assert split_listed('"open, never closed') == ('"open, never closed',)
    assert split_listed('"a"|"b"') == ('"a"|"b"',)


def test_choices_are_those_that_are_known_or_new_ones() -> None:
    assert read_choices(("rbf", '"1"', "1", "1e-3", "none", "a|b"), KNOWN) == (
        "rbf",
        "1",
        1,
        0.001,
        None,
        "a|b",
    )
    new = read_choices(("sgd", "2", "0.5", "false", '"3"'), (), can_add=True)
    assert [(type(each), each) for each in new] == [
        (str, "sgd"),
        (int, 2),
        (float, 0.5),
        (bool, False),
        (str, "3"),
    ]


def test_what_is_spelled_is_read_back() -> None:
    assert read_choices(split_choices(spell_choices(KNOWN)), KNOWN) == KNOWN
    assert math.isnan(float(str(read_choices(("nan",), (math.nan,))[0])))


def test_choices_are_picked_as_the_objective_has_them() -> None:
    assert pick_choices((1, True), (True, 1)) == [1, True]
    assert [type(each) for each in pick_choices((1, True), (True, 1))] == [int, bool]
    with pytest.raises(SpaceError, match=r"'c' is not one of the choices .* a, b"):
        pick_choices(("c",), ("a", "b"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("kernel", "gives no choices"),
        ("=a", "gives no choices"),
        ("k=", "empty choice"),
        ("k=a||b", "empty choice"),
    ],
)
def test_text_that_gives_no_choices(text: str, sentence: str) -> None:
    with pytest.raises(SpaceError, match=sentence):
        parse_choices_option(text)


def test_a_choice_may_not_come_twice() -> None:
    with pytest.raises(SpaceError, match="'1' is listed twice"):
        read_choices(("1", "1"), (1,))
    with pytest.raises(SpaceError, match="'poly' is not one"):
        read_choices(("poly",), ("rbf",))

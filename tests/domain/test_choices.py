"""Choices of every kind: what is stored of them, how they are told apart, spelled and found."""

from __future__ import annotations

import enum
import functools
import json
import math
import os
import pathlib
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from hptui.domain.spaces.choice_lists import read_choices, spell_choices, split_choices
from hptui.domain.spaces.choice_objects import storable_choices
from hptui.domain.spaces.choices import (
    ChoiceValue,
    find_choice,
    place_of,
    same_choice,
    show_choice,
    spell_choice,
)


class Colour(enum.Enum):
    RED = 1


class Level(enum.IntEnum):
    LOW = 1


class Model:
    def fit(self) -> None: ...


def scale(x: float) -> float:
    return x


numbers: Any = np


def endless(*others: object) -> list[Any]:
    made: list[Any] = [*others]
    made.append({"again": made})
    return made


def nested(depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(depth):
        made = [made]
    return made


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ([(64,), [64, 32]], [[64], [64, 32]]),
        ([{"a": (1, 2)}, {1: None, 2.5: 3}], [{"a": [1, 2]}, {"1": None, "2.5": 3}]),
        (numbers.arange(2), [0, 1]),
        (range(2), [0, 1]),
        ([numbers.bool_(True), True, numbers.int64(3)], [True, True, 3]),
        ([numbers.float32(0.5), numbers.float64(0.25), numbers.str_("a")], [0.5, 0.25, "a"]),
        ([numbers.zeros((1, 2)), (numbers.int8(1),)], [[[0.0, 0.0]], [1]]),
        ([Model, scale, math.sin, numbers.sin], ["Model", "scale", "sin", "sin #2"]),
        ([Model().fit, math, numbers.float32], ["Model.fit", "math", "float32"]),
        ([Colour.RED, Level.LOW], ["Colour.RED", 1]),
        ([Model(), Model()], ["Model object", "Model object #2"]),
        ([Model, "Model", "Model #2"], ["Model #3", "Model", "Model #2"]),
        ([(Model, 1), (Model, 1)], [["Model", 1], '["Model",1] #2']),
        ([functools.partial(scale, 1)], ["functools.partial(<function scale>, 1)"]),
        ([{"b", "a"}, frozenset({2, 1})], ["{'a', 'b'}", "{1, 2}"]),
        ([pathlib.PurePosixPath("a")], ["PurePosixPath('a')"]),
        (
            [endless(), endless(), endless(Model), [1]],
            ["[{'again': [...]}]", "[{'again': [...]}] #2", f"[{Model}, {{'again': [...]}}]", [1]],
        ),
        ([nested(50), nested(60)], [nested(50), str(nested(60))]),
        ([nested(99_999)], ["list object"]),
    ],
)
def test_what_is_stored_of_choices(given: Any, stored: list[ChoiceValue]) -> None:
    made = storable_choices(given)
    assert json.dumps(made) == json.dumps(stored)
    assert {type(each) for each in made} <= {type(each) for each in json.loads(json.dumps(stored))}


def test_data_as_a_choice_is_a_text_that_is_short() -> None:
    (stored,) = storable_choices([numbers.zeros(100_000)])
    assert isinstance(stored, str)
    assert len(stored) <= 500


def test_the_text_of_an_object_is_the_same_in_each_process() -> None:
    program = (
        "import functools, json; from hptui.domain.spaces.choice_objects import storable_choices\n"
        "class A: pass\n"
        "class B:\n"
        "    def __repr__(self): return f'B({A()}, {print})'\n"
        "def f(): return lambda: 0\n"
        "print(json.dumps(storable_choices([A(), B(), f(), functools.partial(f, A())])))\n"
        "print(json.dumps(storable_choices([{'x', 'y', 'z'}])))"
    )
    # The seeds order the set differently.
    texts = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(texts) == 1
    assert "0x" not in texts.pop()


EQUAL: list[ChoiceValue] = [1, 1.0, "1", True, [1], [1.0], [True], {"a": 1}, {"a": 1.0}]


@pytest.mark.parametrize("place", range(len(EQUAL)))
def test_what_is_equal_is_still_told_apart(place: int) -> None:
    value = json.loads(json.dumps(EQUAL[place]))
    assert place_of(value, EQUAL) == place
    assert find_choice(EQUAL, spell_choice(value)) == place


def test_what_is_nowhere_stored_alike_is_the_nearest_equal_one() -> None:
    assert place_of(1.0, [True, 1]) == 1
    assert place_of(True, ["a", 1.0]) == 1
    assert place_of(math.nan, ["a", float("nan")]) == 1
    assert place_of([math.nan], [[1], [float("nan")]]) == 1
    assert place_of("b", ["a", [1]]) is None
    assert same_choice([1, {"a": [2]}], [1.0, {"a": [2.0]}])
    assert not same_choice([1], "[1]")


NESTED: tuple[ChoiceValue, ...] = (
    [64],
    [64, 32],
    {"a|b": [1, None]},
    ['say "|"', "ä"],
    "[64]",
    '["open',
    "(1)",
    [],
    ["\x1b[31m\x9b"],
)


ADDRESSED: tuple[ChoiceValue, ...] = (
    "mysql://me:secret@host",
    "mysql://me:other@host",
    ["mysql://me:secret@hüte", "a@b"],
    {"ä": "mysql://me:other@host"},
    [f"ö{place}" for place in range(100)],
    "ü" * 300 + "x",
    "ü" * 300 + "y",
)


def test_choices_are_spelled_in_full_and_shown_without_passwords() -> None:
    assert read_choices(split_choices(spell_choices(ADDRESSED)), ADDRESSED) == ADDRESSED
    assert spell_choice(ADDRESSED[2]) == '["mysql://me:secret@hüte","a@b"]'
    assert spell_choice(ADDRESSED[4]).startswith('["ö0","ö1"')
    assert spell_choice(ADDRESSED[5]) == ADDRESSED[5]
    shown = list(map(show_choice, ADDRESSED))
    assert shown[:3] == ["mysql://me:***@host"] * 2 + ['["mysql://me:***@hüte","a@b"]']
    assert shown[3] == '{"ä":"mysql://me:***@host"}'
    assert max(map(len, shown)) == 200
    assert (show_choice(0.123456), show_choice(0.123456, exact=True)) == ("0.1235", "0.123456")


def test_lists_and_objects_are_typed_as_json() -> None:
    assert spell_choices(NESTED[:3]) == '[64]|[64,32]|{"a|b":[1,null]}'
    assert read_choices(split_choices(spell_choices(NESTED)), NESTED) == NESTED
    assert read_choices(split_choices("[1]|{}|(2, 3)"), (), can_add=True) == ([1], {}, [2, 3])
    assert find_choice(NESTED, "(64, 32)") == 1
    assert find_choice(NESTED, "[ 64 ]") == 0
    assert find_choice(NESTED, '"[64]"') == 4
    assert find_choice(("[64, 32]",), "[64, 32]") == 0
    assert "\x1b" not in spell_choice(NESTED[-1])
    assert "\x9b" not in spell_choice(NESTED[-1])

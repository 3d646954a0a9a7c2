"""Numbers and times of a run: what is read, and the sentence for what is not."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.domain.study_name import check_study_name, default_study_name
from hptui.domain.texts.run_text import (
    read_count,
    read_duration,
    read_limit,
    read_seed,
    read_target,
    read_workers,
)
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (read_count, "1", 1),
        (read_workers, "256", 256),
        (read_seed, "4294967295", 2**32 - 1),
        (read_target, "-1e-5", -1e-5),
        (read_target, "-inf", -math.inf),
        (read_duration, "90", 90.0),
        (read_limit, "2h", 7200.0),
        (read_limit, " None ", None),
        (read_duration, " 1H30m ", 5400.0),
        (read_duration, "1.5m", 90.0),
        (read_duration, "20ms", 0.02),
    ],
)
def test_what_is_typed_is_read(read: Callable[[str], Any], text: str, value: float) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text", "sentence"),
    [
        (read_count, "0", "'0' is not a whole number above 0"),
        (read_count, "1.5", "'1.5' is not a whole number above 0"),
        (read_count, "\u0661", "is not a whole number above 0"),
        (read_count, "9" * 13, "is too large"),
        (read_count, "000", "is not a whole number above 0"),
        (read_workers, "4097", "4097 is above the limit of 4096 workers"),
        (read_seed, "-1", "'-1' is not a seed from 0 to 4294967295"),
        (read_seed, "4294967296", "is not a seed from 0 to 4294967295"),
        (read_target, "soon", "'soon' is not a number"),
        (read_target, "nan", "nan cannot be reached"),
        (read_duration, "soon", "'soon' is not a duration"),
        (read_duration, "0s", "'0s' is not a duration above 0"),
        (read_duration, "5m x", "is not a duration"),
        (read_duration, "367d", "is longer than a year"),
        (read_duration, "9" * 400, "is longer than a year"),
        (read_duration, "\x1b[31m", r"\x1b[31m"),
    ],
)
def test_what_cannot_be_read_gets_a_sentence(
    read: Callable[[str], Any], text: str, sentence: str
) -> None:
    with pytest.raises(UsageError) as caught:
        read(text)
    assert sentence in caught.value.message
    assert "\x1b" not in caught.value.message


@pytest.mark.parametrize(
    ("ref", "name"),
    [
        (ObjectiveRef("module", "hptui_objectives.mlp", "objective", "digits-mlp"), "digits-mlp"),
        (ObjectiveRef("file", "/w/train.py", "objective", "train.py"), "train"),
        (ObjectiveRef("file", "/w/train.py", "fit", "train.py:fit"), "train-fit"),
        (ObjectiveRef("module", "pack.age", "fit", "pack.age:fit"), "age-fit"),
        (ObjectiveRef("file", "/w/ä ö.py", "objective", "x"), "ä-ö"),
        (ObjectiveRef("script", "/w/模型.py", "", "x"), "模型"),
        (ObjectiveRef("file", "/w/" + "模" * 90 + ".py", "objective", "x"), "模" * 66),
        (ObjectiveRef("file", "/w/-_ (1).py", "objective", "x"), "1"),
        (ObjectiveRef("file", "/w/🐍.py", "objective", "x"), "study"),
        (ObjectiveRef("file", "/w/" + "x" * 300 + ".py", "objective", "x"), "x" * 100),
    ],
)
def test_a_study_is_named_after_its_objective(ref: ObjectiveRef, name: str) -> None:
    assert default_study_name(ref) == name
    check_study_name(name)

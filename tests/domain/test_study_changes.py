"""What is stored of changes that people made, and what is read of anything else."""

from __future__ import annotations

import os
import pwd
from typing import Any

import pytest

from hptui.domain.spaces.param_edit import ParamEdit
from hptui.domain.study_changes import (
    MOST_CHANGES,
    StudyChange,
    add_change,
    read_changes,
    space_change_text,
    with_edits_since,
)


def test_a_change_is_read_as_it_was_stored_with_who_made_it() -> None:
    (change,) = read_changes(add_change(None, 12, "workers", "2 to 4 workers"))
    assert (change.number, change.what, change.text) == (12, "workers", "2 to 4 workers")
    assert change.who == pwd.getpwuid(os.getuid()).pw_name
    assert change.at_s is not None


def test_the_newest_changes_are_kept() -> None:
    stored: Any = None
    for number in range(MOST_CHANGES + 3):
        stored = add_change(stored, number, "budget", "more")
    assert [stored[0]["trial"], stored[-1]["trial"], len(stored)] == [3, 202, MOST_CHANGES]


@pytest.mark.parametrize(
    ("stored", "expected"),
    [
        (None, ()),
        ({"trial": 1}, ()),
        (["x", {"trial": True, "what": "space"}, {"trial": -1, "what": "space"}], ()),
        ([{"trial": 1, "what": "weather", "text": "rain"}], ()),
        (
            [{"trial": 1, "what": "space", "text": "x\x1b[2J", "at": "noon", "by": "a\nb"}],
            (StudyChange(1, "space", "x\\x1b[2J", None, "a\\x0ab"),),
        ),
    ],
)
def test_what_others_may_have_stored_is_left_out_or_made_safe(
    stored: object, expected: tuple[StudyChange, ...]
) -> None:
    assert read_changes(stored) == expected


def test_edits_of_earlier_versions_are_told_too() -> None:
    noted = (StudyChange(7, "space", "y low 1.0"), StudyChange(9, "workers", "1 to 2 workers"))
    edits = {"x": {"low": 0.5}, "y": {"low": 1.0}, "z": {"nonsense": 1}}
    found = with_edits_since(noted, edits, {"x": 8, "y": 7, "z": 9})
    assert [(each.number, each.text) for each in found] == [
        (7, "y low 1.0"),
        (8, "x low 0.5"),
        (9, "1 to 2 workers"),
        (9, "z edited"),
    ]


def test_a_change_of_the_space_is_said_in_a_line() -> None:
    edits = {"x": ParamEdit(low=0.5, high=2), "y\n": ParamEdit()}
    assert space_change_text(edits) == "x low 0.5, high 2; y\\x0a unedited"

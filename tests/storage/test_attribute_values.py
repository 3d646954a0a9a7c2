"""Attributes that trials send: read as they are, refused where they are nested too deeply."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.storage.study_file import StudyFile

from hptui.storage.read.user_attributes import read_user_attributes
from hptui.storage.sqlite.attribute_values import MAX_DEPTH, value_of_json

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    "text",
    [
        "[" * MAX_DEPTH + "]" * MAX_DEPTH,
        json.dumps([[i] for i in range(2 * MAX_DEPTH)]),
        json.dumps({"brackets": "[" * 2 * MAX_DEPTH, 'a quote "': "{" * MAX_DEPTH, "\\": ["]"]}),
        "1.5",
    ],
)
def test_a_value_is_read(text: str) -> None:
    assert value_of_json(text) == json.loads(text)


@pytest.mark.parametrize("pair", ["[]", '{"a":}'])
def test_what_is_nested_too_deeply_is_refused(pair: str) -> None:
    deep = pair[:-1] * (MAX_DEPTH + 1) + "1" + pair[-1] * (MAX_DEPTH + 1)
    with pytest.raises(RecursionError, match="500 deep"):
        value_of_json(deep)


def test_attributes_of_many_trials_are_read_without_those_that_are_too_deep(tmp_path: Path) -> None:
    deep, allowed = ("[" * depth + "]" * depth for depth in (101, 100))
    with StudyFile(tmp_path / "a.db") as file:
        file.add_study()
        trial = file.add_trial(1.0)
        for key, text in {"deep": deep, "deeper": "[" * 100_000, "allowed": allowed}.items():
            file.run(
                "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, ?, ?)",
                trial,
                key,
                text,
            )
    found = read_user_attributes(tmp_path / "a.db", [trial], most_chars=1_000_000)
    assert found == {trial: {"allowed": json.loads(allowed)}}

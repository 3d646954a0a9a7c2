"""Attributes that trials send: read as they are, refused where they are nested too deeply."""

from __future__ import annotations

import json

import pytest

from hptui.storage.sqlite.attribute_values import MAX_DEPTH, value_of_json


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

"""The lists of test files name files that are there."""

from __future__ import annotations

from pathlib import Path

from tests.pace import APART, DEAREST, FAST, NOT_FAST


def test_every_file_that_is_named_is_there() -> None:
    named = {*DEAREST, *APART, *FAST, *NOT_FAST}
    assert {each for each in named if not (Path(__file__).parent / each).exists()} == set()

"""Trends in one line."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.figures.canvas.sparkline import sparkline


@pytest.mark.parametrize(
    ("values", "width", "expected"),
    [
        ([], 8, ""),
        ([1.0, 2.0], 0, ""),
        ([0.0, 7.0], 8, "▁▇"),
        ([float(value) for value in range(8)], 8, "▁▂▃▄▄▅▆▇"),
        ([float(value) for value in range(8)], 2, "▁▇"),
        ([1.0, 5.0, 3.0], 1, "▄"),
        ([-1.7e308, 0.0, 1.7e308], 8, "▁▄▇"),
        ([math.nan, 1.0, math.inf, 2.0], 8, " ▁ ▇"),
        ([math.nan], 8, " "),
    ],
)
def test_values_become_bars(values: list[float], width: int, expected: str):
    assert sparkline(values, width) == expected


def test_without_unicode_the_bars_are_ascii():
    text = sparkline([1.0, 2.0, 3.0], 3, unicode=False)
    assert text.isascii()
    assert len(set(text)) == 3


@given(st.lists(st.floats(), max_size=60), st.integers(-1, 20), st.booleans())
def test_any_values_fit(values: list[float], width: int, unicode: bool):
    assert len(sparkline(values, width, unicode=unicode)) == min(len(values), max(0, width))

"""Axes: ticks that read well, for every range of floats."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.analysis.axis import Axis

finite = st.floats(allow_nan=False, allow_infinity=False)
positive = st.floats(min_value=5e-324, allow_nan=False, allow_infinity=False)


@given(st.lists(finite, max_size=20), st.integers(0, 30), st.booleans())
def test_every_finite_range_gives_places_and_ticks(numbers: list[float], count: int, whole: bool):
    axis = Axis.around(np.array(numbers))
    check(axis, numbers, count, whole=whole)


@given(st.lists(positive, max_size=20), st.integers(0, 30))
def test_every_positive_range_gives_places_and_ticks_on_a_log_scale(
    numbers: list[float], count: int
):
    check(Axis.around(np.array(numbers), is_log=True), numbers, count, whole=False)


def check(axis: Axis, numbers: list[float], count: int, *, whole: bool) -> None:
    places = axis.place(np.array(numbers, np.float64))
    assert ((places >= 0) & (places <= 1)).all()
    by_size = [place for _, place in sorted(zip(numbers, places.tolist(), strict=True))]
    assert by_size == sorted(by_size)
    ticks = axis.ticks(count, whole=whole)
    assert len(ticks) <= 1_001
    for place, label in ticks:
        assert 0 <= place <= 1
        assert math.isfinite(float(label))


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 1.0, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (1.0, 2.0, ["1.00", "1.25", "1.50", "1.75", "2.00"]),
        (-3.0, 17.0, ["0", "5", "10", "15"]),
        (0.0, 1e-9, ["0", "2.5e-10", "5e-10", "7.5e-10", "1e-09"]),
        (
            1000.001,
            1000.002,
            ["1000.00100", "1000.00125", "1000.00150", "1000.00175", "1000.00200"],
        ),
    ],
)
def test_ticks_are_round_numbers_that_can_be_told_apart(low: float, high: float, labels: list[str]):
    assert [label for _, label in Axis(low, high).ticks(4)] == labels


@pytest.mark.parametrize(
    ("last", "labels"),
    [
        (2, ["0", "1", "2"]),
        (9, ["0", "5"]),
        (100, ["0", "25", "50", "75", "100"]),
        (99_999, ["0", "25000", "50000", "75000"]),
    ],
)
def test_ticks_of_trials_are_whole_numbers(last: int, labels: list[str]):
    assert [label for _, label in Axis(0, last).ticks(4, whole=True)] == labels


def test_ticks_of_a_log_scale_are_powers_of_ten():
    axis = Axis(0.002, 500, is_log=True)
    assert [label for _, label in axis.ticks(5)] == ["0.01", "0.1", "1", "10", "100"]
    assert [label for _, label in axis.ticks(2)] == ["0.01", "10"]


def test_a_single_number_stands_in_the_middle():
    for number in (0.0, 3.0, -7.0, 1e-300):
        assert Axis.around(np.array([number])).place(np.array([number])) == pytest.approx([0.5])

"""Numbers of a column share their digits, and none is cut so that another one is read."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hptui.domain.texts.number_column import number_style, shortened


@pytest.mark.parametrize(
    ("numbers", "shown"),
    [
        ([3.0, 4.0, 12.0], ["3", "4", "12"]),
        ([0.5, 1.0, 2.25], ["0.50", "1.00", "2.25"]),
        ([0.98171, 0.98, 0.93126], ["0.9817", "0.9800", "0.9313"]),
        ([0.98170001, 0.98170532, 0.98170219], ["0.98170001", "0.98170532", "0.98170219"]),
        ([123.456, 2.5, 40.1239], ["123.46", "2.50", "40.12"]),
        ([1e-5, 0.2, 0.0123456], ["1.000e-05", "2.000e-01", "1.235e-02"]),
        ([1.2e-12, 3e-12], ["1.2e-12", "3.0e-12"]),
        ([1e10 + 1, 1e10 + 257], ["1.0000000001e+10", "1.0000000257e+10"]),
        ([26103.4, 299558.2], ["26103", "299558"]),
        ([-0.25, 0.5, math.nan, math.inf], ["-0.25", "0.50", "nan", "inf"]),
        ([0.0, 0.0], ["0", "0"]),
        ([], []),
    ],
)
def test_as_many_digits_as_their_spread_needs(numbers: list[float], shown: list[str]) -> None:
    style = number_style(numbers)
    assert [style.show(number) for number in numbers] == shown


def test_what_lies_far_from_most_has_digits_of_its_own() -> None:
    style = number_style([0.5 + at / 100 for at in range(30)] + [1e6])
    assert [style.show(each) for each in (0.5, 1e6, 1e-9)] == ["0.50", "1e+06", "1e-09"]
    assert style.alone(0.5) == "0.5"
    assert number_style([1.0, 2.0]).show(2.5) == "2.5", "not in the sample"


@given(st.lists(st.floats(-1e308, 1e308) | st.just(math.inf), max_size=20))
def test_every_number_reads_as_about_itself(numbers: list[float]) -> None:
    style = number_style(numbers)
    finite = [abs(number) for number in numbers if math.isfinite(number)]
    reach = max(finite, default=0.0)
    for number in numbers:
        read = float(style.show(number))
        assert read == number or abs(read - number) <= 6e-4 * reach
        assert (read == 0) == (number == 0)


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("1.235e-105", 9, "1.2…e-105"),
        ("-1.2345e-05", 8, "-1…e-05"),
        ("1.23e-05", 7, "1…e-05"),
        ("1.23e-05", 5, ""),
        ("123456", 4, ""),
        ("0.123456", 5, "0.12…"),
        ("0.123456 ~", 7, "0.12… ~"),
        ("12.5", 3, "12…"),
        ("12.5", 2, ""),
        ("adam", 2, None),
        ("1.0.3", 2, None),
    ],
)
def test_a_number_is_cut_behind_its_point_or_not_at_all(
    text: str, width: int, expected: str | None
) -> None:
    assert shortened(text, width, "…") == expected

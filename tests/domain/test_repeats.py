"""The values of configurations that are run several times."""

from __future__ import annotations

import math
from typing import Any

import pytest

from hptui.domain.repeats import Repeats, read_repeats
from hptui.errors import UsageError

INF = math.inf
CASES = [
    ([[1.0], [2.0], [6.0]], [3.0], "± 2.646 in 3 repetitions"),
    ([[1.0, 4.0], [3.0, 4.0]], [2.0, 4.0], "± 1.414 in 2 repetitions"),
    ([[1.5]], [1.5], "in 1 repetition"),
    ([[1.0], [INF]], [INF], "in 2 repetitions"),
    ([[-INF], [INF]], [math.nan], "in 2 repetitions"),
    ([[1e308], [1e308], [1e308]], [INF], "± 0 in 3 repetitions"),
]


@pytest.mark.parametrize(("rows", "means", "about"), CASES)
def test_means_and_spread(rows: list[list[float]], means: list[float], about: str) -> None:
    repeats = Repeats.read({"values": rows})
    assert repeats is not None
    assert repeats.means() == pytest.approx(means, nan_ok=True)
    assert repeats.about(0) == about
    assert Repeats.read(repeats.to_json()) == repeats


OTHERS: Any = (None, 7, [], {}, {"values": None}, {"values": []}, {"values": [[]]})


@pytest.mark.parametrize("stored", OTHERS)
def test_what_is_stored_otherwise_is_nothing(stored: Any) -> None:
    assert Repeats.read(stored) is None


@pytest.mark.parametrize("rows", [[1.0], [[1.0], [1.0, 2.0]], [["x"]], [[None]], "ab"])
def test_rows_that_are_no_table_are_nothing(rows: Any) -> None:
    assert Repeats.read({"values": rows}) is None


@pytest.mark.parametrize("text", ["", "0", "-1", "1.5", "1001", "9" * 5_000, "٣", "two"])
def test_what_is_no_number_of_repetitions_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="from 1 to 1,000"):
        read_repeats(text)
    assert read_repeats("1000") == 1000

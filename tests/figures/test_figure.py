"""Where trials are seen in a figure, and which one lies beside another."""

from __future__ import annotations

import numpy as np
import pytest

from hptui.figures.canvas.figure import Spots, Way


def spots(*places: tuple[int, float, float], reaches: list[float] | None = None) -> Spots:
    numbers, columns, rows = zip(*places, strict=True)
    return Spots(
        np.array(numbers),
        np.array(columns, np.float64),
        np.array(rows, np.float64),
        None if reaches is None else np.array(reaches),
    )


CROSS = spots((0, 10.5, 5.5), (1, 14.5, 5.5), (2, 6.5, 5.0), (3, 10.5, 2.5), (4, 11.0, 9.5))


@pytest.mark.parametrize(
    ("way", "number"), [("right", 1), ("left", 2), ("up", 3), ("down", 4)], ids=str
)
def test_the_nearest_trial_that_way_lies_beside(way: Way, number: int) -> None:
    at = CROSS.place_of(0)
    assert at is not None
    beside = CROSS.beside(at, way)
    assert beside is not None
    assert CROSS.numbers[beside] == number
    assert CROSS.beside(1, "right") is None


def test_what_lies_straight_ahead_is_nearer_than_what_lies_aside() -> None:
    found = spots((0, 0.5, 5.5), (1, 2.5, 0.5), (2, 8.5, 5.5))
    assert found.beside(0, "right") == 2
    assert found.beside(0, "up") == 1


def test_another_place_of_the_same_trial_is_not_beside_it() -> None:
    panels = spots((0, 2.5, 5.5), (0, 32.5, 5.5), (1, 40.5, 5.5))
    assert panels.beside(0, "right") == 2
    assert panels.place_of(0, (30.0, 5.0)) == 1
    assert panels.place_of(0) == 0
    assert panels.place_of(7) is None
    assert panels.place_of(None) is None


def test_a_long_bar_lies_below_what_is_above_any_part_of_it() -> None:
    bars = spots((0, 5.5, 1.5), (1, 40.5, 3.5), (2, 9.5, 3.5), reaches=[1.0, 38.0, 0.5])
    assert bars.beside(0, "down") == 1

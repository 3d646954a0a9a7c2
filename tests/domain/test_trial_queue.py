"""The order of trials that wait."""

from __future__ import annotations

import pytest

from hptui.domain.trial_queue import WaitingTrial, in_order, read_waiting, seats_after
from hptui.errors import UsageError

LINE = tuple(WaitingTrial(number) for number in (3, 5, 6, 9))


def after(line: tuple[WaitingTrial, ...], seats: dict[int, int]) -> tuple[WaitingTrial, ...]:
    return tuple(
        WaitingTrial(each.number, each.params, seats.get(each.number, each.seat)) for each in line
    )


@pytest.mark.parametrize(
    ("number", "to", "order"),
    [
        (3, 0, [3, 5, 6, 9]),
        (9, 0, [9, 3, 5, 6]),
        (3, 99, [5, 6, 9, 3]),
        (5, 2, [3, 6, 5, 9]),
        (6, -4, [6, 3, 5, 9]),
    ],
)
def test_a_trial_moves_and_later_ones_come_behind(number: int, to: int, order: list[int]) -> None:
    seats = seats_after(LINE, number, to)
    moved = after(LINE, seats)
    assert [each.number for each in in_order(moved)] == order
    assert (not seats) == (order == [3, 5, 6, 9])
    later = (*moved, WaitingTrial(10))
    assert [each.number for each in in_order(later)] == [*order, 10]
    back = after(moved, seats_after(moved, number, [3, 5, 6, 9].index(number)))
    assert [each.number for each in in_order(back)] == [3, 5, 6, 9]


def test_who_has_begun_moves_no_more() -> None:
    with pytest.raises(UsageError, match="Trial 4 is not waiting"):
        seats_after(LINE, 4, 0)


@pytest.mark.parametrize("seat", [None, "x", True, [1], 1.5])
def test_what_is_no_seat_is_none(seat: object) -> None:
    assert read_waiting(3, [1], seat) == WaitingTrial(3)

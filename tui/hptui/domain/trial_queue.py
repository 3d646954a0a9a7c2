"""The order of trials that wait: by their seats, where they were given some, else by number."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, cast

from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


WITHDRAWN: Final = "Withdrawn before it began."
"""Why a trial failed that waited."""


@dataclass(frozen=True, slots=True)
class WaitingTrial:
    """A trial that has not begun."""

    number: int
    params: Mapping[str, Any] = field(default_factory=dict[str, Any])
    """Those that are given; the sampler draws the others."""
    seat: int | None = None
    """Where it stands in the line, on the numbers' scale; None at its own number."""

    @property
    def place(self) -> tuple[int, int]:
        """What the line is ordered by."""
        return self.number if self.seat is None else self.seat, self.number


def in_order(waiting: Iterable[WaitingTrial]) -> list[WaitingTrial]:
    """Return trials as they will run."""
    return sorted(waiting, key=lambda each: each.place)


def seats_after(waiting: Iterable[WaitingTrial], number: int, to: int) -> dict[int, int]:
    """Return the seats that change, by number, when a trial moves to a place in the line.

    Trials share the numbers of all that wait as seats, so that later ones come behind them.

    Args:
        waiting: Those that wait.
        number: The one that moves.
        to: Its place afterwards, from 0; beyond the end is the last one.

    Raises:
        UsageError: It does not wait.
    """
    line = in_order(waiting)
    moving = find_waiting(line, number)
    others = [each for each in line if each is not moving]
    others.insert(max(0, to), moving)
    seats = sorted(each.number for each in line)
    return {
        each.number: seat for each, seat in zip(others, seats, strict=True) if each.place[0] != seat
    }


def find_waiting(waiting: Iterable[WaitingTrial], number: int) -> WaitingTrial:
    """Return the trial with this number.

    Raises:
        UsageError: It does not wait.
    """
    found = next((each for each in waiting if each.number == number), None)
    if found is None:
        raise UsageError(
            f"Trial {number} is not waiting.", hint="It has begun, or has been cancelled."
        )
    return found


def read_waiting(number: int, params: object, seat: object) -> WaitingTrial:
    """Return a trial that waits from its stored attributes, whatever they hold."""
    held = cast("dict[object, Any]", params) if isinstance(params, dict) else {}
    given = {str(key): value for key, value in held.items()}
    is_seat = isinstance(seat, int) and not isinstance(seat, bool)
    return WaitingTrial(number, given, cast("int", seat) if is_seat else None)


def told_queue(waiting: Iterable[WaitingTrial]) -> list[dict[str, Any]]:
    """Return the line as plain data."""
    return [{"trial": each.number, "params": dict(each.params)} for each in in_order(waiting)]

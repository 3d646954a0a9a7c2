"""When the application searches for unreachable cycles."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

import pytest

from hptui.ui.application.quiet_collector import QuietCollector

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture(autouse=True)
def _as_before() -> Generator[None]:  # pyright: ignore[reportUnusedFunction]
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


class Clock:
    """A clock that is set by hand."""

    now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def a_cycle() -> int:
    """Leave an unreachable cycle, and return what it was."""
    cycle: list[object] = []
    cycle.append(cycle)
    return id(cycle)


def is_there(number: int) -> bool:
    return any(id(each) == number for each in gc.get_objects())


def test_it_waits_until_nobody_presses_keys_but_not_for_ever() -> None:
    clock = Clock()
    collector = QuietCollector(quiet_s=1, at_most_s=60, clock=clock)
    collector.start()
    clock.now_s = 10.0
    collector.touch()
    clock.now_s = 10.5
    assert collector.untouched_s == 0.5
    assert not collector.look()
    cycle = a_cycle()
    clock.now_s = 11.0
    assert collector.look()
    assert not is_there(cycle)
    for second in range(11, 72):
        clock.now_s = float(second)
        collector.touch()
        assert collector.look() == (second == 71)
    collector.stop()


def test_python_does_no_full_search_by_itself_meanwhile_and_does_again_afterwards() -> None:
    before = gc.get_threshold()
    collector = QuietCollector()
    assert not collector.look()
    collector.start()
    n_full = gc.get_stats()[2]["collections"]
    kept = [[index] for index in range(200_000)]
    assert gc.get_stats()[2]["collections"] == n_full
    assert gc.get_stats()[1]["collections"] > 0
    collector.stop()
    assert gc.get_threshold() == before
    assert len(kept) == 200_000

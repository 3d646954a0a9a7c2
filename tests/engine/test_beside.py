"""Work beside the engine's loop: the loop turns meanwhile, and nobody is called in two threads."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest
from tests.waiting import DEADLINE_S, POLL_S

from hptui.engine.run.background import Background, Lane

if TYPE_CHECKING:
    from collections.abc import Callable


class Loop:
    """A loop that calls `each_turn` in each turn, and notes in which threads it was turned."""

    def __init__(self, n_lanes: int = 1) -> None:
        self.lanes = [Lane() for _ in range(n_lanes)]
        self._woken = threading.Event()
        self.beside = Background(self.lanes, self._woken.set)
        self.threads: list[int] = []
        self.said: list[Any] = []

    @property
    def lane(self) -> Lane:
        return self.lanes[0]

    def expect_short_work(self) -> None:
        """Do so much short work that the next is expected to be short, too."""
        for lane in self.lanes:
            while lane.expects_long:
                lane.do(int, lambda _: None)
                lane.begin()
                lane.end(0, lane._began_s)  # pyright: ignore[reportPrivateUsage]

    def run(self, each_turn: Callable[[int], None]) -> None:
        n_turns = 0

        def turn() -> bool:
            nonlocal n_turns
            if not self.beside.step():
                return False
            self.threads.append(threading.get_ident())
            each_turn(n_turns)
            n_turns += 1
            if not self.beside.is_ready:
                self._woken.wait(POLL_S)
                self._woken.clear()
            return True

        self.beside.run(turn)

    def finish_when(self, is_over: Callable[[], bool]) -> Callable[[int], None]:
        def each_turn(_: int) -> None:
            if is_over():
                self.beside.finish()

        return each_turn


@pytest.fixture
def loop() -> Loop:
    return Loop()


def test_any_number_that_are_held_up_may_give_more_work(loop: Loop):
    lane, n, told = loop.lane, 3_000, list[int]()

    def tell(number: int) -> None:
        told.append(number)
        if number < n:
            lane.do(int, loop.said.append, if_held_up=lambda: tell(number + 1))

    lane.do(int, loop.said.append)
    lane.do(int, loop.said.append, if_held_up=lambda: told.append(-1))
    for _ in range(2):
        lane.begin()
        lane.end(0, 0.0)
    assert told == [], "nobody is held up whose turn comes"
    lane.do(int, loop.said.append)
    lane.begin()
    lane.note_long()
    lane.do(int, loop.said.append, if_held_up=lambda: tell(0))
    assert told == list(range(n + 1))


def test_short_work_is_done_in_turn_by_the_thread_that_leads(loop: Loop):
    loop.expect_short_work()
    threads: list[int] = []

    def work(number: int) -> int:
        threads.append(threading.get_ident())
        return number

    for number in range(3):
        loop.lane.do(lambda number=number: work(number), loop.said.append)
    assert not loop.lane.is_free
    loop.run(loop.finish_when(lambda: len(loop.said) == 3))
    assert loop.said == [0, 1, 2]
    assert set(threads) == set(loop.threads)
    assert len(set(threads)) == 1
    assert loop.lane.is_free


@pytest.mark.parametrize("is_sudden", [True, False])
def test_the_loop_turns_while_work_takes_long(loop: Loop, is_sudden: bool):
    if is_sudden:
        loop.expect_short_work()
    go_on, working = threading.Event(), threading.Event()
    held_up: list[bool] = []

    def long_work() -> str:
        working.set()
        assert go_on.wait(DEADLINE_S)
        return "long"

    loop.lane.do(long_work, loop.said.append)
    loop.lane.do(lambda: "next", loop.said.append, if_held_up=lambda: held_up.append(True))

    def each_turn(_: int) -> None:
        if working.is_set() and not go_on.is_set() and loop.lane.is_held_up:
            # Only a loop that goes on comes here.
            assert loop.lane.busy_s(1e12) is not None
            loop.lane.do(lambda: "last", loop.said.append, if_held_up=lambda: held_up.append(False))
            loop.lane.when_idle(lambda: loop.said.append("idle"))
            go_on.set()
        if len(loop.said) == 4:
            loop.beside.finish()

    loop.run(each_turn)
    assert loop.said == ["idle", "long", "next", "last"]
    assert held_up == [True, False], "whoever waits is told, once"
    assert loop.lane.busy_s(1e12) is None


def test_long_work_of_one_lane_holds_up_no_other():
    loop = Loop(2)
    first, second = loop.lanes
    go_on = threading.Event()

    def long_work() -> str:
        assert go_on.wait(DEADLINE_S)
        return "first"

    first.do(long_work, loop.said.append)
    for number in range(3):
        second.do(lambda number=number: number, loop.said.append)

    def each_turn(_: int) -> None:
        if len(loop.said) == 3:
            go_on.set()
        if len(loop.said) == 4:
            loop.beside.finish()

    loop.run(each_turn)
    assert loop.said == [0, 1, 2, "first"]


def test_what_work_raises_is_given_to_who_asked(loop: Loop):
    def fails(error: BaseException) -> None:
        raise error

    for error in (ValueError("a"), SystemExit("b"), KeyboardInterrupt("c")):
        loop.lane.do(lambda error=error: fails(error), loop.said.append)
    loop.run(loop.finish_when(lambda: len(loop.said) == 3))
    first, second, third = loop.said
    assert isinstance(first, ValueError)
    assert str(second) == "SystemExit: b"
    assert str(third) == "KeyboardInterrupt: c"
    assert isinstance(second, Exception)


def test_an_idle_lane_is_acted_on_at_once(loop: Loop):
    loop.lane.do(int, loop.said.append)
    loop.lane.when_idle(lambda: loop.said.append("idle"))
    assert loop.said == ["idle"]


def test_work_that_never_ends_is_left_at_the_end(loop: Loop):
    go_on, has_ended = threading.Event(), threading.Event()

    def endless() -> None:
        go_on.wait(DEADLINE_S)
        has_ended.set()

    loop.lane.do(endless, loop.said.append)
    loop.run(loop.finish_when(lambda: loop.lane.is_held_up))
    assert not has_ended.is_set()
    go_on.set()
    assert has_ended.wait(DEADLINE_S)
    assert loop.said == []


def test_what_a_turn_raises_ends_the_run(loop: Loop):
    def each_turn(n_turns: int) -> None:
        if n_turns == 2:
            raise OSError("the loop is broken")

    with pytest.raises(OSError, match="the loop is broken"):
        loop.run(each_turn)

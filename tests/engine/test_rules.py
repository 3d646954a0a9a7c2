"""The rules of a run, fed with every order of events and a clock of our own."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from hptui.engine.run.events import (
    Ask,
    AskRefused,
    CloseSlot,
    EndTrial,
    Event,
    ExtendRequested,
    Finish,
    Instruction,
    InterruptRequested,
    KillRequested,
    LimitRequested,
    MemoryExceeded,
    NoWorker,
    OpenSlot,
    PauseRequested,
    ResumeRequested,
    SlotReady,
    StopRequested,
    StorageChanged,
    Tick,
    TrialFinished,
    TrialFollowed,
    TrialStarted,
    WorkersRequested,
)
from hptui.engine.run.outcome import TrialError
from hptui.engine.run.rules import FORCE_AFTER_S, Budget, Phase, Rules

FAILURE = TrialError("exception", "ValueError", "bad value 17")


class World:
    """Performs instructions as the engine does: a trial asked for starts at once."""

    def __init__(self, rules: Rules) -> None:
        self.rules = rules
        self.number = 0
        self.now_s = 0.0
        self.done: list[Instruction] = []

    def feed(self, event: Event) -> list[Instruction]:
        todo = self.rules.step(event, self.now_s)
        seen: list[Instruction] = []
        while todo:
            each = todo.pop(0)
            seen.append(each)
            if isinstance(each, Ask):
                todo += self.rules.step(TrialStarted(each.slot, self.number), self.now_s)
                self.number += 1
        self.done += seen
        return seen

    def finish(self, slot: int, error: TrialError | None = None, *, target: bool = False) -> None:
        number = self.rules.running[slot]
        self.feed(TrialFinished(slot, number, target, error))
        self.feed(SlotReady(slot))

    @property
    def reason(self) -> str | None:
        ends = [each.reason for each in self.done if isinstance(each, Finish)]
        assert len(ends) <= 1
        return ends[0] if ends else None


def a_world(n_workers: int = 2, **budget: float | int) -> World:
    world = World(Rules(Budget(**budget), n_workers, 0.0))  # pyright: ignore[reportArgumentType]
    for slot in range(n_workers):
        world.feed(SlotReady(slot))
    return world


def test_a_run_starts_exactly_its_budget_and_ends_after_the_last_trial() -> None:
    world = a_world(n_trials=5)
    while world.rules.running:
        assert world.reason is None
        world.finish(next(iter(world.rules.running)))
    assert world.number == 5
    assert world.reason == "trials"


def test_a_worker_that_comes_before_the_end_of_its_slots_trial_gets_the_next_one() -> None:
    world = a_world(n_workers=1, n_trials=2)
    world.feed(SlotReady(0))
    world.feed(SlotReady(0))
    assert world.rules.running == {0: 0}
    world.feed(TrialFinished(0, 0, False, FAILURE))
    assert world.rules.running == {0: 1}


def test_a_paused_run_starts_nothing_and_goes_on_when_resumed() -> None:
    world = a_world(n_trials=10)
    world.feed(PauseRequested())
    world.finish(0)
    assert world.rules.running == {1: 1}
    world.feed(ResumeRequested())
    assert world.rules.running == {1: 1, 0: 2}


def test_stop_lets_running_trials_end() -> None:
    world = a_world(n_trials=10)
    assert not [e for e in world.feed(StopRequested()) if isinstance(e, EndTrial)]
    world.finish(0)
    assert world.reason is None
    world.finish(1)
    assert world.reason == "stopped"


def test_stop_now_ends_each_running_trial_once_and_by_force_after_a_while() -> None:
    world = a_world(n_trials=10)
    ended = [e for e in world.feed(StopRequested(now=True)) if isinstance(e, EndTrial)]
    assert [(e.slot, e.force, e.kind) for e in ended] == [
        (0, False, "interrupted"),
        (1, False, "interrupted"),
    ]
    assert world.feed(Tick()) == []
    world.now_s = FORCE_AFTER_S
    assert [e.force for e in world.feed(Tick()) if isinstance(e, EndTrial)] == [True, True]
    assert world.feed(Tick()) == []


def test_a_trial_that_outlives_its_limit_is_ended_and_its_neighbour_is_not() -> None:
    world = a_world(n_trials=10, trial_timeout_s=5)
    world.now_s = 3
    world.finish(1)
    world.now_s = 5
    ended = [e for e in world.feed(Tick()) if isinstance(e, EndTrial)]
    assert [(e.slot, e.number, e.kind) for e in ended] == [(0, 0, "timeout")]


def test_the_time_limit_gives_running_trials_their_grace() -> None:
    world = a_world(timeout_s=10, timeout_grace_s=2)
    world.now_s = 10
    assert world.rules.next_deadline_s() == 10
    assert not [e for e in world.feed(Tick()) if isinstance(e, EndTrial)]
    world.now_s = 12
    assert [e.kind for e in world.feed(Tick()) if isinstance(e, EndTrial)] == ["timeout"] * 2
    world.finish(0)
    world.finish(1)
    assert world.reason == "timeout"


def test_the_second_interrupt_takes_the_grace_away() -> None:
    world = a_world(n_trials=10)
    assert not [e for e in world.feed(InterruptRequested()) if isinstance(e, EndTrial)]
    forced = [e.force for e in world.feed(InterruptRequested()) if isinstance(e, EndTrial)]
    assert forced == [True, True]
    world.finish(0)
    world.finish(1)
    assert world.reason == "interrupted"


def test_the_target_ends_the_run_after_the_running_trials() -> None:
    world = a_world(target=0.5)
    world.finish(0, target=True)
    assert world.rules.running == {1: 1}
    world.finish(1)
    assert world.reason == "target"


def test_ten_first_failures_alike_end_the_run() -> None:
    world = a_world(n_trials=100)
    for index in range(10):
        world.finish(0, TrialError("exception", "ValueError", f"bad value {index}"))
    world.finish(1)
    assert world.reason == "failing"


@pytest.mark.parametrize("good_at", [0, 5, 9])
def test_one_good_trial_among_the_first_keeps_the_run_going(good_at: int) -> None:
    world = a_world(n_trials=100)
    for index in range(30):
        world.finish(0, None if index == good_at else FAILURE)
    assert world.rules.phase is Phase.RUNNING


def test_different_first_failures_do_not_end_the_run() -> None:
    world = a_world(n_trials=100)
    for index in range(20):
        world.finish(0, TrialError("exception", f"Error{index % 2}", "x"))
    assert world.rules.phase is Phase.RUNNING


def test_more_and_fewer_slots_take_effect_without_touching_running_trials() -> None:
    world = a_world(n_trials=100)
    opened = [e.slot for e in world.feed(WorkersRequested(3)) if isinstance(e, OpenSlot)]
    assert opened == [2]
    assert not [e for e in world.feed(WorkersRequested(1)) if isinstance(e, EndTrial)]
    world.feed(TrialFinished(1, world.rules.running[1]))
    assert list(world.rules.slots) == [0]


def test_an_idle_slot_is_closed_at_once() -> None:
    world = a_world(n_trials=100)
    world.feed(PauseRequested())
    world.finish(1)
    assert CloseSlot(1) in world.feed(WorkersRequested(1))


def test_extending_gives_more_trials_even_while_the_last_ones_run() -> None:
    world = a_world(n_trials=2)
    world.feed(ExtendRequested(3))
    while world.rules.running:
        world.finish(next(iter(world.rules.running)))
    assert world.number == 5


def test_trials_that_have_not_begun_are_taken_away_and_no_others() -> None:
    world = a_world(n_trials=10)
    world.finish(1)
    n_begun = world.rules.asked
    world.feed(ExtendRequested(-4))
    assert world.rules.budget.n_trials == 6
    world.feed(ExtendRequested(-100))
    assert world.rules.budget.n_trials == n_begun
    while world.rules.running:
        world.finish(next(iter(world.rules.running)))
    assert world.rules.phase is Phase.ENDED


def test_a_run_can_be_given_another_end_while_it_runs() -> None:
    world = a_world(timeout_s=50.0)
    world.now_s = 20.0
    world.feed(LimitRequested(100.0))
    assert world.rules.next_deadline_s() == 120.0
    world.now_s = 60.0
    world.feed(Tick())
    assert world.rules.phase is Phase.RUNNING
    world.feed(LimitRequested(None))
    assert world.rules.next_deadline_s() is None
    world.feed(LimitRequested(5.0))
    world.now_s = 65.0
    world.feed(Tick())
    assert (world.rules.phase, world.rules.reason) == (Phase.STOPPING, "timeout")


def test_a_blocked_storage_holds_new_trials_back_and_counts_none() -> None:
    rules = Rules(Budget(n_trials=3), 1, 0.0)
    assert rules.step(SlotReady(0), 0.0) == [Ask(0)]
    assert rules.step(AskRefused(0), 0.0) == []
    assert rules.n_left == 3
    assert rules.step(StorageChanged(is_blocked=False), 1.0) == [Ask(0)]


def test_a_trial_is_asked_for_ahead_while_all_slots_run_one_and_more_are_to_come() -> None:
    world = a_world(2, n_trials=3)
    assert world.rules.may_ask_ahead
    world.feed(PauseRequested())
    assert not world.rules.may_ask_ahead
    world.feed(ResumeRequested())
    world.feed(TrialFinished(0, 0))
    assert not world.rules.may_ask_ahead, "a slot is free"
    world.feed(SlotReady(0))
    assert not world.rules.may_ask_ahead, "it was the last one"
    world.feed(ExtendRequested(1))
    assert world.rules.may_ask_ahead
    world.feed(StorageChanged(is_blocked=True))
    assert not world.rules.may_ask_ahead


def test_killing_a_trial_ends_that_one_alone() -> None:
    world = a_world(n_trials=100)
    ended = [e for e in world.feed(KillRequested(1)) if isinstance(e, EndTrial)]
    assert [(e.slot, e.number, e.kind) for e in ended] == [(1, 1, "killed")]
    assert world.feed(KillRequested(1)) == []
    assert world.feed(KillRequested(99)) == []


def test_a_trial_that_takes_too_much_memory_is_ended_by_force() -> None:
    world = a_world(n_trials=100)
    world.feed(KillRequested(0))
    for number, kind in ((1, "memory"), (0, "killed")):
        (ended,) = world.feed(MemoryExceeded(number, "The trial used 9 GB."))
        assert isinstance(ended, EndTrial)
        # One that was told to end before keeps its reason.
        assert (ended.number, ended.kind, ended.force) == (number, kind, True)
    assert world.feed(MemoryExceeded(99, "")) == []
    world.now_s = 2 * FORCE_AFTER_S
    assert world.feed(Tick()) == []


def test_every_order_of_requests_ends_the_run_once_with_nothing_running() -> None:
    requests: list[Event] = [
        PauseRequested(),
        StopRequested(),
        KillRequested(0),
        WorkersRequested(1),
        WorkersRequested(3),
        InterruptRequested(),
    ]
    for order in itertools.permutations(requests, 4):
        world = a_world(n_trials=6)
        for event in order:
            world.feed(event)
            if world.rules.running:
                world.finish(max(world.rules.running))
        world.feed(ResumeRequested())
        world.feed(StopRequested(now=True))
        while world.rules.running:
            world.finish(min(world.rules.running))
        assert world.reason is not None, order
        assert world.rules.phase is Phase.ENDED
        assert world.number <= 6


def test_a_slot_whose_worker_died_while_it_waited_holds_up_no_other() -> None:
    world = a_world(2, n_trials=10)
    world.feed(PauseRequested())
    world.finish(0)
    world.finish(1)
    assert world.rules.step(ResumeRequested(), 0.0) == [Ask(0), Ask(1)]
    assert world.rules.step(NoWorker(0), 0.0) == []
    assert world.rules.step(TrialStarted(1, 2), 0.0) == []
    world.number = 3
    assert world.rules.n_left == 7
    world.feed(SlotReady(0))
    assert world.rules.running == {0: 3, 1: 2}


def test_the_time_limit_also_ends_trials_of_a_run_that_is_stopping() -> None:
    world = a_world(1, timeout_s=60, timeout_grace_s=5.0)
    world.feed(StopRequested())
    for now_s in (60.0, 65.0):
        assert world.rules.next_deadline_s() == now_s
        world.now_s = now_s
        world.feed(Tick())
    assert [each.kind for each in world.done if isinstance(each, EndTrial)] == ["timeout"]
    world.finish(0, TrialError("timeout", "", ""))
    assert world.reason == "stopped"
    assert world.rules.next_deadline_s() is None


def test_limits_of_trials_that_have_ended_are_thrown_away() -> None:
    world = a_world(n_workers=2, trial_timeout_s=1e6)
    for _ in range(2_000):
        world.now_s += 1
        world.finish(0)
    assert world.rules.next_deadline_s() == 1e6, "of the trial that still runs"
    assert len(world.rules._deadlines) < 1_000  # pyright: ignore[reportPrivateUsage]
    world.now_s = 1e6
    assert [each.number for each in world.feed(Tick()) if isinstance(each, EndTrial)] == [1]


def followed(n_trials: int | None = None, n_workers: int = 2) -> World:
    world = World(Rules(Budget(n_trials=n_trials), n_workers, 0.0, is_followed=True))
    for slot in range(n_workers):
        world.feed(SlotReady(slot))
    return world


def test_a_slot_waits_until_its_trial_is_followed_and_no_other_does() -> None:
    world = followed()
    world.feed(TrialFinished(0, 0))
    assert world.feed(SlotReady(0)) == []
    world.feed(TrialFinished(1, 1))
    assert world.feed(SlotReady(1)) == []
    assert world.feed(TrialFollowed(1)) == [Ask(1)]
    assert world.feed(TrialFollowed(0)) == [Ask(0)]


def test_a_run_ends_when_its_last_trial_is_followed() -> None:
    world = followed(n_trials=1, n_workers=1)
    world.feed(TrialFinished(0, 0))
    assert world.feed(SlotReady(0)) == []
    assert world.feed(TrialFollowed(0)) == [Finish("trials")]


def test_a_callback_stops_a_run_before_its_slot_asks_again() -> None:
    world = followed(n_workers=1)
    world.feed(TrialFinished(0, 0))
    world.feed(SlotReady(0))
    assert world.feed(StopRequested(reason="callback_stop")) == []
    assert world.feed(TrialFollowed(0)) == [Finish("callback_stop")]


@pytest.mark.parametrize("reason", ["error", "objective"])
def test_callbacks_that_have_failed_hold_up_nothing(reason: Any) -> None:
    world = followed(n_workers=1)
    world.feed(TrialFinished(0, 0))
    assert world.feed(StopRequested(reason=reason)) == [Finish(reason)]


@pytest.mark.parametrize(
    ("asked", "grace_s"), [(InterruptRequested(), 2.0), (StopRequested(now=True), 0.0)]
)
def test_callbacks_have_the_grace_of_running_trials(asked: Event, grace_s: float) -> None:
    world = followed(n_workers=1)
    world.feed(TrialFinished(0, 0))
    ended = world.feed(asked)
    if grace_s:
        assert ended == []
        assert world.rules.next_deadline_s() == grace_s
        world.now_s = grace_s
        ended = world.feed(Tick())
    (finish,) = ended
    assert isinstance(finish, Finish)

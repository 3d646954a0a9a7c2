"""Places of workers: which devices and cores a process has for itself while it lives."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from hptui.domain.objective import ObjectiveRef
from hptui.domain.resources import Resources
from hptui.engine.workers import pool as pool_module
from hptui.engine.workers.machine.places import (
    Place,
    Places,
    cores_here,
    device_variables,
    spell_cores,
)
from hptui.engine.workers.machine.versions import Versions
from hptui.engine.workers.pool import Pool, WorkerProcess
from hptui.engine.workers.worker_manager import Slot, WorkerManager

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hptui.engine.ipc.protocol import Message

FOUR = ("0", "1", "2", "3")
NO_PROCESSES = itertools.count(1 << 29)
"""Process ids that the system never gives."""


def nothing(*given: object, **named: object) -> None:
    """Stand for whatever does something."""
    del given, named


class FakeProcess:
    """A process that is only a number."""

    host = ""
    guarded = sentinel = -1
    has_ended, why_lost = True, ""
    exit_code = -9
    collect = close_sentinel = release = signal = staticmethod(nothing)

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.pid = next(NO_PROCESSES)
        self.environment = environment


class FakeWorkers:
    """Stands for loky's."""

    ends_trials_by_process = True
    descriptors_each = 1
    places = None

    def start(self, order: Message, environment: Mapping[str, str]) -> FakeProcess:
        del order
        return FakeProcess(environment)


class Silent:
    """Takes whatever it is told."""

    is_closed = False
    wants_to_write = False

    def receive_all(self) -> list[dict[str, object]]:
        return []

    def __getattr__(self, name: str) -> Any:
        return nothing


def workers_of(resources: Resources, n_workers: int) -> tuple[WorkerManager, Pool]:
    silent = cast("Any", Silent())
    pool = Pool(
        ref=ObjectiveRef("file", "train.py", "objective", "train"),
        kind=FakeWorkers(),
        socket=Path("s"),
        home=Path(),
        log=Path("log"),
        guardian=silent,
        max_files=100,
        resources=resources,
        n_workers=n_workers,
    )
    worker_manager = WorkerManager(
        pool=pool,
        connections=silent,
        on_ready=nothing,
        on_message=nothing,
        on_trouble=nothing,
    )
    return worker_manager, pool


class SlowToEnd:
    """Stands for what is left of a worker: gone at some later look, by chance."""

    due_s = 0.0
    until_s = float("inf")

    def __init__(self, place: Place, chance: random.Random) -> None:
        self.place, self.chance = place, chance

    def is_gone(self) -> bool:
        return self.chance.random() < 0.3

    def give_up(self) -> list[str]:
        return []


def devices_of(process: WorkerProcess | SlowToEnd) -> tuple[str, ...]:
    assert process.place is not None
    return process.place.devices


class Life:
    """A run of which anything may happen at any time, but for real processes."""

    def __init__(self, worker_manager: WorkerManager, size: int, chance: random.Random) -> None:
        self.worker_manager, self.size, self.chance = worker_manager, size, chance
        self.n_workers = self.n_trials = 0
        self.now_s = 0.0
        self.resize()

    @property
    def processes(self) -> list[WorkerProcess]:
        return self.worker_manager.pool.processes

    @property
    def running(self) -> list[Slot]:
        return [slot for slot in self.worker_manager.slots.values() if slot.number is not None]

    def hello(self) -> None:
        coming = [process for process in self.processes if not process.workers[0].is_ready]
        for process in coming[:1]:
            told = {"token": process.workers[0].token, "versions": Versions.here().to_json()}
            self.worker_manager.say_hello(cast("Any", Silent()), told)

    def ask(self) -> None:
        for slot in self.worker_manager.slots.values():
            if slot.worker is not None and slot.number is None:
                self.n_trials += 1
                slot.number = self.n_trials

    def done(self) -> None:
        for slot in self.chance.sample(self.running, min(1, len(self.running))):
            assert slot.worker is not None
            slot.worker.process.is_retired |= self.chance.random() < 0.3
            self.worker_manager.release(slot)

    def kill(self) -> None:
        for slot in self.chance.sample(self.running, min(1, len(self.running))):
            self.worker_manager.end(slot, "killed", "", force=self.chance.random() < 0.5)

    def die(self) -> None:
        """A process ends that was told to, or one that runs a trial."""
        dying = [process for process in self.processes if process.is_retired]
        dying += [slot.worker.process for slot in self.running if slot.worker is not None]
        if dying:
            self.worker_manager.on_worker_exit(self.chance.choice(dying))
            self.worker_manager.restart(self.now_s)

    def resize(self) -> None:
        self.n_workers = self.chance.randint(1, self.size)
        self.worker_manager.open(self.n_workers)

    def go_on(self) -> None:
        """Let one thing happen, and do what the engine does after each."""
        events = (self.hello, self.ask, self.ask, self.done, self.kill, self.die, self.resize)
        self.chance.choice(events)()
        for slot in list(self.worker_manager.slots.values()):
            if slot.number is None and slot.index >= self.n_workers:
                self.worker_manager.close_slot(slot.index)
        self.now_s += 10
        self.worker_manager.tick(self.now_s)

    def settle(self) -> None:
        """Let all trials end, and all processes that are to."""
        while leaving := [process for process in self.processes if process.is_retired]:
            for slot in self.running:
                slot.number = None
            self.worker_manager.on_worker_exit(leaving[0])
            self.worker_manager.restart(self.now_s)
            self.worker_manager.tick(self.now_s + 10)


@pytest.mark.parametrize(("per_device", "per_trial"), [(1, 1), (2, 1), (1, 2)])
def test_no_two_living_processes_have_one_place(
    monkeypatch: pytest.MonkeyPatch, per_device: int, per_trial: int
) -> None:
    resources = Resources(devices=FOUR, per_device=per_device, devices_per_trial=per_trial)
    worker_manager, pool = workers_of(resources, 2)
    size = 4 * per_device // per_trial
    assert pool.places.size == size
    chance = random.Random(10 * per_device + per_trial)

    def left_of(session: int, mark: str, known: object, place: Place, began_s: float) -> SlowToEnd:
        del session, mark, known, began_s
        return SlowToEnd(place, chance)

    monkeypatch.setattr(pool_module, "OrphanedProcesses", left_of)
    life = Life(worker_manager, size, chance)
    seen: set[str] = set()
    while life.n_trials < 400:
        life.go_on()
        held = [*pool.processes, *cast("list[SlowToEnd]", pool.lingering)]
        living = [device for each in held for device in devices_of(each)]
        assert all(living.count(device) <= per_device for device in FOUR)
        assert all(len(devices_of(process)) == per_trial for process in pool.processes)
        seen.update(living)
    assert seen == set(FOUR)
    # Whoever waited for a place has one when those that held it are gone.
    life.settle()
    while pool.lingering:
        worker_manager.tick(life.now_s)
    coming = [process for process in pool.processes if not process.workers[0].is_ready]
    waiting = [slot for slot in worker_manager.slots.values() if slot.worker is None]
    assert len(coming) >= len(waiting)


def test_workers_are_spread_and_a_place_is_free_when_its_process_is_gone() -> None:
    places = Places(Resources(devices=("7", "GPU-a"), per_device=2), 4)
    taken = [places.take() for _ in range(4)]
    assert [each and each.devices for each in taken] == [("7",), ("GPU-a",)] * 2
    assert (places.size, places.n_free) == (4, 0)
    places.give_back(taken[1])
    assert (places.n_free, places.take()) == (1, taken[1])


def test_cores_are_kept_apart() -> None:
    places = Places(Resources(devices=FOUR, is_pinned=True), 2, tuple(range(8)))
    assert (places.size, places.cores_each) == (2, 4)
    first, second = places.take(), places.take()
    assert first == Place(("0",), (0, 1, 2, 3))
    assert second == Place(("1",), (4, 5, 6, 7))
    two_each = Places(Resources(is_pinned=True, threads=2), 2, tuple(range(7)))
    assert two_each.size == 3
    assert Places(Resources(threads=2), 2, ()).take() is None
    assert sorted(cores_here()) == sorted(set(cores_here()))


@pytest.mark.parametrize(
    ("cores", "spelled"),
    [((), ""), ((3,), "3"), ((0, 1, 2, 3, 8), "0-3,8"), ((5, 4, 1), "1,4-5")],
)
def test_cores_are_spelled_as_taskset_does(cores: tuple[int, ...], spelled: str) -> None:
    assert spell_cores(cores) == spelled


@pytest.mark.parametrize(
    ("resources", "place", "told"),
    [
        (Resources(), None, {}),
        (
            Resources(asked="2,3", devices=("2", "3")),
            Place(("2", "3")),
            {
                "CUDA_VISIBLE_DEVICES": "2,3",
                "HIP_VISIBLE_DEVICES": "2,3",
                "CUDA_DEVICE_ORDER": "PCI_BUS_ID",
                "ZE_AFFINITY_MASK": "2,3",
            },
        ),
        (
            # A user's own list is in the user's own order.
            Resources(asked="auto", devices=("MIG-a",), is_cuda_order=True),
            Place(("MIG-a",)),
            {"CUDA_VISIBLE_DEVICES": "MIG-a", "HIP_VISIBLE_DEVICES": "MIG-a"},
        ),
        (
            Resources(asked="none"),
            None,
            {"CUDA_VISIBLE_DEVICES": "-1", "HIP_VISIBLE_DEVICES": "-1"},
        ),
    ],
)
def test_libraries_are_told_of_devices_by_variables(
    resources: Resources, place: Place | None, told: dict[str, str]
) -> None:
    assert device_variables(resources, place) == told


def test_variables_of_the_run_stand_above_all_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    given = {"MKL_NUM_THREADS": "1", "DATA": "here"}
    resources = Resources(threads=3, environment=tuple(given.items()))
    worker_manager, pool = workers_of(resources, 1)
    worker_manager.open(1)
    started = pool.processes[0].started
    assert isinstance(started, FakeProcess)
    environment = started.environment
    # Of what the user has set, what this run was told wins.
    assert environment["OMP_NUM_THREADS"] == "3"
    assert {name: environment[name] for name in given} == given
    assert "CUDA_VISIBLE_DEVICES" not in environment

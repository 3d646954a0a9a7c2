"""What workers load: sampled from `/proc` and from a stand-in for NVIDIA's library."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING

import pytest
from tests.waiting import wait_until

from hptui.engine.workers.machine import memory_guard, worker_loads
from hptui.engine.workers.machine.gpu_loads import Busy, Gpu, GpuLoads
from hptui.engine.workers.machine.memory_guard import Taken
from hptui.engine.workers.machine.peak_memory import NO_PEAK, PeakMemory, peak_of
from hptui.engine.workers.machine.worker_loads import N_SAMPLES, WorkerLoads, peak_size

if TYPE_CHECKING:
    from collections.abc import Sequence

MB = 1 << 20


def test_a_peak_is_that_of_one_trial() -> None:
    memory = PeakMemory()
    memory.begin()
    large = bytearray(b"x") * (200 * MB)
    first = memory.end()["peak"]
    del large
    memory.begin()
    assert 0 < memory.end()["peak"] < first - 150 * MB
    NO_PEAK.begin()
    assert NO_PEAK.end() == {}


@pytest.mark.parametrize(
    ("told", "peak"), [(5, 5), (0, 0), (-1, 0), (True, 0), ("5", 0), (1 << 70, 0), (None, 0)]
)
def test_only_a_size_is_a_peak(told: object, peak: int) -> None:
    assert peak_of({"peak": told}) == peak
    assert peak_of({}) == 0


def test_loads_are_sampled_seldom_and_are_those_of_living_workers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[Sequence[Taken]] = [
        [Taken(10, 5 * MB, (10,), 100), Taken(20, MB, (20, 21), 0)],
        [Taken(10, 9 * MB, (10,), 250), Taken(20, MB, (20, 21), 200)],
        [Taken(10, 9 * MB, (10,), 200)],
    ]

    def look(*_: object) -> Sequence[Taken]:
        return looks.pop(0)

    def latest(_: GpuLoads) -> Busy:
        return Busy((Gpu(frozenset("0"), 40, frozenset()),))

    monkeypatch.setattr(memory_guard.Survey, "look", look)
    monkeypatch.setattr(worker_loads, "_TICKS_A_SECOND", 100)
    monkeypatch.setattr(GpuLoads, "latest", latest)
    loads = WorkerLoads()
    workers = {10: ("0",), 20: ()}
    assert len(loads.look(100.0, workers)) == 2
    assert loads.look(100.5, workers) == []
    loads.look(102.0, workers)
    assert loads.by_pid[10].to_json() == {"cpu": [75], "memory": [5 * MB, 9 * MB], "gpu": [40, 40]}
    assert loads.by_pid[20].to_json() == {"cpu": [100], "memory": [MB, MB]}
    # A child that has ended may have taken its ticks with it.
    loads.look(104.0, workers)
    assert list(loads.by_pid) == [10]
    assert list(loads.by_pid[10].cpu) == [75, 0]
    assert loads.by_pid[10].cpu.maxlen == N_SAMPLES


def test_what_processes_share_is_found_out_only_where_it_matters(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def exact(taken: Taken) -> Taken:
        return Taken(taken.worker, 7, taken.pids)

    monkeypatch.setattr(worker_loads, "exact", exact)
    assert peak_size(Taken(1, 10, (1, 2)), 5) == 7
    assert peak_size(Taken(1, 10, (1, 2)), 8) == 8
    assert peak_size(Taken(1, 10, (1,)), 8) == 10

    def never(_: Taken) -> Taken:
        pytest.fail("it cannot matter")

    monkeypatch.setattr(worker_loads, "exact", never)
    assert peak_size(Taken(1, 10, (1, 2)), 10) == 10


def test_gpus_are_those_of_a_worker_or_of_its_processes() -> None:
    gpus = Busy(
        (
            Gpu(frozenset({"0", "GPU-a"}), 90, frozenset({5})),
            Gpu(frozenset({"1", "GPU-b"}), 10, frozenset({6})),
        )
    )
    assert gpus.of_worker(("0", "1"), ()) == 50
    assert gpus.of_worker(("GPU-b",), (5,)) == 10
    assert gpus.of_worker((), (4, 5)) == 90
    assert gpus.of_worker((), (4,)) is None
    assert Busy().of_worker(("0",), ()) is None


def stand_in_for_nvml(asked: list[str], *, is_broken: bool) -> ModuleType:
    def start() -> None:
        asked.append("init")
        if is_broken:
            raise RuntimeError("no driver")

    def utilization(handle: int) -> SimpleNamespace:
        if handle == 1:
            raise RuntimeError("not supported")
        return SimpleNamespace(gpu=70)

    nvml = ModuleType("pynvml")

    def handle_of(at: int) -> int:
        return at

    def uuid_of(handle: int) -> bytes:
        return f"GPU-{handle}".encode()

    def running(_: int) -> list[SimpleNamespace]:
        return [SimpleNamespace(pid=5)]

    functions: dict[str, object] = {
        "nvmlInit": start,
        "nvmlDeviceGetCount": lambda: 2,
        "nvmlDeviceGetHandleByIndex": handle_of,
        "nvmlDeviceGetUUID": uuid_of,
        "nvmlDeviceGetUtilizationRates": utilization,
        "nvmlDeviceGetComputeRunningProcesses": running,
    }
    for name, function in functions.items():
        setattr(nvml, name, function)
    return nvml


def find_any(_: str) -> object:
    return object()


@pytest.mark.parametrize("is_broken", [False, True])
def test_the_driver_is_asked_beside_the_loop(
    monkeypatch: pytest.MonkeyPatch, is_broken: bool
) -> None:
    asked: list[str] = []
    nvml = stand_in_for_nvml(asked, is_broken=is_broken)
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr("importlib.util.find_spec", find_any)
    loads = GpuLoads()
    loads.latest()
    wait_until(lambda: asked and (is_broken or loads.latest().gpus), "the driver's answer")
    found = loads.latest().gpus
    loads.close()
    if is_broken:
        assert found == ()
        return
    first, second = found
    assert first == Gpu(frozenset({"0", "GPU-0"}), 70, frozenset({5}))
    assert second.percent == 0

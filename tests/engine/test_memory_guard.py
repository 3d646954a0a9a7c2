"""What processes take, as the guard of a run's memory sees it."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest
from tests.waiting import wait_until

from hptui.engine.workers.machine import memory_guard
from hptui.engine.workers.machine.memory_guard import MemoryGuard, kill_now, resident

if TYPE_CHECKING:
    from collections.abc import Iterator

MB: Final = 1 << 20
SHARES: Final = """
import os, sys
kept = b"x" * (40 << 20)
children = [os.fork() for _ in range(2)]
if 0 in children:
    os.setsid() if children[0] == 0 else None
    print("child", flush=True)
sys.stdin.read()
"""
"""Four processes that share 40 MB; two of them are in sessions of their own."""


@pytest.fixture
def sharers() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-I", "-S", "-c", SHARES]
    with subprocess.Popen(
        command,
        start_new_session=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(3):
            process.stdout.readline()
        yield process
        process.kill()


def test_what_processes_share_counts_once_and_all_are_found(
    sharers: subprocess.Popen[str],
) -> None:
    worker = sharers.pid
    assert resident(worker) > 40 * MB
    assert MemoryGuard(70 * MB).look(1.0, [worker]) == []
    (taken,) = MemoryGuard(41 * MB).look(1.0, [worker])
    assert taken.worker == worker
    assert 41 * MB < taken.size < 70 * MB
    assert len(taken.pids) == 4
    kill_now(taken)
    wait_until(lambda: not any(map(resident, taken.pids)), "their end")


def test_looks_are_as_rare_as_they_are_dear(monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([0.0, 0.001, 10.0, 10.2])
    monkeypatch.setattr(memory_guard.time, "monotonic", lambda: next(times))
    guard = MemoryGuard(1 << 50)
    for now_s, due_s in ((100.0, 100.5), (100.4, 100.5), (100.5, 104.5)):
        assert guard.look(now_s, [1]) == []
        assert guard.due_s == pytest.approx(due_s)


def test_a_number_that_another_process_has_by_now_is_looked_at_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stat = memory_guard._Stat  # pyright: ignore[reportPrivateUsage]
    processes = {1: stat(0, 1, 0), 10: stat(1, 10, 5), 11: stat(1, 1, 500)}
    asked: list[int] = []

    def proportional(pid: int) -> int:
        return processes[pid].size

    def look_up(pid: int) -> object:
        asked.append(pid)
        return processes.get(pid)

    monkeypatch.setattr(memory_guard, "_pids", lambda: iter(processes))
    monkeypatch.setattr(memory_guard, "_stat", look_up)
    monkeypatch.setattr(memory_guard, "_proportional", proportional)
    guard = MemoryGuard(100)
    assert guard.look(1.0, [10]) == []
    asked.clear()
    assert guard.look(2.0, [10]) == []
    # Strangers are not looked at each time; this one becomes a child of the worker's.
    assert asked == [10]
    processes[11] = stat(10, 11, 500)
    found = [guard.look(float(at), [10]) for at in range(3, 12)]
    assert [taken.size for taken in found[-1]] == [505]

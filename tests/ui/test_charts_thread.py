"""The thread that draws: one job at a time, the latest of each key, and no job after the end."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from tests.waiting import DEADLINE_S, wait_until

from hptui.ui.plots.charts_thread import ChartThread

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def charts() -> Generator[ChartThread]:
    thread = ChartThread()
    yield thread
    thread.stop()


class Gate:
    """A job that waits until it is let through."""

    def __init__(self) -> None:
        self.has_begun = threading.Event()
        self._is_open = threading.Event()

    def pass_through(self) -> str:
        self.has_begun.set()
        assert self._is_open.wait(DEADLINE_S)
        return "passed"

    def open(self) -> None:
        self._is_open.set()


def test_of_waiting_jobs_with_one_key_only_the_latest_is_done(charts: ChartThread):
    gate, done = Gate(), list[str]()
    charts.submit("gate", gate.pass_through, done.append)
    assert gate.has_begun.wait(DEADLINE_S)
    for number in range(5):
        charts.submit("chart", lambda number=number: f"chart {number}", done.append)
    charts.submit("other", lambda: "other", done.append)
    charts.submit("dropped", lambda: "dropped", done.append)
    charts.forget("dropped")
    gate.open()
    wait_until(lambda: len(done) == 3, "three results")
    assert done == ["passed", "chart 4", "other"]


def test_all_is_done_in_one_thread_that_is_not_the_callers(charts: ChartThread):
    threads: list[int] = []
    for key in range(3):
        charts.submit(key, threading.get_ident, threads.append)
    wait_until(lambda: len(threads) == 3, "three results")
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_a_job_that_fails_says_so_and_the_next_is_done(charts: ChartThread):
    said: list[str] = []

    def fail() -> str:
        raise ValueError("no chart")

    charts.submit(1, fail, said.append, lambda error: said.append(str(error)))
    charts.submit(2, fail, said.append)
    charts.submit(3, lambda: "a chart", said.append)
    wait_until(lambda: len(said) == 2, "two results")
    assert said == ["no chart", "a chart"]


def test_what_waits_at_the_end_is_dropped_and_the_last_job_is_done():
    charts, gate, done = ChartThread(), Gate(), list[str]()
    charts.submit("gate", gate.pass_through, done.append)
    assert gate.has_begun.wait(DEADLINE_S)
    charts.submit("chart", lambda: "chart", done.append)
    charts.stop(lambda: done.append("last"), timeout_s=0.0)
    gate.open()
    wait_until(lambda: "last" in done, "the last job")
    charts.submit("late", lambda: "late", done.append)
    charts.stop()
    assert done == ["passed", "last"]


def test_a_thread_that_never_drew_can_be_stopped():
    done: list[str] = []
    ChartThread().stop(lambda: done.append("last"))
    assert not done

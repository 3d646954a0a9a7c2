"""The views of a study of 100,000 trials: how soon they are drawn, and what the loop waits for.

`python -m tests.benchmarks.view_blocks [N_TRIALS]` prints the rows.
"""

from __future__ import annotations

import asyncio
import gc
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.open_study import N_TRIALS, STUDY, write_study_file

from hptui.figures.canvas.figure import Figure
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.application.settings import Settings
from hptui.ui.plots.history_plot import HistoryPlot
from hptui.ui.plots.view_plot import ViewPlot
from hptui.ui.plots.views import OVERVIEW, VIEW_OF_COMMAND, VIEWS, View
from hptui.ui.study.study_screen import StudyScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from textual.pilot import Pilot

SIZE = (160, 48)
TICK_S = 0.001
DEADLINE_S = 60.0
N_STEPS = 10
SETTLES_S = 1.0

Row = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class Block:
    """The longest time for which the loop could do nothing else, in milliseconds."""

    clock_ms: float
    """Also while other threads and programs had the processor."""
    own_ms: float
    """Of the loop's own work."""

    def __str__(self) -> str:
        return f"{self.clock_ms:.0f} ms, own work {self.own_ms:.0f} ms"


class Heartbeat:
    """A task that should run every millisecond, and remembers how late it was at worst."""

    def __init__(self) -> None:
        self.worst_s = 0.0
        self.worst_cpu_s = 0.0
        self._task = asyncio.create_task(self._beat())

    async def _beat(self) -> None:
        while True:
            began_s, cpu_s = time.perf_counter(), time.thread_time()
            await asyncio.sleep(TICK_S)
            self.worst_s = max(self.worst_s, time.perf_counter() - began_s - TICK_S)
            self.worst_cpu_s = max(self.worst_cpu_s, time.thread_time() - cpu_s)

    def stop(self) -> Block:
        """End it, and return the worst delay."""
        self._task.cancel()
        return Block(1000 * self.worst_s, 1000 * self.worst_cpu_s)


async def _until(condition: Callable[[], bool]) -> float:
    """Wait for a condition and return how long that took."""
    began_s = time.perf_counter()
    while not condition():
        if time.perf_counter() - began_s > DEADLINE_S:
            raise TimeoutError
        await asyncio.sleep(TICK_S)
    return time.perf_counter() - began_s


async def _measure(path: Path, n_trials: int) -> list[Row]:
    # As the terminal's `hptui` starts: the application then says when garbage is collected.
    gc.collect()
    gc.disable()
    app = HptuiApp(
        OpenPlace(None, path, None), settings=Settings(), home=lambda: StudyScreen(path, STUDY)
    )
    rows: list[Row] = []
    async with app.run_test(size=SIZE) as pilot:
        screen = app.screen
        assert isinstance(screen, StudyScreen)
        beat = Heartbeat()
        took_s = await _until(lambda: screen.snapshot.n_trials == n_trials)
        await _until(lambda: screen.query_one(HistoryPlot).drawn is not None)
        rows.append(_row("opening", n_trials, took_s, beat.stop()))
        await pilot.pause(SETTLES_S)
        beat = Heartbeat()
        await asyncio.sleep(SETTLES_S)
        rows.append(_row("nothing", n_trials, SETTLES_S, beat.stop()))
        for view in VIEWS:
            for kind in view.kinds_for(1):
                rows.append(await _show(pilot, screen, view, kind.name, n_trials))
        await pilot.press("slash", *"x0<5", "enter")
        screen.plots.show_view(OVERVIEW)
        rows.append(
            await _show(
                pilot, screen, VIEW_OF_COMMAND["view-timeline"], "filtered timeline", n_trials
            )
        )
    return rows


async def _show(
    pilot: Pilot[Any], screen: StudyScreen, view: View, kind: str, n_trials: int
) -> Row:
    """Show a view, go from trial to trial in it, and let that be marked."""
    plot = screen.query_one(ViewPlot)
    beat = Heartbeat()
    screen.plots.show_view(view)
    took_s = await _until(lambda: isinstance(plot.drawn, Figure))
    plot.focus()
    for _ in range(N_STEPS):
        await pilot.press("left")
    # The trial that the cursor has come to is marked a moment later.
    await asyncio.sleep(SETTLES_S)
    return _row(kind, n_trials, took_s, beat.stop())


def _row(what: str, n_trials: int, took_s: float, block: Block) -> Row:
    return (
        f"(l) {what}, {n_trials:,} trials: till it is drawn; the loop's longest block meanwhile",
        "",
        f"{took_s:.2f} s; {block}",
        "(goal 0.5 s; 50 ms)",
    )


def rows(n_trials: int = N_TRIALS) -> Generator[Row]:
    """Yield for each view how long it took to be drawn, and the longest block meanwhile."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{STUDY}.db"
        write_study_file(path, n_trials)
        yield from asyncio.run(_measure(path, n_trials))


if __name__ == "__main__":
    for row in rows(int(sys.argv[1]) if len(sys.argv) > 1 else N_TRIALS):
        print("| " + " | ".join(row) + " |", flush=True)

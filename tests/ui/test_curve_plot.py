"""The plot of intermediate values on the screen, fed from real files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.storage.study_file import StudyFile
from tests.ui.showing import run, screen_text, until
from textual.screen import Screen

from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.plots.curve_plot import CurvePlot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from textual.app import ComposeResult
    from textual.pilot import Pilot


class PlotScreen(Screen[None]):
    def compose(self) -> ComposeResult:
        yield CurvePlot()


def show(
    scenario: Callable[[Pilot[Any], CurvePlot], Awaitable[None]],
    *,
    size: tuple[int, int] = (80, 24),
) -> None:
    async def whole(pilot: Pilot[Any]) -> None:
        await scenario(pilot, pilot.app.screen.query_one(CurvePlot))

    run(HptuiApp(OpenPlace(None, None, None), home=PlotScreen), whole, size=size)


def shows(pilot: Pilot[Any], text: str) -> Callable[[], bool]:
    return lambda: text in screen_text(pilot.app)


def test_the_curve_of_a_trial_is_read_and_follows_it(tmp_path: Path):
    path = tmp_path / "study.db"
    with StudyFile(path) as file:
        file.add_study()
        file.add_trial(1.0, reports={0: 0.5, 1: 0.4})
        running = file.add_trial(None, state="RUNNING", reports={0: 0.75})

        async def scenario(pilot: Pilot[Any], plot: CurvePlot) -> None:
            plot.show(path, "study", 1, 1)
            await until(pilot, shows(pilot, "#1   0.75 at step 0   ⠒ median of 1 complete"))
            file.run(
                "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, "
                "intermediate_value_type) VALUES (?, 1, 0.625, 'FINITE')",
                running,
            )
            plot.show(path, "study", 1, 2)
            await until(pilot, shows(pilot, "#1   0.625 at step 1"))
            plot.show(path, "study", 1, 2, is_log=True)
            await until(pilot, shows(pilot, "log axis"))
            plot.show(path, "study", 0, 2)
            await until(pilot, shows(pilot, "#0   0.4 at step 1"))
            plot.clear()
            await until(pilot, shows(pilot, "No trial is selected."))

        show(scenario)


def test_where_the_trial_is_pruned_follows_the_study(tmp_path: Path):
    path = tmp_path / "study.db"
    with StudyFile(path) as file:
        file.add_study(hptui_runs=[{"id": "1", "pruner": "median:n_startup_trials=2"}])
        file.add_trial(1.0, reports={0: 0.5, 1: 0.4})
        file.add_trial(None, state="RUNNING", reports={0: 0.75, 1: 0.45})

        async def scenario(pilot: Pilot[Any], plot: CurvePlot) -> None:
            plot.show(path, "study", 1, 1)
            await until(pilot, shows(pilot, "no threshold: 1 of 2 complete"))
            file.add_trial(1.0, reports={0: 0.7, 1: 0.6})
            plot.show(path, "study", 1, 2)
            await until(pilot, shows(pilot, "⠒ pruned above: median"))
            plot.show(path, "study", 0, 2)
            await until(pilot, shows(pilot, "no threshold: 1 of 2 complete"))

        show(scenario, size=(100, 24))


def test_what_cannot_be_read_is_said_and_tried_again(tmp_path: Path):
    path = tmp_path / "st\x1bdy.db"

    async def scenario(pilot: Pilot[Any], plot: CurvePlot) -> None:
        plot.show(path, "study", 0, 1)
        await until(pilot, shows(pilot, r"st\x1bdy.db cannot be read"))
        with StudyFile(path) as file:
            file.add_study()
            file.add_trial(1.0, reports={0: 0.5})
        plot.show(path, "study", 0, 1)
        await until(pilot, shows(pilot, "#0   0.5 at step 0"))
        path.unlink()
        plot.show(path, "study", 0, 2)
        plot.show(path, "study", 1, 2)
        await until(pilot, shows(pilot, "cannot be read"))

    show(scenario)

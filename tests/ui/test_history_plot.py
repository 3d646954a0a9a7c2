"""The history on the screen: drawn in its thread, in the theme's colours, and clickable."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.ui.showing import run, screen_text, until
from tests.ui.snapshots import snapshot_of
from textual.screen import Screen

from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING
from hptui.figures.canvas.figure import Figure
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.plots.history_plot import HistoryPlot

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual.app import ComposeResult
    from textual.pilot import Pilot

    from hptui.figures.canvas.picture import Look

VALUES = [4.0, 3.0, 3.5, 2.0, 2.5, 3.2]
STATES = [COMPLETE, COMPLETE, PRUNED, COMPLETE, COMPLETE, RUNNING]


class PlotScreen(Screen[None]):
    def __init__(self) -> None:
        super().__init__()
        self.picked: list[int] = []

    def compose(self) -> ComposeResult:
        yield HistoryPlot()

    def on_trial_plot_trial_picked(self, message: HistoryPlot.TrialPicked) -> None:
        self.picked.append(message.number)


def app_of(*, has_unicode: bool = True) -> HptuiApp:
    return HptuiApp(OpenPlace(None, None, None), home=PlotScreen, has_unicode=has_unicode)


def plot_of(pilot: Pilot[Any]) -> HistoryPlot:
    return pilot.app.screen.query_one(HistoryPlot)


def shows(pilot: Pilot[Any], text: str) -> Callable[[], bool]:
    return lambda: text in screen_text(pilot.app)


def test_a_snapshot_is_drawn_and_drawn_again_in_another_size():
    async def scenario(pilot: Pilot[Any]) -> None:
        plot_of(pilot).show(snapshot_of(VALUES, STATES))
        await until(pilot, shows(pilot, "★ 2 #3   ⠛ 4 complete   · 1 pruned   ● 1 running"))
        await pilot.resize_terminal(120, 40)
        wide = screen_text(pilot.app)
        await until(pilot, lambda: max(map(len, screen_text(pilot.app).split("\n"))) == 120, wide)

    run(app_of(), scenario)


def test_the_theme_colours_the_chart():
    async def scenario(pilot: Pilot[Any]) -> None:
        plot = plot_of(pilot)
        plot.show(snapshot_of(VALUES, STATES))
        await until(pilot, shows(pilot, "★"))
        colours: list[str] = []
        for theme in ("hptui-dark", "hptui-light", "hptui-colour-blind", "ansi-light"):
            pilot.app.theme = theme
            await pilot.pause()
            row = next(y for y in range(24) if "★" in plot.render_line(y).text)
            segment = next(part for part in plot.render_line(row) if "★" in part.text)
            assert segment.style is not None
            colours.append(str(segment.style.color))
        assert len(set(colours)) == 4

    run(app_of(), scenario)


def test_a_click_picks_the_nearest_trial():
    async def scenario(pilot: Pilot[Any]) -> None:
        plot = plot_of(pilot)
        plot.show(snapshot_of(VALUES, STATES))
        await until(pilot, shows(pilot, "★"))
        lines = [plot.render_line(y).text for y in range(24)]
        row = next(y for y, line in enumerate(lines) if "★" in line)
        await pilot.click(HistoryPlot, offset=(lines[row].index("★"), row))
        await pilot.click(HistoryPlot, offset=(0, 0))
        assert isinstance(pilot.app.screen, PlotScreen)
        assert pilot.app.screen.picked == [3]

    run(app_of(), scenario)


def test_the_same_snapshot_is_not_drawn_twice():
    async def scenario(pilot: Pilot[Any]) -> None:
        plot, snapshot = plot_of(pilot), snapshot_of(VALUES, STATES)
        plot.show(snapshot)
        await until(pilot, shows(pilot, "★"))
        drawn = plot.drawn
        plot.show(replace(snapshot, read_at_s=99.0))
        await pilot.pause()
        assert plot.drawn is drawn
        plot.mark(1, "")
        plot.show(snapshot)
        await until(pilot, shows(pilot, "◆"))
        plot.show(snapshot, window=(1, 3))
        await until(pilot, shows(pilot, "2 complete"))
        plot.show(snapshot, is_log=True, target=1.5)
        await until(pilot, shows(pilot, "log axis"))
        assert "target 1.5" in screen_text(pilot.app)

    run(app_of(), scenario)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"loading": (2000, 100_000)}, "Reading the trials: 2000 of 100000."),
        ({"trouble": "The file is \x1b[31mgone[b]."}, r"The file is \x1b[31mgone[b]."),
        ({}, "Reading the study."),
    ],
)
def test_before_there_are_trials_a_sentence_says_what_goes_on(
    changes: dict[str, Any], expected: str
):
    from hptui.ui.study.snapshot import StudySnapshot

    async def scenario(pilot: Pilot[Any]) -> None:
        plot_of(pilot).show(StudySnapshot(Path("study.db"), "study", **changes))
        await until(pilot, shows(pilot, expected))

    run(app_of(), scenario)


def test_only_failed_trials_get_a_sentence():
    async def scenario(pilot: Pilot[Any]) -> None:
        plot_of(pilot).show(snapshot_of([1.0, 2.0], [FAIL, FAIL]))
        await until(pilot, shows(pilot, "No trial has completed: 2 failed."))

    run(app_of(), scenario)


def test_several_objectives_are_told():
    async def scenario(pilot: Pilot[Any]) -> None:
        snapshot = snapshot_of(VALUES, STATES)
        two = replace(snapshot.trials, directions=("minimize", "maximize"))
        plot_of(pilot).show(replace(snapshot, trials=two))
        await until(pilot, shows(pilot, "value 0, 2 objectives"))

    run(app_of(), scenario)


def test_a_terminal_without_unicode_gets_ascii():
    async def scenario(pilot: Pilot[Any]) -> None:
        plot_of(pilot).show(snapshot_of(VALUES, STATES))
        await until(pilot, shows(pilot, "* 2 #3"))
        drawn = plot_of(pilot).drawn
        assert isinstance(drawn, Figure)
        assert drawn.picture.plain().isascii()

    run(app_of(has_unicode=False), scenario)


def test_a_chart_that_cannot_be_drawn_says_so():
    def draw(width: int, height: int, look: Look) -> Figure:
        raise ValueError("bad \x1b[2J chart")

    async def scenario(pilot: Pilot[Any]) -> None:
        plot_of(pilot).show_chart(draw)
        await until(pilot, shows(pilot, r"The chart cannot be drawn: bad \x1b[2J chart"))

    run(app_of(), scenario)

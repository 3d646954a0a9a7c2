"""A figure that takes seconds is not computed anew with every trial, and not for nobody."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.ui.showing import run, screen_text, until
from tests.ui.snapshots import snapshot_of
from tests.waiting import DEADLINE_S, POLL_S
from textual.screen import Screen

from hptui.figures.canvas.figure import Figure
from hptui.figures.kinds import KINDS
from hptui.figures.request import Frame, TitledFigure
from hptui.ui.application.app import HptuiApp
from hptui.ui.application.place import OpenPlace
from hptui.ui.plots.shown_trials import ShownTrials
from hptui.ui.plots.view_options import ViewOptions
from hptui.ui.plots.view_plot import ViewPlot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from textual.app import ComposeResult
    from textual.pilot import Pilot

    from hptui.figures.request import FigureRequest

DEAR = KINDS["importance"]


class Computing:
    """Stands for the module of the figure: counts, and goes on where it is let."""

    def __init__(self) -> None:
        self.n_begun = 0
        self.n_ended = 0
        self.may_end = threading.Event()
        self.may_end.set()

    def figures_of(self, request: FigureRequest) -> Iterator[TitledFigure]:
        self.n_begun += 1
        number = self.n_begun
        while not self.may_end.wait(POLL_S):
            request.tell(f"step of {number}")
        self.n_ended += 1
        sentence = f"figure {number} of {len(request.study.trials.numbers)}"

        def draw(frame: Frame) -> Figure:
            return Figure.saying(sentence, frame.width, frame.height)

        yield TitledFigure("dear", draw)


@pytest.fixture
def computing(monkeypatch: pytest.MonkeyPatch) -> Computing:
    found = Computing()

    def module(_name: str) -> Computing:
        return found

    monkeypatch.setattr("hptui.figures.kinds.import_module", module)
    return found


class PlotScreen(Screen[None]):
    def compose(self) -> ComposeResult:
        yield ViewPlot()


def app() -> HptuiApp:
    return HptuiApp(OpenPlace(None, None, None), home=PlotScreen)


def shown(
    n_trials: int, revision: int, *, only: int | None = None, filter_text: str = ""
) -> ShownTrials:
    is_chosen = None if only is None else np.arange(n_trials) < only
    numbers = np.arange(n_trials)
    snapshot = snapshot_of([1.0] * n_trials, revision=revision)
    trials = replace(snapshot.trials, starts_s=numbers / 1, completes_s=numbers / 1)
    return ShownTrials(replace(snapshot, trials=trials), is_chosen, filter_text)


async def sees(pilot: Pilot[Any], text: str) -> None:
    await until(pilot, lambda: text in screen_text(pilot.app), text)


async def rests(pilot: Pilot[Any], plot: ViewPlot) -> None:
    """Wait until no figure is being computed."""
    thread = plot._threads[DEAR.name]  # pyright: ignore[reportPrivateUsage]
    done = threading.Event()
    thread.submit("probe", done.set, lambda _: None)
    await until(pilot, done.is_set, "the end of the computation")


def test_new_trials_wait_and_other_choices_do_not(
    computing: Computing, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hptui.ui.plots.view_plot._PAUSE_S", 10 * DEADLINE_S)

    async def scenario(pilot: Pilot[Any]) -> None:
        plot = pilot.app.screen.query_one(ViewPlot)
        plot.show(shown(3, 1), DEAR, ViewOptions())
        await sees(pilot, "figure 1 of 3")
        plot.show(shown(4, 2), DEAR, ViewOptions())
        plot.show(shown(3, 1, only=2), DEAR, ViewOptions())
        await sees(pilot, "figure 2 of 2")
        plot.show(shown(3, 1, only=2), DEAR, ViewOptions(evaluator="mdi"))
        await sees(pilot, "figure 3 of 2")
        monkeypatch.setattr("hptui.ui.plots.view_plot._PAUSE_S", 0.0)
        monkeypatch.setattr("hptui.ui.plots.view_plot._PAUSES", 0.0)
        plot.show(shown(3, 1, only=1), DEAR, ViewOptions(evaluator="mdi"))
        await sees(pilot, "figure 4 of 1")
        plot.show(shown(5, 3), DEAR, ViewOptions(evaluator="mdi"))
        await sees(pilot, "figure 5 of 5")

    run(app(), scenario)
    assert computing.n_begun == 5


def test_another_filter_of_a_study_that_goes_on_is_not_made_to_wait(computing: Computing):
    async def scenario(pilot: Pilot[Any]) -> None:
        plot = pilot.app.screen.query_one(ViewPlot)
        plot.show(shown(3, 1), DEAR, ViewOptions())
        await sees(pilot, "figure 1 of 3")
        plot.show(shown(5, 2, only=4, filter_text="lr<4"), DEAR, ViewOptions())
        await sees(pilot, "figure 2 of 4")
        computing.may_end.clear()
        plot.show(shown(5, 2, only=3, filter_text="lr<3"), DEAR, ViewOptions())
        await sees(pilot, "step of 3")
        plot.show(shown(6, 3, only=2, filter_text="lr<2"), DEAR, ViewOptions())
        await sees(pilot, "step of 4")
        computing.may_end.set()
        await sees(pilot, "figure 4 of 2")

    run(app(), scenario)
    assert (computing.n_begun, computing.n_ended) == (4, 3)


def test_newer_trials_are_not_judged_while_nobody_looks(
    computing: Computing, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("hptui.ui.plots.view_plot._PAUSE_S", 0.0)
    monkeypatch.setattr("hptui.ui.plots.view_plot._PAUSES", 0.0)

    async def scenario(pilot: Pilot[Any]) -> None:
        plot = pilot.app.screen.query_one(ViewPlot)
        plot.show(shown(3, 1), DEAR, ViewOptions())
        await sees(pilot, "figure 1 of 3")
        computing.may_end.clear()
        plot.show(shown(5, 2), DEAR, ViewOptions())
        await until(pilot, lambda: computing.n_begun == 2, "the second computation")
        plot.rest()
        await rests(pilot, plot)
        assert computing.n_ended == 1
        computing.may_end.set()
        plot.show(shown(5, 2), DEAR, ViewOptions())
        await sees(pilot, "figure 3 of 5")

    run(app(), scenario)


def test_what_nobody_waits_for_is_ended_and_begun_again_when_it_is_wanted(computing: Computing):
    async def scenario(pilot: Pilot[Any]) -> None:
        plot = pilot.app.screen.query_one(ViewPlot)
        computing.may_end.clear()
        plot.show(shown(3, 1), DEAR, ViewOptions())
        await sees(pilot, "step of 1")
        plot.rest()
        await rests(pilot, plot)
        assert (computing.n_begun, computing.n_ended) == (1, 0)
        plot.show(shown(3, 1), DEAR, ViewOptions())
        await sees(pilot, "step of 2")
        computing.may_end.set()
        await sees(pilot, "figure 2 of 3")
        # A figure that is there stays while another view is shown.
        plot.rest()
        plot.show(shown(3, 1), DEAR, ViewOptions())
        await pilot.pause()
        assert computing.n_begun == 2

    run(app(), scenario)
    assert computing.n_ended == 1

"""Nothing that a study, an objective or a log holds is obeyed by a terminal, or read as markup.

The journeys lead through all screens, dialogs and widgets; one that is not shown by any is named.
"""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import importlib
import pkgutil
import signal
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Final, cast

import pytest
from tests.e2e.programs import finish, start, wait_until
from tests.ui.driving import drive
from tests.ui.hostile_journeys import JOURNEYS, OBJECTIVES, Places
from tests.ui.hostile_studies import MARK, build_hostile_study, build_wide_study
from textual.screen import Screen
from textual.widget import Widget

import hptui.ui
from hptui.ui.application.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Generator

    from hptui.ui.application.app import HptuiApp

pytestmark = pytest.mark.usefixtures("clones_programs")

LIVE_STUDY: Final = f"{MARK}[/b] [@click=app.exit]y[/] [/no] 🎉"
NO_DATA: Final = {
    "TooSmall": "the size of the terminal",
    "CommandFooter": "keys and names of commands",
    "HelpScreen": "keys and titles of commands",
    "RunForm": "what a person types about the run",
    "MethodForm": "names of samplers, pruners and their options",
    "StudiesHead": "the name of the folder that is open, and counts",
    "FirstStart": "the name of the folder that is open, and keys",
    "TabLine": "names of states, and counts",
    "WorkerStrip": "numbers of trials, steps and values",
    "FieldEditor": "what a person types",
    "FilterInput": "what a person types",
    "CurvePlot": "numbers",
    "HistoryPlot": "numbers",
    "Plot": "numbers",
    "PlotArea": "numbers",
}
"""What shows nothing from a study, an objective or a log, and what it does show."""


@dataclass
class Seen:
    """What came into sight on a journey."""

    shown: set[type[Any]] = field(default_factory=set[type[Any]])
    marked: set[type[Any]] = field(default_factory=set[type[Any]])
    """Of these, which had a text of the study in them, letter by letter."""
    frame: object = None

    def look(self, app: HptuiApp) -> None:
        """Look at what is on the screen now; whether it is safe to show, `drive` has checked."""
        if self.frame == (app.screen, app.n_frames):
            return
        self.frame = (app.screen, app.n_frames)
        screen = app.screen
        strips = screen._compositor.render_strips()
        for widget in (screen, *screen.walk_children(Widget)):
            if type(widget) in self.marked or not widget.display:
                continue
            region = screen.region if widget is screen else widget.region
            region = region.intersection(screen.region)
            if not region.area:
                continue
            # A base class is shown where a subclass is.
            self.shown.update(type(widget).__mro__)
            rows = strips[region.y : region.bottom]
            if any(MARK in strip.crop(region.x, region.right).text for strip in rows):
                self.marked.update(type(widget).__mro__)


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Generator[Places]:
    """Hostile studies, of which an engine runs one."""
    folder = tmp_path_factory.mktemp("hostile")
    live = tmp_path_factory.mktemp("live") / "live.db"
    file, study = build_hostile_study(folder)
    options = ["--study", LIVE_STUDY, "--storage", str(live), "--jobs", "2", "--trials", "9"]
    engine = start("run", f"{OBJECTIVES}:hostile", *options, cwd=live.parent)
    try:
        yield Places(folder, file, study, build_wide_study(folder), live, LIVE_STUDY)
    finally:
        (live.parent / "go").touch()
        engine.send_signal(signal.SIGINT)
        finish(engine)


@pytest.fixture(autouse=True)
def _studies(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction]
    monkeypatch.setenv("HPTUI_STUDIES", str(places.folder))
    monkeypatch.chdir(places.folder)


@cache
def seen_on(name: str, places: Places) -> Seen:
    """Go on a journey, once, and return what was seen."""
    journey = JOURNEYS[name]
    if journey.is_live:
        wait_until(lambda: (places.live.parent / "started-2").exists(), "the third trial")
    seen = Seen()
    drive(
        journey.script,
        size=journey.size,
        settings=Settings(),
        home=lambda: journey.home(places),
        observe=seen.look,
    )
    return seen


@pytest.mark.parametrize("name", JOURNEYS)
def test_what_is_hostile_is_shown_as_text(name: str, places: Places) -> None:
    assert seen_on(name, places).shown


def classes_in(package: Any) -> set[type[Any]]:
    """Return the screens and widgets that the modules of a package define."""
    found: set[type[Any]] = set()
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for each in vars(importlib.import_module(module.name)).values():
            is_own = isinstance(each, type) and each.__module__ == module.name
            if is_own and issubclass(each, (Screen, Widget)):
                found.add(cast("type[Any]", each))
    return found


def test_every_screen_and_widget_has_been_shown_with_hostile_texts(places: Places) -> None:
    journeys = [seen_on(name, places) for name in JOURNEYS]
    shown = set[type[Any]]().union(*(seen.shown for seen in journeys))
    marked = set[type[Any]]().union(*(seen.marked for seen in journeys))
    classes = classes_in(hptui.ui)
    missing = {each.__name__ for each in classes - shown} - set(NO_DATA)
    assert missing == set(), (
        "not shown by any journey of tests/ui/hostile_journeys.py: add the steps that show it"
    )
    unmarked = {each.__name__ for each in classes - marked} - set(NO_DATA)
    assert unmarked == set(), (
        "shown, but no text of a hostile study was in it: let a journey put one there, or say in "
        "NO_DATA what it shows instead"
    )

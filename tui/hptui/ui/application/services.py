"""What screens and widgets may ask of the application, whose own module none of them imports.

`app = getters.app(ServingApp)` in the body of a screen's or widget's class tells the type checker
that `self.app.services` is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

from textual.app import App

from hptui.ui.application.source_followers import SourceFollowers
from hptui.ui.commands.command_table import keys_by_default
from hptui.ui.commands.key_names import key_text
from hptui.ui.look.marks import mark_of, state_role
from hptui.ui.look.themes import rich_colour

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from textual.screen import Screen
    from textual.worker import Worker

    from hptui.domain.objective import ObjectiveRef
    from hptui.figures.canvas.picture import Look
    from hptui.ui.application.place import OpenPlace
    from hptui.ui.application.settings import Settings
    from hptui.ui.commands.command_table import Command
    from hptui.ui.plots.charts_thread import ChartThread
    from hptui.ui.setup.setup_sources import StudyAddress

    Neighbour = Callable[[int, int], int | None]
    """Returns the trial that stands so many rows after one; None beyond the ends."""


class Screens(Protocol):
    """Makes the screens that others open; nothing is imported before it is wanted."""

    def studies(self) -> Screen[None]:
        """Return the list of studies."""
        ...

    def study(self, path: Path, study_name: str) -> Screen[None]:
        """Return the screen of a study."""
        ...

    def trial(
        self, path: Path, study_name: str, number: int, *, neighbour: Neighbour
    ) -> Screen[None]:
        """Return the screen of a trial; `neighbour` says which trials stand beside it."""
        ...

    def setup(
        self, ref: ObjectiveRef | None = None, study: StudyAddress | None = None
    ) -> Screen[None]:
        """Return the form of a new study, or of the next run of one that is there."""
        ...

    def comparison(self, places: Sequence[tuple[Path, str]]) -> Screen[None]:
        """Return several studies side by side: the file and the name of each."""
        ...


@dataclass
class AppServices:
    """Settings, looks, keys, other screens, and the thread that draws charts."""

    place: OpenPlace
    """What is open."""
    settings: Settings
    unicode: bool
    """Whether the terminal shows more than ASCII."""
    has_ramp: Callable[[], bool]
    """Says whether the terminal, in this theme, can tell the colours of a ramp apart."""
    set_title: Callable[[str], None]
    """Shows a title for the terminal's window; an empty one restores what was there."""
    set_progress: Callable[[str], None]
    """Shows a progress in the taskbar, in OSC 9;4's numbers; none takes it away."""
    write: Callable[[str], None]
    """Sends control characters to the terminal; what is not a terminal gets none."""
    screens: Screens
    quit: Callable[[], None]
    """Leaves the application; asks where a study runs that a screen shows."""
    tell_failed_work: Callable[[Worker.StateChanged], bool]
    """Tells of a defect that has ended a worker, and says whether one has."""
    untouched_s: Callable[[], float]
    """Says how long no key and no mouse has been used."""
    looked_at: tuple[Path, str] | None = None
    """File and name of the study that was shown last, till a list has its cursor on it."""
    followers: SourceFollowers = field(default_factory=SourceFollowers)
    """What keeps mirrors in step while the application is open."""
    theme_variables: dict[str, str] = field(default_factory=dict[str, str])
    """Those of the theme in force."""

    @cached_property
    def charts(self) -> ChartThread:
        """The thread that draws, started when it is first wanted."""
        from hptui.ui.plots.charts_thread import ChartThread

        return ChartThread()

    @property
    def look(self) -> Look:
        """What charts can show."""
        from hptui.figures.canvas.picture import Look

        return Look(self.settings.glyphs if self.unicode else "ascii", self.has_ramp())

    def stop(self) -> None:
        """End the drawing thread, if it was wanted, and what follows sources."""
        self.followers.stop()
        if "charts" in self.__dict__:
            self.charts.stop()

    def colour(self, variable: str) -> str:
        """Return a theme variable's colour as `rich.text.Text` takes it."""
        return rich_colour(self.theme_variables[variable])

    def state_style(self, state: str) -> str:
        """Return the theme's colour for a trial's state, for `best` or for `infeasible`."""
        return self.colour(f"state-{state_role(state)}")

    def mark(self, state: str) -> str:
        """Return the mark of a trial's state, of `best`, `infeasible` or `study-<state>`."""
        return mark_of(state, has_unicode=self.unicode)

    def keys_of(self, command: Command) -> tuple[str, ...]:
        """Return the keys of a command: those of the settings, or else its own."""
        return self.settings.keys.get(command.id, command.keys)

    def first_key_of(self, command_id: str) -> str:
        """Return the first key of a command as people write it."""
        keys = self.settings.keys.get(command_id) or keys_by_default(command_id)
        return key_text(keys[0])


class ServingApp(App[int], inherit_bindings=False):
    """An application with services; they are there before anything of Textual's is."""

    services: AppServices

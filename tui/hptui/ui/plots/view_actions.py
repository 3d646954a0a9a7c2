"""What the plots of the study screen can be told to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual.widget import Widget

from hptui.domain.study_name import file_name_for
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.figures.canvas.picture import ASCII, FINE
from hptui.figures.picture_file import TitledPicture, picture_form, write_pictures
from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.application.ui_state import remember, remembered
from hptui.ui.forms.file_dialog import FileDialog, FilePlace
from hptui.ui.plots.plot import Plot
from hptui.ui.plots.plot_area import PlotArea
from hptui.ui.plots.view_choices import ViewChoices, choices_for
from hptui.ui.plots.views import OVERVIEW, VIEW_OF_COMMAND, View
from hptui.ui.trial.trial_side import TrialSide
from hptui.ui.trials.trial_table import TrialTable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.commands.command_table import Command
    from hptui.ui.plots.view_options import ViewOptions
    from hptui.ui.study.snapshot import StudySnapshot

_LEAST_WIDTH = 100
"""Cells of a terminal from which there is room for a column beside the table."""
_OVERVIEW_ONLY = ("curve", "zoom-in", "zoom-out")


class ViewActions(ScreenPart):
    """The commands of the plots of a study.

    Args:
        screen: The screen.
        snapshot: Returns the study as it is now.
    """

    def __init__(self, screen: CommandScreen[None], snapshot: Callable[[], StudySnapshot]) -> None:
        self._screen, self._snapshot = screen, snapshot

    @property
    def _plots(self) -> PlotArea:
        return self._screen.query_one(PlotArea)

    def disabled_reason(self, command_id: str) -> str | None:
        """Return why a command of the plots cannot be given now; None where it can."""
        view = VIEW_OF_COMMAND.get(command_id)
        if view is not None:
            return view.disabled_reason(len(self._snapshot().trials.directions))
        plots = self._plots
        if command_id in _OVERVIEW_ONLY and plots.kind is not None:
            key = self._screen.app.services.first_key_of(OVERVIEW.command_id)
            return f"This is for the history; {key} shows it."
        if command_id == "detail" and self._screen.size.width < _LEAST_WIDTH:
            opens = self._screen.app.services.first_key_of("open-trial")
            return f"The detail column needs {_LEAST_WIDTH} columns; {opens} opens the trial."
        kind = plots.kind
        if command_id == "choose" and not self._choices():
            return "This view has no options."
        if command_id == "log-axis" and kind is not None and "log" not in kind.options:
            return f"The figure {kind.name} has no axis that can be logarithmic."
        return None

    def method_of(self, command: Command) -> Callable[[], object] | None:
        """Return what does a command; that of a view shows it."""
        view = VIEW_OF_COMMAND.get(command.id)
        return super().method_of(command) if view is None else partial(self._show_view, view)

    def _show_view(self, view: View) -> None:
        plots = self._plots
        is_plot_maximized = self._screen.maximized is plots.main_plot
        plots.show_view(view)
        if is_plot_maximized:
            self._screen.maximized = plots.main_plot
            plots.main_plot.focus()

    def do_log_axis(self) -> None:
        """Use a log axis, or a linear one, for the plot in focus, else for the view."""
        self._plots.toggle_log()

    def _choices(self) -> ViewChoices:
        plots = self._plots
        return choices_for(plots.kind, plots.snapshot, plots.options)

    def do_choose(self) -> None:
        """Ask which parameters and objectives the view shows, or from where it measures."""
        from hptui.ui.plots.choose_view import ViewChoicesDialog, ask_for_reference

        def take(options: ViewOptions | None) -> None:
            if options is not None:
                self._plots.options = options

        choices = self._choices()
        if choices.asks_only_for_reference:
            ask_for_reference(self._screen, choices, take)
        else:
            self._screen.app.push_screen(ViewChoicesDialog(choices), take)

    def arrange_as_before(self) -> None:
        """Give the panes the sizes that they had when the last study was looked at."""
        known = remembered(self._screen.PLACE)
        self._plots.take_arrangement(known)
        self._hide_detail(is_hidden=known.get("detail") is False)
        pane_id = known.get("full_screen")
        if pane_id in ("curve", "gauges"):
            pane_id = self._plots.second_plot.id
        panes = [each for each in self._screen.query(".pane") if each.id == pane_id]
        view = VIEW_OF_COMMAND.get(f"view-{known.get('view')}")
        if panes and view is not None:
            self._plots.show_view(view)
        if panes and view is not None and _is_in_sight(panes[0]):
            panes[0].focus()
            self._screen.maximized = panes[0]
        self._screen.watch(self._screen, "maximized", self._remember_full_screen, init=False)

    def _remember_full_screen(self) -> None:
        pane = self._screen.maximized
        remember(
            self._screen.PLACE,
            full_screen=None if pane is None else pane.id,
            view=self._plots.view.name,
        )

    def do_taller(self) -> None:
        """Make the plots taller, or the second plot wider where that has the focus."""
        self._grow(1)

    def do_lower(self) -> None:
        """Make the plots lower, or the second plot narrower where that has the focus."""
        self._grow(-1)

    def _grow(self, steps: int) -> None:
        self._plots.grow(steps)
        remember(self._screen.PLACE, **self._plots.arrangement)

    def do_write_view(self) -> None:
        """Ask for a file, and write the plot in focus to it, else that of the view."""
        focused = self._screen.focused
        plot = focused if isinstance(focused, Plot) else self._plots.main_plot
        if plot.drawn is None:
            self._screen.notify("Nothing is drawn yet.")
            return
        kind = self._plots.kind
        study_name = self._snapshot().name
        name = f"{study_name}-{OVERVIEW.name if kind is None else kind.name}"
        title, picture = safe_line(f"{study_name}: {name}"), plot.drawn.picture
        colours, ground = plot.colours(), plot.ground

        def write(place: FilePlace | None) -> None:
            if place is None:
                return
            target, overwrite = place.target, place.is_replacing

            def work() -> str:
                drawn = picture
                if picture_form(target) == "txt":
                    # Text has no colours that could say what a ramp says on the screen.
                    drawn = plot.redrawn(FINE if self._screen.app.services.unicode else ASCII)
                shown = TitledPicture(title, drawn or picture)
                write_pictures(target, [shown], overwrite=overwrite, colours=colours, ground=ground)
                return f"Wrote {target.name} to {target.parent}."

            self._screen.tell_outcome_of(work)

        self._screen.app.push_screen(
            FileDialog(
                "Write the view",
                "A file that ends in .svg (a picture) or .txt (text).",
                file_name_for(name, ".svg"),
                _why_no_picture,
            ),
            write,
        )

    def do_zoom_in(self) -> None:
        """Show the later half of the history."""
        self._plots.zoom_in()

    def do_zoom_out(self) -> None:
        """Show twice as much of the history."""
        self._plots.zoom_out()

    def do_detail(self) -> None:
        """Show the column of the trial under the cursor, or hide it, and remember that."""
        is_hidden = not self._screen.query_one(TrialSide).has_class("-hidden")
        self._hide_detail(is_hidden=is_hidden)
        remember(self._screen.PLACE, detail=not is_hidden)

    def _hide_detail(self, *, is_hidden: bool) -> None:
        side = self._screen.query_one(TrialSide)
        side.set_class(is_hidden, "-hidden")
        if is_hidden and side.has_focus_within:
            self._screen.query_one(TrialTable).focus_table()
        self._settle_later()

    def _settle_later(self) -> None:
        """Show the trial under the cursor again, once panes have come or gone."""
        self._screen.call_after_refresh(self._plots.follow, self._plots.selected)

    def do_curve(self) -> None:
        """Show the second plot, or hide it; on a narrow screen it takes the place of the first."""
        self._screen.toggle_class("-curve-toggled")
        self._settle_later()


def _is_in_sight(pane: Widget) -> bool:
    """Say whether a pane has a place at this size of the terminal.

    That all of them are hidden until the study has been read does not count.
    """
    nodes = pane.ancestors_with_self
    return all(node.display for node in nodes if isinstance(node, Widget) and node.id != "body")


def _why_no_picture(target: Path) -> str:
    try:
        picture_form(target)
    except HptuiError as error:
        return error.hint
    return ""

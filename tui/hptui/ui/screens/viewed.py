"""What the plots of the study screen can be told to do."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.screen import ScreenResultType

from hptui.ui.data.view_choices import ViewChoices, choices_for
from hptui.ui.screens.steered import SteeredScreen
from hptui.ui.views import OVERVIEW, VIEW_OF_COMMAND
from hptui.ui.widgets.plot_area import PlotArea

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.commands import Command
    from hptui.ui.data.view_options import ViewOptions

_OVERVIEW_ONLY = ("curve", "zoom-in", "zoom-out")


class ViewedScreen(SteeredScreen[ScreenResultType]):
    """A screen with a `PlotArea`."""

    @property
    def plots(self) -> PlotArea:
        """The plots."""
        return self.query_one(PlotArea)

    def why_no_plot(self, command_id: str, n_objectives: int) -> str | None:
        """Return why a command of the plots cannot be given now; None where it can."""
        view = VIEW_OF_COMMAND.get(command_id)
        if view is not None:
            return view.why_not(n_objectives)
        plots = self.plots
        if command_id in _OVERVIEW_ONLY and plots.view is not OVERVIEW:
            return "This is for the overview; 1 shows it."
        kind = plots.kind
        if command_id == "choose" and not self._choices():
            return "There is nothing to choose for this view."
        if command_id == "log-axis" and kind is not None and "log" not in kind.options:
            return f"The figure {kind.name} has no axis that could be logarithmic."
        return None

    def _method(self, command: Command) -> Callable[[], object] | None:
        view = VIEW_OF_COMMAND.get(command.id)
        return super()._method(command) if view is None else partial(self.plots.show_view, view)

    @on(PlotArea.ViewChosen)
    async def show_clicked_view(self, message: PlotArea.ViewChosen) -> None:
        """Show the view whose name was clicked."""
        await self.run_command(message.view.command_id)

    def do_log_axis(self) -> None:
        """Use a log axis, or a linear one, for the plot in focus, else for the view."""
        self.plots.toggle_log()

    def _choices(self) -> ViewChoices:
        plots = self.plots
        return choices_for(plots.kind, plots.snapshot, plots.options)

    def do_choose(self) -> None:
        """Ask which parameters and objectives the view shows."""
        from hptui.ui.screens.view_choices import ViewChoicesDialog

        def take(options: ViewOptions | None) -> None:
            if options is not None:
                self.plots.options = options

        self.app.push_screen(ViewChoicesDialog(self._choices()), take)

    def do_zoom_in(self) -> None:
        """Show the later half of the history."""
        self.plots.zoom_in()

    def do_zoom_out(self) -> None:
        """Show twice as much of the history."""
        self.plots.zoom_out()

    def do_curve(self) -> None:
        """Show the second plot, or hide it; on a narrow screen it takes the place of the first."""
        self.toggle_class("-curve-toggled")

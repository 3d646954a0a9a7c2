"""What the plots of the study screen can be told to do."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual import on
from textual.message import Message
from textual.screen import ScreenResultType

from hptui.domain.text import safe_line
from hptui.errors import HptuiError
from hptui.figures.picture_file import TitledPicture, picture_form, write_pictures
from hptui.ui.application.ui_state import remember, remembered
from hptui.ui.dialogs.exporting import file_name_for, path_of
from hptui.ui.dialogs.questions import ChoiceDialog, TextDialog
from hptui.ui.plots.plot import Plot
from hptui.ui.plots.plot_area import PlotArea
from hptui.ui.plots.view_choices import ViewChoices, choices_for
from hptui.ui.plots.views import OVERVIEW, VIEW_OF_COMMAND, View
from hptui.ui.study.steered import SteeredScreen

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.ui.commands.command_table import Command
    from hptui.ui.plots.view_options import ViewOptions

_OVERVIEW_ONLY = ("curve", "zoom-in", "zoom-out")


class ViewedScreen(SteeredScreen[ScreenResultType]):
    """A screen with a `PlotArea`."""

    @dataclass
    class ViewWritten(Message):
        """A view was written to a file, or could not be."""

        text: str
        is_done: bool

    @property
    def plots(self) -> PlotArea:
        """The plots."""
        return self.query_one(PlotArea)

    def why_no_plot(self, command_id: str, n_objectives: int) -> str | None:
        """Return why a command of the plots cannot be given now; None where it can."""
        view = VIEW_OF_COMMAND.get(command_id)
        if view is not None:
            return view.disabled_reason(n_objectives)
        plots = self.plots
        if command_id in _OVERVIEW_ONLY and plots.view is not OVERVIEW:
            key = self.services.first_key_of(OVERVIEW.command_id)
            return f"This is for the overview; {key} shows it."
        kind = plots.kind
        if command_id == "choose" and not self._choices():
            return "This view has no options."
        if command_id == "log-axis" and kind is not None and "log" not in kind.options:
            return f"The figure {kind.name} has no axis that could be logarithmic."
        return None

    def _method(self, command: Command) -> Callable[[], object] | None:
        view = VIEW_OF_COMMAND.get(command.id)
        return super()._method(command) if view is None else partial(self._show_view, view)

    def _show_view(self, view: View) -> None:
        plots = self.plots
        is_plot_maximized = self.maximized is plots.main_plot
        plots.show_view(view)
        if is_plot_maximized:
            self.maximized = plots.main_plot
            plots.main_plot.focus()

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
        """Ask which parameters and objectives the view shows, or from where it measures."""
        from hptui.ui.plots.choose_view import ViewChoicesDialog, ask_for_reference

        def take(options: ViewOptions | None) -> None:
            if options is not None:
                self.plots.options = options

        choices = self._choices()
        if choices.asks_only_for_reference:
            ask_for_reference(self.app, choices, take)
        else:
            self.app.push_screen(ViewChoicesDialog(choices), take)

    def arrange_as_before(self) -> None:
        """Give the panes the sizes that they had when the last study was looked at."""
        known = remembered(self.PLACE)
        self.plots.take_arrangement(known)
        pane_id = known.get("full_screen")
        panes = [each for each in self.query(".pane") if each.id == pane_id]
        view = VIEW_OF_COMMAND.get(f"view-{known.get('view')}")
        if panes and view is not None:
            self.plots.show_view(view)
            panes[0].focus()
            self.maximized = panes[0]
        self.watch(self, "maximized", self._remember_full_screen, init=False)

    def _remember_full_screen(self) -> None:
        pane = self.maximized
        remember(
            self.PLACE, full_screen=None if pane is None else pane.id, view=self.plots.view.name
        )

    def do_taller(self) -> None:
        """Make the plots taller, or the second plot wider where that has the focus."""
        self._grow(1)

    def do_lower(self) -> None:
        """Make the plots lower, or the second plot narrower where that has the focus."""
        self._grow(-1)

    def _grow(self, steps: int) -> None:
        self.plots.grow(steps)
        remember(self.PLACE, **self.plots.arrangement)

    def do_write_view(self) -> None:
        """Ask for a file, and write the plot in focus to it, else that of the view."""
        focused = self.focused
        plot = focused if isinstance(focused, Plot) else self.plots.main_plot
        if plot.drawn is None:
            self.notify("Nothing is drawn yet.")
            return
        kind = self.plots.kind
        name = f"{self.study_name}-{OVERVIEW.name if kind is None else kind.name}"
        shown = TitledPicture(safe_line(f"{self.study_name}: {name}"), plot.drawn.picture)

        def ask_again(text: str | None) -> None:
            if text is None:
                return
            target = path_of(text)
            if not target.exists():
                self._write(target, shown, plot, overwrite=False)
                return

            def decide(choice: str | None) -> None:
                if choice:
                    self._write(target, shown, plot, overwrite=True)

            self.app.push_screen(
                ChoiceDialog(
                    f"Overwrite {target.name}?",
                    "The file already exists.",
                    (("o", "overwrite", "overwrite it"), ("n", "", "keep the old file")),
                ),
                decide,
            )

        self.app.push_screen(
            TextDialog(
                "Write the view",
                "A file that ends in .svg (a picture) or .txt (text).",
                file_name_for(name, ".svg"),
                _picture_file_problem,
            ),
            ask_again,
        )

    def _write(self, target: Path, shown: TitledPicture, plot: Plot, *, overwrite: bool) -> None:
        colours, ground = plot.colours(), plot.ground

        def work() -> None:
            try:
                write_pictures(target, [shown], overwrite=overwrite, colours=colours, ground=ground)
            except HptuiError as error:
                written = self.ViewWritten(f"{error.message}\n{error.hint}".rstrip(), False)
            else:
                written = self.ViewWritten(f"{target.name} is written, in {target.parent}.", True)
            self.post_message(written)

        self.run_worker(work, thread=True, exit_on_error=False)

    def on_viewed_screen_view_written(self, message: ViewWritten) -> None:
        """Say what came of a view that was to be written."""
        self.notify(message.text, severity="information" if message.is_done else "error")

    def do_zoom_in(self) -> None:
        """Show the later half of the history."""
        self.plots.zoom_in()

    def do_zoom_out(self) -> None:
        """Show twice as much of the history."""
        self.plots.zoom_out()

    def do_curve(self) -> None:
        """Show the second plot, or hide it; on a narrow screen it takes the place of the first."""
        self.toggle_class("-curve-toggled")


def _picture_file_problem(text: str) -> str | None:
    if not text.strip() or "\0" in text:
        return "Enter a file path."
    target = path_of(text)
    try:
        picture_form(target)
        if not target.parent.is_dir():
            return f"There is no folder {safe_line(target.parent)}."
        if target.is_dir():
            return f"{safe_line(target.name)} is a folder."
    except HptuiError as error:
        return error.hint
    except OSError as error:
        return f"That cannot be written: {error.strerror}."
    return None

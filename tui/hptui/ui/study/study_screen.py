"""A study as it goes on: header, history, the selected trial's curve, trials, workers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.containers import Horizontal
from textual.widgets import Static

from hptui.domain.texts.python_text import python_literal
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import escape_line
from hptui.ui.application.command_screen import CommandScreen, ShownRun
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.application.ui_state import remember, remembered
from hptui.ui.dialogs.annotating import Annotated
from hptui.ui.dialogs.note_actions import NoteActions
from hptui.ui.dialogs.questions import ChoiceDialog, TextDialog
from hptui.ui.plots.plot_area import PlotArea, PlotColumn
from hptui.ui.plots.trial_plot import TrialPlot
from hptui.ui.plots.view_actions import ViewActions
from hptui.ui.study.enqueue_draft import params_of
from hptui.ui.study.region_actions import RegionActions
from hptui.ui.study.run_end import run_end_lines
from hptui.ui.study.run_header import RunHeader
from hptui.ui.study.run_signs import RunSigns
from hptui.ui.study.run_summary import empty_face, notice, summarize_run
from hptui.ui.study.snapshot import StudySnapshot
from hptui.ui.study.steering import (
    change_workers,
    check_number_of_trials,
    check_number_or_none,
    plainly,
    toggle_pause,
)
from hptui.ui.study.steering_actions import SteeringActions
from hptui.ui.study.steering_rules import disabled_reason, label_now
from hptui.ui.study.study_exports import StudyExports
from hptui.ui.study.study_feed import StudyFeed
from hptui.ui.study.worker_strip import WorkerStrip
from hptui.ui.trial.pair_actions import PairActions
from hptui.ui.trial.trial_side import TrialSide
from hptui.ui.trials.filter_input import FilterInput
from hptui.ui.trials.table_arrangement import (
    ShownColumns,
    columns_as_before,
    remember_columns,
)
from hptui.ui.trials.trial_table import TrialTable
from hptui.ui.widgets.command_footer import CommandFooter
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from pathlib import Path

    from textual import events
    from textual.app import ComposeResult
    from textual.widget import Widget

    from hptui.ui.commands.command_table import Command, Place

_PERIOD_S: Final = 0.5
_CALM_AFTER_S: Final = 3.0
"""Without a key; what is only watched is drawn half as often, and costs the run half as much."""
_CALM_PERIOD_S: Final = 1.0
_WORKER_ROWS: Final = {"-short": 1, "-normal": 2, "-tall": 6}
_ALL_ROWS: Final = 12
"""Of workers, where a person wants to see what each loads."""


class StudyScreen(CommandScreen[None]):
    """A study, whoever runs it: an engine, another program, or nobody."""

    PLACE: ClassVar[Place] = "study"
    CSS_PATH = "../styles/study.tcss"

    @dataclass
    class SnapshotTaken(LatestMessage):
        """The study has been read anew."""

        snapshot: StudySnapshot

    def __init__(self, path: Path, study_name: str) -> None:
        super().__init__()
        self.path, self.study_name = path, study_name
        self.snapshot = StudySnapshot(path, study_name)
        self._feed = StudyFeed(path, study_name, self._post_snapshot, period_s=_PERIOD_S)
        self._views = ViewActions(self, lambda: self.snapshot)
        self._steering = SteeringActions(self, path, study_name, self._feed.nudge)
        self._notes = NoteActions(self, self._annotated, self._read_notes)
        exports = StudyExports(
            self,
            snapshot=lambda: self.snapshot,
            filter_text=lambda: self.query_one(TrialTable).meant,
            plots=lambda: self.plots,
        )
        self._regions = RegionActions(self, lambda: self.snapshot, self._steering, self._feed.nudge)
        pairs = PairActions(self, path, study_name, lambda: self.selected)
        self.parts = (self._views, self._steering, self._notes, exports, self._regions, pairs)
        self._signs: RunSigns | None = None
        self._picked: int | None = None
        """A trial under the cursor of a plot that the table does not show."""
        self._columns = ShownColumns()
        self._shows_loads = bool(remembered(self.PLACE).get("loads"))
        self._ended: tuple[str, ...] = ()
        self._face = ""
        self._notice = ""

    def _post_snapshot(self, snapshot: StudySnapshot) -> None:
        self.post_message(self.SnapshotTaken(snapshot))

    def compose(self) -> ComposeResult:
        has_unicode = self.app.services.unicode
        yield RunHeader(has_unicode=has_unicode)
        yield Static(id="notice")
        yield Static(id="ended")
        yield Static(id="face")
        with PlotColumn(id="body"):
            yield PlotArea(self.snapshot, id="plots")
            with Horizontal(id="lower"):
                yield TrialTable(id="trials", classes="pane")
                yield TrialSide(self.path, self.study_name, id="side")
            yield WorkerStrip(id="workers", classes="pane", has_unicode=has_unicode)
        yield CommandFooter()

    async def on_mount(self) -> None:
        self.query_one("#trials", TrialTable).border_title = pane_title("trials")
        self.query_one("#workers", WorkerStrip).border_title = pane_title("workers")
        self._columns = columns_as_before(self.path, self.study_name)
        self.query_one(TrialTable).columns = self._columns
        self._show(self.snapshot)
        self.query_one(TrialTable).focus_table()
        self.call_after_refresh(self._views.arrange_as_before)
        self._feed.start()
        self.set_interval(1.0, self._look_at_clock)

    def on_resize(self, event: events.Resize) -> None:
        """Show the trial under the cursor again: panes may have come or gone."""
        super().on_resize(event)
        if self.is_mounted:
            self.call_after_refresh(lambda: self.plots.follow(self.selected))

    def on_screen_resume(self) -> None:
        """Let the list of studies have its cursor here when it comes again."""
        super().on_screen_resume()
        self.app.services.looked_at = self.path, self.study_name

    def on_unmount(self) -> None:
        self._feed.stop()
        if self._signs is not None:
            self._signs.clear()

    @property
    def focus_chain(self) -> list[Widget]:
        """The panes in the order of tab: after the table the plots, whatever stands at its side."""
        places = [(TrialTable, 2), (TrialSide, 1)]

        def place(pane: Widget) -> int:
            above = pane.ancestors_with_self
            return next((at for kind, at in places if any(isinstance(x, kind) for x in above)), 0)

        return sorted(super().focus_chain, key=place)

    @property
    def plots(self) -> PlotArea:
        return self.query_one(PlotArea)

    @property
    def selected(self) -> int | None:
        """The number of the trial under the cursor."""
        return self.query_one(TrialTable).selected if self._picked is None else self._picked

    @on(SnapshotTaken)
    def show_snapshot(self, message: SnapshotTaken) -> None:
        """Show the study as it is now."""
        self._show(message.snapshot)

    def _show(self, snapshot: StudySnapshot) -> None:
        self.snapshot = snapshot
        self.query_one(RunHeader).show(snapshot)
        services = self.app.services
        if self._signs is None:
            self._signs = RunSigns(
                services.set_title,
                services.set_progress,
                services.write,
                services.settings.at_end,
            )
        is_end = self._signs.show(summarize_run(snapshot)) or bool(self._ended)
        if is_end and not snapshot.trouble:
            self._tell_end(run_end_lines(snapshot, arrow="→" if services.unicode else "to"))
        self._show_face(empty_face(snapshot, self.app.services.first_key_of))
        strip = self.query_one(WorkerStrip)
        rows = next((rows for name, rows in _WORKER_ROWS.items() if self.has_class(name)), 2)
        strip.show(snapshot.engine, _ALL_ROWS if self._shows_loads else rows)
        self.query_one(TrialTable).show(snapshot)
        self._show_plots()
        self._tell_age()
        self.refresh_commands()

    @on(TrialTable.Filtered)
    def _show_plots(self) -> None:
        """Show the trials that the table's filter lets through in the plots."""
        shown = self.query_one(TrialTable).shown
        if shown is not None:
            self.plots.show(self.snapshot, shown, self.selected)
        self._show_side()

    def _show_side(self) -> None:
        """Show the trial under the cursor in the column beside the table, if it is there."""
        side = self.query_one(TrialSide)
        if side.display:
            side.show(self.snapshot, self.selected, has_gauges=not self.plots.has_gauges)

    def _show_face(self, text: str) -> None:
        # An update makes the whole screen be laid out again.
        if text != self._face:
            self._face = text
            # A class of the screen would have the stylesheet applied to all that is in it.
            self.query_one("#body").display = not text
            pane = self.query_one("#face", Static)
            pane.display = bool(text)
            pane.update(Text(text, justify="center"))

    def _tell_end(self, lines: tuple[str, ...]) -> None:
        """Show what a run has been until that is put away; nothing puts it away."""
        if lines != self._ended:
            self._ended = lines
            pane = self.query_one("#ended", Static)
            pane.display = bool(lines)
            back = self.app.services.first_key_of("back")
            pane.update(Text("\n".join(lines) + f"   {back} hides this"))

    def do_back(self) -> None:
        """Put away what was told of the end of a run, else go a step back."""
        if self._ended and self.maximized is None:
            self._tell_end(())
        else:
            super().do_back()

    def _look_at_clock(self) -> None:
        is_calm = self.app.services.untouched_s() >= _CALM_AFTER_S
        self._feed.set_period(_CALM_PERIOD_S if is_calm else _PERIOD_S)
        self._tell_age()
        if self.snapshot.counts.get("RUNNING"):
            self._show_side()

    def _tell_age(self) -> None:
        text = "" if self._face else notice(self.snapshot, time.time())
        if text != self._notice:
            self._notice = text
            pane = self.query_one("#notice", Static)
            pane.display = bool(text)
            pane.set_class(bool(self.snapshot.trouble), "-trouble")
            pane.update(Text(text))

    @on(TrialTable.ColumnsChosen)
    def take_columns(self) -> None:
        """Read what the columns that were chosen need, and remember them."""
        table = self.query_one(TrialTable)
        self._feed.want(table.read_keys)
        if table.columns != self._columns:
            self._columns = table.columns
            remember_columns(self.path, self.study_name, table.columns)

    @on(TrialTable.Selected)
    def follow_cursor(self) -> None:
        """Mark the trial under the cursor in the plots."""
        self._picked = None
        self.plots.follow(self.selected)
        self._show_side()
        self.refresh_commands()

    @on(PlotArea.Settled)
    def read_for_side(self, message: PlotArea.Settled) -> None:
        """Read the trial on which the cursor rests, where there is room for its log."""
        side = self.query_one(TrialSide)
        self._show_side()
        if message.selected is not None and side.display:
            side.read(message.selected)

    @on(TrialPlot.TrialPicked)
    def select_in_plot(self, message: TrialPlot.TrialPicked) -> None:
        """Put the table's cursor on the trial that was picked in a plot, if it is there."""
        is_there = self.query_one(TrialTable).select(message.number)
        self._picked = None if is_there else message.number
        self.plots.follow(message.number)
        self._show_side()
        self.refresh_commands()

    @on(TrialPlot.BrushTaken)
    def use_region(self, message: TrialPlot.BrushTaken) -> None:
        """Ask what the region that was marked in a plot is for."""
        self._regions.use(message.region)

    @on(TrialPlot.TrialOpened)
    def open_plotted(self, message: TrialPlot.TrialOpened) -> None:
        """Show the trial under the cursor of a plot in full."""
        self.open_trial(TrialTable.Opened(message.number))

    @on(WorkerStrip.TrialPicked)
    def select_in_worker(self, message: WorkerStrip.TrialPicked) -> None:
        """Put the table's cursor on the trial of the worker that was clicked."""
        self.query_one(TrialTable).select(message.number)

    @on(TrialTable.Opened)
    def open_trial(self, message: TrialTable.Opened) -> None:
        """Show a trial in full."""
        trial = self.app.services.screens.trial(
            self.path,
            self.study_name,
            message.number,
            neighbour=self.query_one(TrialTable).neighbour,
        )
        self.app.push_screen(trial)

    @on(PlotArea.ViewChosen)
    async def show_clicked_view(self, message: PlotArea.ViewChosen) -> None:
        """Show the view whose name was clicked."""
        await self.run_command(message.view.command_id)

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the study's run."""
        is_run_here = self.snapshot.engine is not None
        return (ShownRun(self.path, self.study_name),) if is_run_here else ()

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        return super().disabled_reason(command_id) or disabled_reason(
            command_id, self.snapshot, self.selected, self.app.services.first_key_of
        )

    def label_of(self, command: Command) -> str:
        """Return what a command is called while the run is in this state."""
        return label_now(command.id, self.snapshot) or command.label

    def do_pause(self) -> None:
        self._steering.send(toggle_pause)

    def do_stop(self) -> None:
        """Ask how the run is to be stopped; one that stops already can be ended at once."""
        engine = self.snapshot.engine
        n_running = (
            0 if engine is None else sum(worker.trial is not None for worker in engine.workers)
        )
        is_stopping = engine is not None and engine.state == "stopping"
        gently = () if is_stopping else (("s", "end", "stop; running trials end first"),)

        def decide(choice: str | None) -> None:
            if choice:
                self._steering.send(plainly("stop", now=choice == "now"))

        trials = plural(n_running, "trial is", "trials are") if n_running else "No trial is"
        self.app.push_screen(
            ChoiceDialog(
                "End the running trials?" if is_stopping else "Stop the run?",
                f"{trials} running. Trials that have ended are kept.",
                (
                    *gently,
                    ("x", "now", "stop now; running trials are ended and count as failed"),
                ),
                no="wait for them" if is_stopping else "keep running",
            ),
            decide,
        )

    def do_kill_trial(self) -> None:
        if self.selected is not None:
            self._steering.confirm_kill(self.selected)

    def do_more_workers(self) -> None:
        self._steering.send(change_workers(1))

    def do_fewer_workers(self) -> None:
        self._steering.send(change_workers(-1))

    def do_budget(self) -> None:
        """Ask how many trials are to be added."""
        engine = self.snapshot.engine
        check = check_number_of_trials
        now = f"{plural(engine.n_trials, 'trial')} now. " if engine and engine.n_trials else ""
        if engine is None:
            prepared = self.snapshot.prepared.trials
            now = (
                f"The next run has {plural(prepared, 'trial')}. "
                if prepared
                else "For the next run. "
            )
            now += "0 withdraws them. " if prepared else ""
            check = check_number_or_none if prepared else check_number_of_trials

        def extend(text: str | None) -> None:
            if text is not None:
                trials = int(text.strip().replace(",", "").replace("_", ""))
                withdraw = plainly("withdraw", what="trials")
                self._steering.send(plainly("extend", trials=trials) if trials else withdraw)

        prompt = f"{now}How many more? -20 takes 20 away."
        dialog = TextDialog("Budget", prompt, "50", check, is_suggestion=True)
        self.app.push_screen(dialog, extend)

    def do_save_filter(self) -> None:
        """Save the table's filter under a name."""
        self.query_one(FilterInput).action_save_filter()

    def do_failures(self) -> None:
        """List the causes of failed trials; one that is chosen there is shown in the table."""
        from hptui.ui.study.failures import FailuresScreen

        def show(filter_text: str | None) -> None:
            self._feed.nudge()
            if filter_text:
                self.query_one(TrialTable).use_filter(filter_text)

        self.app.push_screen(FailuresScreen(lambda: self.snapshot), show)

    def do_add_trial(self) -> None:
        self._steering.ask_for_trial(None, {})

    def do_copy_trial(self) -> None:
        """Write a trial that begins as a copy of the selected one."""
        number = self.selected
        if number is not None:
            self._steering.ask_for_trial(number, params_of(self.snapshot, number))

    def do_edit_space(self) -> None:
        """Edit the search space of the next trials."""
        from hptui.ui.study.edit_space import EditSpaceScreen

        def tell(answer: str | None) -> None:
            if answer:
                self.notify(answer)
                self._feed.nudge()

        self.app.push_screen(EditSpaceScreen(self.path, self.study_name), tell)

    def _annotated(self) -> Annotated | None:
        number = self.selected
        return None if number is None else Annotated(self.path, self.study_name, number)

    def do_edit_study_note(self) -> None:
        self._notes.edit_note_of(Annotated(self.path, self.study_name))

    def _read_notes(self) -> None:
        """Read the marks of notes and tags again."""
        self._feed.nudge()
        self.query_one(TrialSide).nudge()

    def do_run_study(self) -> None:
        self.app.push_screen(self.app.services.screens.setup(study=self.snapshot))

    def do_fork_study(self) -> None:
        """Ask in what a fork of the study is to differ; the table's filter chooses its trials."""
        from hptui.ui.studies.fork_form import ForkForm
        from hptui.ui.studies.transfer_dialog import transfer_by

        text = self.query_one(TrialTable).filter_text
        saved = self.app.services.settings.filters
        form = ForkForm(self.path, self.study_name, filter_text=text, saved_filters=saved)
        transfer_by(self, form, lambda _: None)

    def do_open_trial(self) -> None:
        if self.selected is not None:
            self.open_trial(TrialTable.Opened(self.selected))

    def do_sort(self) -> None:
        """Choose the column to sort the trials by."""
        self.query_one(TrialTable).choose_sort()

    def do_go_to_trial(self) -> None:
        """Ask for a trial's number, and put the cursor there."""
        self.query_one(TrialTable).ask_for_place()

    def do_reverse(self) -> None:
        self.query_one(TrialTable).reverse()

    def do_loads(self) -> None:
        """Show what each worker loads, or let the workers take no more room than they need."""
        self._shows_loads = not self._shows_loads
        remember(self.PLACE, loads=self._shows_loads)
        self._show(self.snapshot)

    def do_columns(self) -> None:
        self.query_one(TrialTable).choose_columns()

    def do_next_tab(self) -> None:
        """Show the trials of the next state."""
        self.query_one(TrialTable).next_tab()

    def do_filter(self) -> None:
        self.query_one(TrialTable).open_filter()

    def do_copy(self) -> None:
        """Copy the parameters of the selected trial as Python."""
        number = self.selected
        if number is None:
            self.notify("No trial is selected.")
            return
        params = params_of(self.snapshot, number)
        self.app.copy_to_clipboard(escape_line(python_literal(dict(params))))
        self.notify(f"Copied the parameters of trial {number} as Python.")

"""Several studies side by side, as they go on: histories, distributions, bests, parameters."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual import on
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.widgets import Static

from hptui.analysis.compare.comparison_tables import budget_title
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError
from hptui.figures.edf import NamedEdf, draw_edf
from hptui.figures.overlay import NamedHistory, draw_overlay
from hptui.ui.application.command_screen import CommandScreen, ShownRun
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.compare.compared_studies import ComparedStudies, compare_snapshots
from hptui.ui.dialogs.questions import TextDialog
from hptui.ui.plots.plot import Plot
from hptui.ui.study.study_feed import StudyFeed
from hptui.ui.widgets.command_footer import CommandFooter
from hptui.ui.widgets.grid import Grid
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.pane_title import pane_title
from hptui.ui.widgets.tab_line import TabLine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from textual import events
    from textual.app import ComposeResult
    from textual.timer import Timer

    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.ui.commands.command_table import Place
    from hptui.ui.study.snapshot import StudySnapshot

_PERIOD_S: Final = 0.5
_SETTLE_S: Final = 0.05
_PAUSE_S_A_TRIAL: Final = 1e-5
_MAX_PAUSE_S: Final = 2.0
_PARTS: Final = (
    ("histories", "histories"),
    ("distributions", "distributions"),
    ("params", "parameters"),
    ("reached", "to reach a value"),
)
_TABLE_FRAME: Final = 2
"""Lines of a table that are no rows: its rule and its header."""


class ComparedPlot(Plot, can_focus=True):
    """A figure of all studies."""


class CompareScreen(CommandScreen[None]):
    """Up to six studies with the same directions."""

    PLACE: ClassVar[Place] = "compare"
    CSS_PATH = "../styles/compare.tcss"

    @dataclass
    class SnapshotTaken(Message):
        """One of the studies has been read anew."""

        at: int
        snapshot: StudySnapshot

        def can_replace(self, message: Message) -> bool:
            """Say that only the newest moment of each study counts."""
            return isinstance(message, CompareScreen.SnapshotTaken) and message.at == self.at

    @dataclass
    class Compared(LatestMessage):
        """The studies were compared, or cannot be."""

        compared: ComparedStudies | None
        trouble: str = ""

    def __init__(self, places: Sequence[tuple[Path, str]]) -> None:
        super().__init__()
        self._places = tuple(places)
        self._snapshots: list[StudySnapshot | None] = [None] * len(self._places)
        self._feeds: list[StudyFeed] = []
        self._compared: ComparedStudies | None = None
        self._objective = 0
        self._to: float | None = None
        self._is_log = False
        self._waiting: Timer | None = None

    def compose(self) -> ComposeResult:
        yield Static(id="head", markup=False)
        yield Static(id="notice", markup=False)
        with Vertical(id="body"):
            yield TabLine(_PARTS, id="parts")
            with Horizontal(id="plots"):
                yield ComparedPlot(id="histories", classes="pane")
                yield ComparedPlot(id="distributions", classes="pane")
            with Vertical(id="bests", classes="pane"):
                yield Grid(empty="Reading the studies.")
            with Horizontal(id="tables"):
                with Vertical(id="params", classes="pane"):
                    yield Grid()
                with Vertical(id="reached", classes="pane"):
                    yield Grid()
        yield CommandFooter()

    async def on_mount(self) -> None:
        self.query_one("#bests").border_title = pane_title("bests")
        # One line more, for the scroll bar of a narrow screen.
        self.query_one("#bests").styles.height = len(self._places) + _TABLE_FRAME + 1
        self.query_one("#bests Grid", Grid).focus()
        self._tell()
        self._lay_out()
        for at, (path, name) in enumerate(self._places):
            feed = StudyFeed(path, name, self._poster(at), period_s=_PERIOD_S)
            self._feeds.append(feed)
            feed.start()

    def _poster(self, at: int) -> Callable[[StudySnapshot], None]:
        def post(snapshot: StudySnapshot) -> None:
            self.post_message(self.SnapshotTaken(at, snapshot))

        return post

    def on_unmount(self) -> None:
        for feed in self._feeds:
            feed.stop()
        self.app.services.charts.forget(self)

    def runs(self) -> tuple[ShownRun, ...]:
        """Return the studies that run."""
        return tuple(
            ShownRun(each.path, each.name)
            for each in self._snapshots
            if each is not None and each.engine is not None
        )

    # Reading and comparing.

    @on(SnapshotTaken)
    def take_snapshot(self, message: SnapshotTaken) -> None:
        """Compare anew, soon: the others may have changed too."""
        self._snapshots[message.at] = message.snapshot
        self._tell()
        self._compare_soon()

    def _compare_soon(self) -> None:
        if self._waiting is None:
            n_trials = sum(each.n_trials for each in self._snapshots if each is not None)
            pause_s = min(_MAX_PAUSE_S, max(_SETTLE_S, n_trials * _PAUSE_S_A_TRIAL))
            self._waiting = call_after(self, pause_s, self._compare)

    def _compare(self) -> None:
        self._waiting = None
        known = [
            each
            for each in self._snapshots
            if each is not None and each.trials.directions and each.loading is None
        ]
        if len(known) < len(self._places):
            return
        objective, to, has_unicode = self._objective, self._to, self.app.services.unicode

        def work() -> CompareScreen.Compared:
            try:
                return self.Compared(
                    compare_snapshots(known, objective=objective, to=to, has_unicode=has_unicode)
                )
            except HptuiError as error:
                return self.Compared(None, error.message)

        def done(message: CompareScreen.Compared) -> None:
            self.post_message(message)

        def failed(error: Exception) -> None:
            done(self.Compared(None, f"They cannot be compared: {safe_line(error)}"))

        self.app.services.charts.submit(self, work, done, failed)

    @on(Compared)
    def show_compared(self, message: Compared) -> None:
        """Show the studies side by side."""
        self._compared = compared = message.compared
        self._tell(message.trouble)
        if compared is None:
            return
        self.query_one("#bests Grid", Grid).show(compared.bests)
        self.query_one("#reached Grid", Grid).show(compared.reached)
        self.query_one("#params Grid", Grid).show(compared.params, empty=compared.params_sentence)
        self.query_one("#params").border_title = pane_title("parameters of the best trials")
        self.query_one("#reached").border_title = pane_title(budget_title(compared.comparison))
        n_rows = max(len(compared.params), len(compared.reached))
        self.query_one("#tables").styles.height = n_rows + _TABLE_FRAME
        self._draw()
        self.refresh_commands()

    def _draw(self) -> None:
        compared, is_log = self._compared, self._is_log
        if compared is None:
            return
        comparison, name = compared.comparison, compared.value_name
        histories = [NamedHistory(each.name, each.history) for each in comparison.results]
        edfs = [NamedEdf(each.name, each.edf) for each in comparison.results]
        target = comparison.target if comparison.is_target_given else None

        def draw_histories(width: int, height: int, look: Look) -> Figure:
            return draw_overlay(
                histories, width=width, height=height, look=look, is_log=is_log, target=target
            )

        def draw_distributions(width: int, height: int, look: Look) -> Figure:
            return draw_edf(
                edfs, width=width, height=height, look=look, is_log=is_log, value_name=name
            )

        for part, title, draw in (
            ("histories", f"best {name} so far", draw_histories),
            ("distributions", f"trials by {name}", draw_distributions),
        ):
            plot = self.query_one(f"#{part}", ComparedPlot)
            plot.border_title = pane_title(title)
            plot.show_chart(draw)

    def _tell(self, trouble: str = "") -> None:
        """Say what is compared, and what is wrong."""
        text = Text("compare", "bold", no_wrap=True, overflow="ellipsis")
        compared = self._compared
        if compared is not None:
            comparison = compared.comparison
            text.append(f"   {comparison.direction} {compared.value_name}")
            if comparison.n_objectives > 1:
                of_all = (
                    f"{comparison.objective + 1} of {plural(comparison.n_objectives, 'objective')}"
                )
                text.append(f" ({of_all})", self.app.services.colour("dimmed"))
        n_running = len(self.runs())
        n_studies = len(self._places)
        text.append(
            f"   {plural(n_studies, 'study', 'studies')}", self.app.services.colour("dimmed")
        )
        if n_running:
            text.append(f", {n_running} running", self.app.services.state_style("running"))
        self.query_one("#head", Static).update(text)
        troubles = [trouble, *(each.trouble for each in self._snapshots if each is not None)]
        loading = [
            f"{each.name}: {each.loading[0]:,} of {plural(each.loading[1], 'trial')} read."
            for each in self._snapshots
            if each is not None and each.loading and each.loading[1]
        ]
        said = "  ".join(each for each in (*troubles, *loading) if each)
        notice = self.query_one("#notice", Static)
        notice.display = bool(said)
        notice.set_class(any(troubles), "-trouble")
        notice.update(Text(safe_line(said, max_chars=400)))

    # What a person chooses.

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        compared = self._compared
        if compared is None and command_id in ("next-objective", "reach-value", "log-axis"):
            return "Still reading the studies."
        if (
            command_id == "next-objective"
            and compared is not None
            and compared.comparison.n_objectives == 1
        ):
            return "The studies have one objective."
        if command_id == "next-tab" and not self._is_compact:
            return "All parts are visible."
        return None

    def do_open_study(self) -> None:
        """Open the study under the cursor of the bests."""
        row = self.query_one("#bests Grid", Grid).cursor_row or 0
        self.app.push_screen(self.app.services.screens.study(*self._places[row]))

    @on(Grid.RowOpened, "#bests Grid")
    async def open_row(self) -> None:
        """Open the study."""
        await self.run_command("open-study")

    def do_log_axis(self) -> None:
        """Use a log axis, or a linear one, in both figures."""
        self._is_log = not self._is_log
        self._draw()

    def do_next_objective(self) -> None:
        if self._compared is not None:
            self._objective = (self._objective + 1) % self._compared.comparison.n_objectives
            self._to = None
            self._compare()

    def do_reach_value(self) -> None:
        def reach(text: str | None) -> None:
            if text is not None:
                self._to = float(text) if text.strip() else None
                self._compare()

        self.app.push_screen(
            TextDialog(
                "Value to reach",
                "Shows what each study took to reach it. Leave empty for the worst best value.",
                "" if self._to is None else repr(self._to),
                _number_problem,
                is_suggestion=True,
            ),
            reach,
        )

    def do_next_tab(self) -> None:
        """Show the next part, where there is no room for all."""
        parts = self.query_one(TabLine)
        parts.chosen = parts.next()
        self._lay_out()

    @on(TabLine.Chosen)
    def show_part(self, message: TabLine.Chosen) -> None:
        """Show the part that was clicked."""
        self.query_one(TabLine).chosen = message.tab
        self._lay_out()

    # The room there is.

    @property
    def _is_compact(self) -> bool:
        return self.has_class("-narrow") or self.has_class("-short")

    def on_resize(self, event: events.Resize) -> None:
        """Show all parts, or one of them."""
        super().on_resize(event)
        self.call_after_refresh(self._lay_out)

    def _lay_out(self) -> None:
        chosen = self.query_one(TabLine).chosen if self._is_compact else ""
        self.query_one(TabLine).display = bool(chosen)
        for part, _ in _PARTS:
            self.query_one(f"#{part}").display = chosen in ("", part)
        self.query_one("#plots").display = chosen in ("", "histories", "distributions")
        self.query_one("#tables").display = chosen in ("", "params", "reached")
        self.refresh_commands()


def _number_problem(text: str) -> str | None:
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        return "Enter a number."
    return "Enter a number." if math.isnan(number) else None

"""Two trials of a study side by side, with their curves over each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from hptui.analysis.pruning.curves import Curve
from hptui.domain.texts.text import safe_line
from hptui.figures.curve_pair import draw_curve_pair
from hptui.storage.read.trial_detail import TrialDetail, read_trial
from hptui.ui.dialogs.questions import Dialog
from hptui.ui.forms.frame import DialogFrame
from hptui.ui.plots.plot import Plot
from hptui.ui.trial.trial_pair import pair_table
from hptui.ui.widgets.grid import Grid
from hptui.ui.widgets.text_table_model import TextTableModel

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.errors import HptuiError
    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.ui.widgets.table_model import Role


class PairDialog(Dialog[None]):
    """Shows what differs between two trials first.

    Args:
        path: The study's file.
        study_name: Its name in it.
        numbers: The two trials.
    """

    CSS_PATH: ClassVar = ["../styles/dialogs.tcss", "../styles/pair.tcss"]

    def __init__(self, path: Path, study_name: str, numbers: tuple[int, int]) -> None:
        super().__init__()
        self._path, self._study_name, self._numbers = path, study_name, numbers

    def compose(self) -> ComposeResult:
        """Lay out the table, and the curves below."""
        one, other = self._numbers
        with DialogFrame(f"#{one} and #{other}", keys="esc close"):
            yield Grid(empty="Reading the trials.")
            yield Plot()

    def on_mount(self) -> None:
        self.query_one(Plot).display = False
        self.query_one(Grid).focus()
        self.in_thread(
            lambda: [read_trial(self._path, self._study_name, each) for each in self._numbers],
            self._show,
            self._tell,
        )

    def _tell(self, error: HptuiError) -> None:
        self.app.notify(safe_line(error.message), severity="error")
        self.dismiss(None)

    def _show(self, trials: list[TrialDetail]) -> None:
        one, other = trials
        table = pair_table(one, other, has_unicode=self.app.services.unicode)
        rows = table.rows

        def role_of(row: int, column: int) -> Role:
            return "" if rows[row][0] or not column else "dim"

        grid = self.query_one(Grid)
        grid.show(TextTableModel(table, range(len(rows)), role_of))
        curves = [Curve.of_reports(each.reports) for each in trials]
        if not any(len(each.steps) for each in curves):
            return
        names = [f"#{each.number}" for each in trials]

        def draw(width: int, height: int, look: Look) -> Figure:
            return draw_curve_pair(names, curves, width=width, height=height, look=look)

        plot = self.query_one(Plot)
        plot.display = True
        plot.show_chart(draw)

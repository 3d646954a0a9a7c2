"""The study under the cursor of a list: its history, and what is known of it in a few lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text
from textual import getters
from textual.containers import Horizontal
from textual.widgets import Static

from hptui.ui.application.services import ServingApp
from hptui.ui.application.stacked import LatestMessage
from hptui.ui.plots.history_plot import HistoryPlot
from hptui.ui.studies.preview_lines import preview_lines, preview_title
from hptui.ui.study.study_feed import StudyFeed
from hptui.ui.widgets.grid_columns import fit
from hptui.ui.widgets.later import call_after
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from pathlib import Path

    from textual.app import ComposeResult

    from hptui.ui.studies.catalogue_feed import StudyRow
    from hptui.ui.study.snapshot import StudySnapshot

_MIN_LABEL_WIDTH, _MAX_LABEL_WIDTH = 8, 18
_PERIOD_S = 1.0
_WAIT_BEFORE_READING_S = 0.15
"""A cursor that only passes by makes nothing read."""


class StudyPreview(Horizontal):
    """Follows the study that it shows, while it is in sight."""

    app = getters.app(ServingApp)
    DEFAULT_CSS = """
    StudyPreview {
        & > HistoryPlot { width: 1fr; }
        & > #about { width: 44; padding-left: 3; }
    }
    """

    @dataclass
    class SnapshotTaken(LatestMessage):
        """The study has been read anew."""

        snapshot: StudySnapshot

    def __init__(self, *, id: str | None = None, classes: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, classes=classes)
        self._row: StudyRow | None = None
        self._snapshot: StudySnapshot | None = None
        self._feed: StudyFeed | None = None

    def compose(self) -> ComposeResult:
        """Lay out the plot and the lines beside it."""
        yield HistoryPlot()
        yield Static(id="about", markup=False)

    def show(self, row: StudyRow | None) -> None:
        """Show another study, or the same one with what a list knows of it now."""
        before, self._row = self._row, row
        if row is None or before is None or _seen(row) != _seen(before):
            self.stop()
            self._snapshot = None
            self.border_title = pane_title("" if row is None else row.name)
            self.query_one(HistoryPlot).show_sentence(_sentence(row))
            if row is not None and not row.problem:
                call_after(self, _WAIT_BEFORE_READING_S, lambda: self._read(row))
        self._tell()

    def _read(self, row: StudyRow) -> None:
        now = self._row
        is_same = now is not None and (now.path, now.name) == (row.path, row.name)
        if is_same and self._feed is None and self.is_mounted:
            self._feed = StudyFeed(row.path, row.name, self._post, period_s=_PERIOD_S)
            self._feed.start()

    def _post(self, snapshot: StudySnapshot) -> None:
        self.post_message(self.SnapshotTaken(snapshot))

    def stop(self) -> StudyFeed | None:
        """Read no more; return the feed, which may still be about to end."""
        feed, self._feed = self._feed, None
        if feed is not None:
            feed.stop()
        return feed

    def resume(self) -> None:
        """Read again after `stop`."""
        if self._row is not None and not self._row.problem:
            self._read(self._row)

    def on_unmount(self) -> None:
        self.stop()

    def on_study_preview_snapshot_taken(self, message: SnapshotTaken) -> None:
        """Show the study as it is now."""
        message.stop()
        row, snapshot = self._row, message.snapshot
        if row is None or (row.path, row.name) != (snapshot.path, snapshot.name):
            return
        self._snapshot = snapshot
        engine = snapshot.engine
        self.query_one(HistoryPlot).show(
            snapshot,
            target=None if engine is None else engine.target,
        )
        self._tell()

    def _tell(self) -> None:
        row = self._row
        about = self.query_one("#about", Static)
        if row is None:
            about.update(Text(""))
            return
        self.border_title = pane_title(preview_title(row))
        variables = self.app.services.theme_variables
        text = Text(no_wrap=True, overflow="ellipsis")
        lines = preview_lines(row, self._snapshot)
        widest = max((cell_len(label) for label, _, _ in lines), default=0)
        width = min(max(_MIN_LABEL_WIDTH, widest), _MAX_LABEL_WIDTH)
        ellipsis = "…" if self.app.services.unicode else ">"
        for label, value, role in lines:
            text.append(f"{fit(label, width, 'left', ellipsis)}  ", variables.get("dimmed", ""))
            text.append(f"{value}\n", variables.get(f"state-{role}", "") if role else "")
        about.update(text)


def _seen(row: StudyRow) -> tuple[Path, str, str]:
    """Return what is shown anew when it changes."""
    return row.path, row.name, row.problem


def _sentence(row: StudyRow | None) -> str:
    if row is None:
        return ""
    return row.problem or "Reading the study."

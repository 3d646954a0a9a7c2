"""What is written of a study for others: its trials, a report, the view as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.screen import ScreenResultType

from hptui.figures.page_kinds import PAGE_KINDS
from hptui.ui.plots.viewed import ViewedScreen
from hptui.ui.studies import study_actions
from hptui.ui.study.publishing import page_arguments, write_page
from hptui.ui.trials.trial_table import TrialTable

if TYPE_CHECKING:
    from hptui.ui.dialogs.exporting import ExportRequest
    from hptui.ui.study.snapshot import StudySnapshot


class PublishedScreen(ViewedScreen[ScreenResultType]):
    """A screen of a study with views."""

    snapshot: StudySnapshot

    @property
    def filter_text(self) -> str:
        """The filter that means the trials that the table shows; empty for all."""
        return self.query_one(TrialTable).meant

    def do_export_study(self) -> None:
        """Ask for form and place, and write the trials that the table shows there."""
        from hptui.ui.dialogs.export import ExportDialog

        path, name = self.path, self.study_name

        def export(wanted: ExportRequest | None) -> None:
            if wanted is not None:
                self.publish(lambda: study_actions.export(path, name, wanted).text)

        self.app.push_screen(ExportDialog(name, self.filter_text, self.snapshot), export)

    def do_write_page(self) -> None:
        """Write the view as an interactive page, and say where it is."""
        plots = self.plots
        kind = PAGE_KINDS["history" if plots.kind is None else plots.kind.name]
        arguments = page_arguments(kind, plots.options, self.filter_text)
        path, name = self.path, self.study_name
        self.notify("Writing the page…")
        self.publish(lambda: write_page(path, name, kind.name, arguments))

    def do_report_study(self) -> None:
        """Ask where the report is to be written."""
        self.ask_for_report(self.path, self.study_name, self.filter_text)

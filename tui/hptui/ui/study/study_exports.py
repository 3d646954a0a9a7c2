"""What is written of a study for others: its trials, a report, the view as a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.figures.page_kinds import PAGE_KINDS
from hptui.ui.application.screen_part import ScreenPart
from hptui.ui.studies import study_actions
from hptui.ui.study.publishing import page_arguments, write_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.dialogs.exporting import ExportRequest
    from hptui.ui.plots.plot_area import PlotArea
    from hptui.ui.study.snapshot import StudySnapshot


class StudyExports(ScreenPart):
    """Writes what a screen shows of a study.

    Args:
        screen: The screen.
        snapshot: Returns the study as it is now.
        filter_text: Returns the filter that means the trials that are shown; empty for all.
        plots: Returns the plots.
    """

    def __init__(
        self,
        screen: CommandScreen[None],
        *,
        snapshot: Callable[[], StudySnapshot],
        filter_text: Callable[[], str],
        plots: Callable[[], PlotArea],
    ) -> None:
        self._screen, self._snapshot = screen, snapshot
        self._filter_text, self._plots = filter_text, plots

    def do_export_study(self) -> None:
        """Ask for form and place, and write the trials that the table shows there."""
        from hptui.ui.dialogs.export import ExportDialog

        study = self._snapshot()
        path, name = study.path, study.name

        def export(wanted: ExportRequest | None) -> None:
            if wanted is not None:
                self._screen.tell_outcome_of(lambda: study_actions.export(path, name, wanted).text)

        self._screen.app.push_screen(ExportDialog(name, self._filter_text(), study), export)

    def do_write_page(self) -> None:
        """Write the view as an interactive page, and say where it is."""
        plots, study = self._plots(), self._snapshot()
        kind = PAGE_KINDS["history" if plots.kind is None else plots.kind.name]
        arguments = page_arguments(kind, plots.options, self._filter_text())
        path, name = study.path, study.name
        self._screen.notify("Writing the page…")
        self._screen.tell_outcome_of(lambda: write_page(path, name, kind.name, arguments))

    def do_report_study(self) -> None:
        """Ask where the report is to be written."""
        from hptui.ui.study.report import ask_for_report

        study = self._snapshot()
        ask_for_report(self._screen, study.path, study.name, self._filter_text())

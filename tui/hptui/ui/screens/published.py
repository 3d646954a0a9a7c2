"""What is written of a study for others: a report, and the view as an interactive page."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING

from textual.screen import ScreenResultType

from hptui.figures.page_kinds import PAGE_KINDS
from hptui.ui.publishing import page_arguments, write_page
from hptui.ui.screens.viewed import ViewedScreen

if TYPE_CHECKING:
    from pathlib import Path


class PublishedScreen(ViewedScreen[ScreenResultType]):
    """A screen of a study with views."""

    path: Path
    study_name: str

    @property
    @abstractmethod
    def filter_text(self) -> str:
        """The filter that means the trials that are shown; empty for all."""

    def do_write_page(self) -> None:
        """Write the view as an interactive page, and say where it is."""
        plots = self.plots
        kind = PAGE_KINDS["history" if plots.kind is None else plots.kind.name]
        arguments = page_arguments(kind, plots.options, self.filter_text)
        path, name = self.path, self.study_name
        self.notify("The page is being written.")
        self.publish(lambda: write_page(path, name, kind.name, arguments))

    def do_report_study(self) -> None:
        """Ask where the report is to be written."""
        self.ask_for_report(self.path, self.study_name, self.filter_text)

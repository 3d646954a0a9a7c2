"""The commands of the list of studies that carry trials: fork, merge, import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.text import safe_line
from hptui.ui.studies.marked_studies import MarkedStudies

if TYPE_CHECKING:
    from hptui.ui.studies.study_actions import Outcome


class CarriedStudies(MarkedStudies):
    """A list of studies whose trials can be carried into others."""

    def do_fork_study(self) -> None:
        """Ask in what a fork of the study is to differ, and make it."""
        row = self.study
        if row is not None:
            from hptui.ui.studies.fork_form import ForkForm

            saved = self.services.settings.filters
            self.open_form(ForkForm(row.path, row.name, saved_filters=saved))

    def do_merge_studies(self) -> None:
        """Ask which studies are to become one with this one, and merge them."""
        row = self.study
        if row is None:
            return
        from hptui.ui.studies.merge_form import MergeForm, can_merge

        others = [other for other in self.listed() if can_merge(row, other)]
        if others:
            self.open_form(MergeForm(row, others, self.marked))
        else:
            name = safe_line(row.name, max_chars=60)
            self.notify(f"No other study here has the objectives and directions of {name}.")

    def do_import_trials(self) -> None:
        """Ask for a file, and take its trials into a study."""
        from hptui.ui.studies.import_form import ImportForm

        self.open_form(ImportForm(self._folder, self.listed(), self.study))

    def after_carrying(self, outcome: Outcome) -> None:
        """Put the cursor on the study."""
        if outcome.study is not None:
            self.want(*outcome.study)

"""The commands of the list of studies that carry trials: fork, merge, import."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.texts.text import safe_line
from hptui.ui.application.command_screen import ScreenPart

if TYPE_CHECKING:
    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.studies.study_actions import Outcome
    from hptui.ui.studies.study_listing import StudyListing
    from hptui.ui.studies.study_marks import StudyMarks
    from hptui.ui.studies.transfer_form import TransferForm


class TrialTransfers(ScreenPart):
    """Carries trials of the listed studies into others; the cursor goes to what they became."""

    def __init__(
        self, screen: CommandScreen[None], listing: StudyListing, marks: StudyMarks
    ) -> None:
        self._screen, self._listing, self._marks = screen, listing, marks

    def do_fork_study(self) -> None:
        """Ask in what a fork of the study is to differ, and make it."""
        row = self._listing.study
        if row is not None:
            from hptui.ui.studies.fork_form import ForkForm

            saved = self._screen.app.services.settings.filters
            self._open(ForkForm(row.path, row.name, saved_filters=saved))

    def do_merge_studies(self) -> None:
        """Ask which studies are to become one with this one, and merge them."""
        row = self._listing.study
        if row is None:
            return
        from hptui.ui.studies.merge_form import MergeForm, can_merge

        others = [other for other in self._listing.listed() if can_merge(row, other)]
        if others:
            self._open(MergeForm(row, others, self._marks.marked))
        else:
            name = safe_line(row.name, max_chars=60)
            self._screen.notify(f"No other study here has the objectives and directions of {name}.")

    def do_import_trials(self) -> None:
        """Ask for a file, and take its trials into a study."""
        from hptui.ui.studies.import_form import ImportForm

        listing = self._listing
        self._open(ImportForm(listing.folder, listing.listed(), listing.study))

    def _open(self, form: TransferForm) -> None:
        from hptui.ui.studies.transfer_dialog import transfer_by

        transfer_by(self._screen, form, self._go_to)

    def _go_to(self, outcome: Outcome) -> None:
        if outcome.study is not None:
            self._listing.want(*outcome.study)

"""Forks of a study whose search space is edited in a way that the study itself cannot have."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hptui.errors import HptuiError
from hptui.storage.read.studies import StudySummary
from hptui.ui.application.command_screen import ScreenPart

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from hptui.domain.spaces.edits import ParamEdit
    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.setup.setup_draft import SetupDraft
    from hptui.ui.studies.study_actions import Outcome


class ForkAction(ScreenPart):
    """Looks what a fork would keep, and makes one, which is set up instead.

    Args:
        screen: The form.
        draft: Returns the run as it is set up now.
        take_counts: Gets how many of how many trials a fork would keep; None where that cannot
            be told.
    """

    def __init__(
        self,
        screen: CommandScreen[None],
        draft: Callable[[], SetupDraft],
        take_counts: Callable[[tuple[int, int] | None], object],
    ) -> None:
        self._screen, self._draft, self._take_counts = screen, draft, take_counts
        self._looked_at: Mapping[str, ParamEdit] = {}
        self._n_looks = 0

    def look(self, draft: SetupDraft) -> None:
        """Find out in a thread what a fork would keep, where the study itself cannot change."""
        edits = draft.space.fork_edits()
        is_refused = any(draft.space.is_refused(name) for name in edits)
        if is_refused and edits != self._looked_at:
            self._n_looks += 1
            self._screen.in_thread(
                lambda: _counts_of_fork(draft.study_file, draft.study, edits),
                partial(self._take, self._n_looks),
            )
        self._looked_at = edits if is_refused else {}

    def _take(self, number: int, counts: tuple[int, int] | None) -> None:
        if number == self._n_looks:
            self._take_counts(counts)

    def do_fork_space(self) -> None:
        """Ask in what a fork of the study is to differ, and set the fork up instead."""
        from hptui.ui.studies.fork_form import ForkForm
        from hptui.ui.studies.transfer_dialog import transfer_by

        draft = self._draft()
        form = ForkForm(
            draft.study_file,
            draft.study,
            saved_filters=self._screen.app.services.settings.filters,
            edits=draft.space.fork_edits(),
        )
        transfer_by(self._screen, form, self._set_up)

    def _set_up(self, outcome: Outcome) -> None:
        if outcome.study is not None:
            screens = self._screen.app.services.screens
            study = StudySummary(*outcome.study)
            self._screen.give_way_to(screens.setup(self._draft().ref, study))


def _counts_of_fork(
    path: Path, study_name: str, edits: Mapping[str, ParamEdit]
) -> tuple[int, int] | None:
    from hptui.engine.studies.forking import preview_fork
    from hptui.storage.transfer.fork_plan import ForkRequest

    try:
        plan = preview_fork(path, study_name, ForkRequest(edits=edits))
    except HptuiError:
        # The dialog of the fork says why.
        return None
    return plan.n_kept, plan.n_trials

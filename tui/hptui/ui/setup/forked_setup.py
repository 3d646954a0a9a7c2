"""The part of the set-up form that looks at forks, and makes one where the study cannot change."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual import work
from textual.message import Message

from hptui.errors import HptuiError
from hptui.storage.read.studies import StudySummary
from hptui.ui.setup.setup_fields import SetupFields
from hptui.ui.widgets.abstract import AbstractMeta

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hptui.domain.spaces.edits import ParamEdit
    from hptui.ui.setup.setup_draft import SetupDraft
    from hptui.ui.studies.study_actions import Outcome


class ForkedSetup(SetupFields, metaclass=AbstractMeta):
    """A form whose search space may be one that the study can only have as a fork."""

    @dataclass
    class ForkSeen(Message):
        """It is known what a fork would keep; None where it cannot be told."""

        counts: tuple[int, int] | None

    def __init__(self) -> None:
        super().__init__()
        self._looked_at: Mapping[str, ParamEdit] = {}

    @property
    @abstractmethod
    def draft(self) -> SetupDraft:
        """The run as it is set up now."""

    def look_at_fork(self, draft: SetupDraft) -> None:
        """Find out in a thread what a fork would keep, where the study itself cannot change."""
        edits = draft.space.fork_edits()
        is_refused = any(draft.space.is_refused(name) for name in edits)
        if is_refused and edits != self._looked_at:
            self._look(draft.study_file, draft.study, edits)
        self._looked_at = edits if is_refused else {}

    @work(thread=True, exclusive=True, exit_on_error=False, group="fork")
    def _look(self, path: Path, study_name: str, edits: Mapping[str, ParamEdit]) -> None:
        from hptui.engine.studies.forking import preview_fork
        from hptui.storage.transfer.fork_plan import ForkRequest

        try:
            plan = preview_fork(path, study_name, ForkRequest(edits=edits))
            counts = (plan.n_kept, plan.n_trials)
        except HptuiError:
            # The dialog of the fork says why.
            counts = None
        self.post_message(self.ForkSeen(counts))

    def do_fork_space(self) -> None:
        """Ask in what a fork of the study is to differ, and set the fork up instead."""
        from hptui.ui.studies.fork_form import ForkForm

        draft = self.draft
        self.open_form(
            ForkForm(
                draft.study_file,
                draft.study,
                saved_filters=self.services.settings.filters,
                edits=draft.space.fork_edits(),
            )
        )

    def after_carrying(self, outcome: Outcome) -> None:
        """Set up the next run of the fork."""
        from hptui.ui.setup.setup_screen import SetupScreen

        if outcome.study is None:
            return
        self.give_way_to(SetupScreen(self.draft.ref, StudySummary(*outcome.study)))

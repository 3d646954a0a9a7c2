"""Compares two trials: one is marked, then another one is shown beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.trials.trial_table import TrialTable
from hptui.ui.widgets.pane_title import pane_title

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hptui.ui.application.command_screen import CommandScreen


class PairActions(ScreenPart):
    """Keeps the trial that is marked.

    Args:
        screen: The screen of the study.
        path: The study's file.
        study_name: Its name in it.
        selected: Returns the number of the trial under the cursor.
    """

    def __init__(
        self,
        screen: CommandScreen[None],
        path: Path,
        study_name: str,
        selected: Callable[[], int | None],
    ) -> None:
        self._screen, self._path, self._study_name = screen, path, study_name
        self._selected = selected
        self._marked: int | None = None

    def do_compare_trial(self) -> None:
        """Mark the trial under the cursor, or show it beside the marked one; again: unmark it."""
        from hptui.ui.trial.pair_dialog import PairDialog

        number, marked = self._selected(), self._marked
        if number is None:
            return
        self._mark(number if marked is None else None)
        if marked is not None and marked != number:
            self._screen.app.push_screen(PairDialog(self._path, self._study_name, (marked, number)))

    def _mark(self, number: int | None) -> None:
        self._marked = number
        key = self._screen.app.services.first_key_of("compare-trial")
        about = "" if number is None else f"   #{number} is marked, {key} on another compares them"
        self._screen.query_one(TrialTable).border_title = pane_title(f"trials{about}")

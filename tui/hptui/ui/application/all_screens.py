"""Makes the screens that others open, and imports each only then."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from textual.screen import Screen

    from hptui.domain.objective import ObjectiveRef
    from hptui.ui.application.services import Neighbour
    from hptui.ui.setup.setup_sources import StudyAddress


class AllScreens:
    """Every screen that can be opened from another one, see `Screens`."""

    def studies(self) -> Screen[None]:
        """Return the list of studies."""
        from hptui.ui.studies.studies_screen import StudiesScreen

        return StudiesScreen()

    def study(self, path: Path, study_name: str) -> Screen[None]:
        """Return the screen of a study."""
        from hptui.ui.study.study_screen import StudyScreen

        return StudyScreen(path, study_name)

    def trial(
        self, path: Path, study_name: str, number: int, *, neighbour: Neighbour
    ) -> Screen[None]:
        """Return the screen of a trial; `neighbour` says which trials stand beside it."""
        from hptui.ui.trial.trial_screen import TrialScreen

        return TrialScreen(path, study_name, number, neighbour=neighbour)

    def setup(
        self, ref: ObjectiveRef | None = None, study: StudyAddress | None = None
    ) -> Screen[None]:
        """Return the form of a new study, or of the next run of one that is there."""
        from hptui.ui.setup.setup_screen import SetupScreen

        return SetupScreen(ref, study)

    def comparison(self, places: Sequence[tuple[Path, str]]) -> Screen[None]:
        """Return several studies side by side: the file and the name of each."""
        from hptui.ui.compare.compare_screen import CompareScreen

        return CompareScreen(places)

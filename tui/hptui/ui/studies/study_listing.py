"""What the parts of the studies screen need of its list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.ui.studies.study_row import StudyRow


class Reading(Protocol):
    """Something that reads files in a thread until it is stopped."""

    def join(self, timeout_s: float) -> bool:
        """Wait for its end and say whether it came."""
        ...


class StudyListing(Protocol):
    """A list of studies with a cursor."""

    @property
    def study(self) -> StudyRow | None:
        """The study under the cursor."""
        ...

    @property
    def folder(self) -> Path:
        """Where new studies are made, and whose trash is used."""
        ...

    def listed(self) -> Sequence[StudyRow]:
        """Return all studies of the list, whatever the filter."""
        ...

    def want(self, path: Path, study_name: str) -> None:
        """Put the cursor on a study as soon as it is in the list."""
        ...

    def show_marks(self) -> None:
        """Draw the list anew."""
        ...

    def resume_reading(self) -> None:
        """Follow the studies again."""
        ...

    def halt_reading(self) -> Sequence[Reading]:
        """Let go of all files; return what is still about to do so."""
        ...

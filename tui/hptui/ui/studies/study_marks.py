"""Studies that are marked in the list, and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError
from hptui.ui.application.command_screen import ScreenPart
from hptui.ui.studies.studies_model import study_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.application.command_screen import CommandScreen
    from hptui.ui.studies.study_listing import StudyListing
    from hptui.ui.studies.study_row import StudyRow

MAX_MARKED: Final = 6
"""As many as a comparison has room for."""


class StudyMarks(ScreenPart):
    """Marks studies of a list, and compares those that are marked."""

    def __init__(self, screen: CommandScreen[None], listing: StudyListing) -> None:
        self._screen, self._listing = screen, listing
        self._marks: dict[str, None] = {}

    @property
    def marked(self) -> list[StudyRow]:
        """The marked studies that are still there, in the order of their marking."""
        rows = {study_key(row.path, row.name): row for row in self._listing.listed()}
        return [rows[key] for key in self._marks if key in rows]

    @property
    def keys(self) -> frozenset[str]:
        """The keys of the marked studies."""
        return frozenset(self._marks)

    def clear(self) -> bool:
        """Take all marks away and say whether there were any."""
        had_marks = bool(self.marked)
        self._marks.clear()
        if had_marks:
            self._listing.show_marks()
        return had_marks

    def do_mark_study(self) -> None:
        """Mark the study under the cursor, or take its mark away."""
        row = self._listing.study
        if row is None:
            return
        key = study_key(row.path, row.name)
        if key in self._marks:
            del self._marks[key]
        elif len(self.marked) >= MAX_MARKED:
            full = f"{MAX_MARKED} studies are marked, as many as a comparison can show."
            self._screen.notify(full)
            return
        else:
            self._marks[key] = None
        self._listing.show_marks()

    def do_compare_studies(self) -> None:
        """Compare the marked studies, or the one under the cursor with another."""
        rows = self.marked
        here = self._listing.study
        if len(rows) < 2 and here is not None and here not in rows:  # noqa: PLR2004 - a pair
            rows = [*rows, here]
        if len(rows) > 1:
            self._compare(rows)
        elif rows:
            self._ask_with_what(rows[0])

    def _ask_with_what(self, row: StudyRow) -> None:
        from hptui.ui.dialogs.pick import PickDialog, PickItem

        others = {
            study_key(each.path, each.name): each
            for each in self._listing.listed()
            if each != row and not each.problem
        }

        def compare(key: str | None) -> None:
            if key in others:
                self._compare([row, others[key]])

        self._screen.app.push_screen(
            PickDialog(
                f"Compare {row.name} with",
                [
                    PickItem(
                        key,
                        each.name,
                        note=each.objective_name,
                        disabled_reason="" if each.directions == row.directions else _goals(each),
                    )
                    for key, each in others.items()
                ],
            ),
            compare,
        )

    def _compare(self, rows: Sequence[StudyRow]) -> None:
        # Only now: it brings NumPy, and the first frame does without.
        from hptui.analysis.compare.comparison import check_comparable

        broken = next((row for row in rows if row.problem), None)
        if broken is not None:
            raise UsageError(f"{safe_line(broken.name, max_chars=60)} cannot be read.")
        check_comparable([(row.name, row.directions) for row in rows])
        screens = self._screen.app.services.screens
        self._screen.app.push_screen(screens.comparison([(row.path, row.name) for row in rows]))


def _goals(row: StudyRow) -> str:
    return f"other objectives: {', '.join(row.directions)}"

"""Studies that are marked in the list, and compared."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Final

from hptui.domain.text import safe_line
from hptui.errors import UsageError
from hptui.registry.catalogue import shown_name
from hptui.ui.studies.kept_studies import KeptStudies
from hptui.ui.studies.studies_model import study_key

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.studies.catalogue_feed import StudyRow

MAX_MARKED: Final = 6
"""As many as a comparison has room for."""


class MarkedStudies(KeptStudies):
    """A list in which studies can be marked."""

    def __init__(self) -> None:
        super().__init__()
        self._marks: dict[str, None] = {}

    @abstractmethod
    def listed(self) -> Sequence[StudyRow]:
        """Return all studies of the list, whatever the filter."""

    @abstractmethod
    def show_marks(self) -> None:
        """Draw the list anew."""

    @property
    def marked(self) -> list[StudyRow]:
        """The marked studies that are still there, in the order of their marking."""
        rows = {study_key(row.path, row.name): row for row in self.listed()}
        return [rows[key] for key in self._marks if key in rows]

    @property
    def mark_keys(self) -> frozenset[str]:
        """The keys of the marked studies."""
        return frozenset(self._marks)

    def clear_marks(self) -> bool:
        """Take all marks away and say whether there were any."""
        had_marks = bool(self.marked)
        self._marks.clear()
        if had_marks:
            self.show_marks()
        return had_marks

    def disabled_reason(self, command_id: str) -> str | None:
        """Say why a command cannot be given now."""
        row = self.study
        if command_id == "mark-study":
            if row is None:
                return "There is no study under the cursor."
            if row.problem:
                return f"{safe_line(row.name, max_chars=60)} cannot be read; enter says why."
        if command_id == "compare-studies":
            if row is None and len(self.marked) < 2:  # noqa: PLR2004 - a pair
                return "There is no study under the cursor."
            if sum(not each.problem for each in self.listed()) < 2:  # noqa: PLR2004
                return "There is one study; a comparison is of two or more."
        return super().disabled_reason(command_id)

    def do_mark_study(self) -> None:
        """Mark the study under the cursor, or take its mark away."""
        row = self.study
        if row is None:
            return
        key = study_key(row.path, row.name)
        if key in self._marks:
            del self._marks[key]
        elif len(self.marked) >= MAX_MARKED:
            self.notify(f"{MAX_MARKED} studies are marked; a comparison has room for no more.")
            return
        else:
            self._marks[key] = None
        self.show_marks()

    def do_report_study(self) -> None:
        """Ask where a report on the study under the cursor is to be written."""
        row = self.study
        if row is not None:
            self.ask_for_report(row.path, row.name)

    def do_compare_studies(self) -> None:
        """Compare the marked studies, or the one under the cursor with another."""
        rows = self.marked
        here = self.study
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
            for each in self.listed()
            if each != row and not each.problem
        }

        def compare(key: str | None) -> None:
            if key in others:
                self._compare([row, others[key]])

        self.app.push_screen(
            PickDialog(
                f"Compare {row.name} with",
                [
                    PickItem(
                        key,
                        each.name,
                        note="" if each.objective is None else shown_name(each.objective),
                        disabled_reason="" if each.directions == row.directions else _goals(each),
                    )
                    for key, each in others.items()
                ],
            ),
            compare,
        )

    def _compare(self, rows: Sequence[StudyRow]) -> None:
        # Only now: they bring NumPy, and the first frame does without.
        from hptui.analysis.compare.comparison import check_comparable
        from hptui.ui.compare.compare_screen import CompareScreen

        broken = next((row for row in rows if row.problem), None)
        if broken is not None:
            raise UsageError(f"{safe_line(broken.name, max_chars=60)} cannot be read.")
        check_comparable([(row.name, row.directions) for row in rows])
        self.app.push_screen(CompareScreen([(row.path, row.name) for row in rows]))


def _goals(row: StudyRow) -> str:
    return f"other objectives: {', '.join(row.directions)}"

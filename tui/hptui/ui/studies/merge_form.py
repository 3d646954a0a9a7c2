"""The form that merges a study with others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.domain.study_name import fitting_name
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.storage.mirror.mirrors import folder_for_new
from hptui.ui.forms.fields import FormField
from hptui.ui.studies import study_actions
from hptui.ui.studies.transfer_form import (
    FormContent,
    FormMark,
    LookAhead,
    TransferForm,
    ahead,
    done,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.ui.studies.catalogue_feed import StudyRow
    from hptui.ui.studies.study_actions import Outcome
    from hptui.ui.studies.transfer_form import Progress, Texts


def can_merge(row: StudyRow, other: StudyRow) -> bool:
    """Say whether two studies may be one, as far as a list of studies tells."""
    is_same = (row.path, row.name) == (other.path, other.name)
    objectives = (row.objective, other.objective)
    return (
        not is_same
        and not other.problem
        and row.directions == other.directions
        and (None in objectives or objectives[0] == objectives[1])
    )


class MergeForm(TransferForm):
    """Asks which studies are to become one with the first.

    Args:
        row: The study that says what parameters are.
        others: Those that can be merged with it.
        marked: Those of them that are marked at first.
    """

    verb = "merge"

    def __init__(
        self, row: StudyRow, others: Sequence[StudyRow], marked: Sequence[StudyRow] = ()
    ) -> None:
        self.title = f"Merge {row.name} with"
        self._row, self._others, self._marked = row, tuple(others), tuple(marked)

    def read(self, on_progress: Progress) -> FormContent:  # noqa: ARG002 - nothing is slow here
        """Return the studies to choose from."""
        from hptui.engine.studies.renaming import free_name

        folder, name = folder_for_new(self._row.path), fitting_name(self._row.name, "-merged")
        if study_actions.name_problem(folder, "", name) is not None:
            name = free_name(folder, name)
        return FormContent(
            (FormField("name", "name", name),),
            tuple(
                FormMark(str(index), _label(row, self._row), row in self._marked)
                for index, row in enumerate(self._others)
            ),
        )

    def look(self, texts: Texts, marked: frozenset[str]) -> LookAhead:
        """Return what the new study would have."""
        from hptui.engine.studies.merging import preview_merge

        if not marked:
            return LookAhead(("space marks the studies to merge with it.",), False)
        name = texts["name"]
        problem = study_actions.name_problem(folder_for_new(self._row.path), "", name)
        plan = preview_merge(self._places(marked))
        lines = ahead(name if problem is None else "The study", plan.n_kept, plan.left_out)
        parts = ", ".join(plan.remarks)
        if problem is not None:
            return LookAhead((f"name: {problem}", *lines, parts), can_do=False)
        return LookAhead((*lines, parts), can_do=plan.n_kept > 0)

    def transfer(self, texts: Texts, marked: frozenset[str], on_progress: Progress) -> Outcome:
        """Merge the studies."""
        from hptui.engine.studies.merging import merge_studies

        name = texts["name"]
        merged = merge_studies(self._places(marked), name, on_progress=on_progress)
        text = done(name, merged.plan.n_kept, merged.plan.left_out)
        return study_actions.Outcome(text, study=(merged.path, name))

    def _places(self, marked: frozenset[str]) -> list[StudyRef]:
        rows = [self._row, *(self._others[index] for index in sorted(map(int, marked)))]
        return [StudyRef(row.path, row.name) for row in rows]


def _label(row: StudyRow, beside: StudyRow) -> str:
    where = "" if row.path.stem == row.name else f"  ({row.path.name})"
    count = plural(row.n_trials, "trial")
    tunes = ""
    if row.objective is not None and row.objective != beside.objective:
        tunes = f", {row.objective_name}"
    return safe_line(f"{row.name}{where}   {count}{tunes}", max_chars=120)

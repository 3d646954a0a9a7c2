"""The form that takes trials from a file of text into a study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.domain.spaces.choice_lists import split_listed
from hptui.domain.study_name import check_study_name
from hptui.domain.study_ref import StudyRef
from hptui.domain.texts.text import safe_line
from hptui.errors import HptuiError, UsageError
from hptui.storage.transfer.import_request import (
    AS_WORDS,
    DIRECTION_WORDS,
    STATES_BY_WORD,
    read_request,
)
from hptui.ui.forms.fields import FormField, path_of
from hptui.ui.studies import study_actions
from hptui.ui.studies.transfer_form import FormContent, LookAhead, TransferForm, ahead, done

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.storage.transfer.import_request import ImportRequest
    from hptui.ui.studies.catalogue_feed import StudyRow
    from hptui.ui.studies.study_actions import Outcome
    from hptui.ui.studies.transfer_form import Progress, Texts

_YES_NO: Final = ("no", "yes")


class ImportForm(TransferForm):
    """Asks for a file, for a study, and for what `hptui import` has options for.

    Where an option may come several times, commas separate what is typed.

    Args:
        folder: Where new studies are made.
        rows: The studies that are there.
        row: The one that is offered at first.
    """

    title = "Import trials"
    verb = "import"

    def __init__(self, folder: Path, rows: Sequence[StudyRow], row: StudyRow | None) -> None:
        self._folder = folder
        self._rows = {each.name: each for each in rows if not each.problem}
        self._row = row

    def read(self, on_progress: Progress) -> FormContent:  # noqa: ARG002 - nothing is slow here
        """Return what is asked."""
        study = "" if self._row is None else self._row.name
        return FormContent(
            (
                FormField("file", "file", "", "trials.csv, .json, .jsonl or .parquet"),
                FormField(
                    "study", "study", study, "a new name makes a new study", tuple(self._rows)
                ),
                FormField("as", "as", "finished", "finished or waiting", AS_WORDS),
                FormField("value", "value", "", "the column, where its name does not tell"),
                FormField("map", "map", "", "id=skip, depth=param:max_depth, who=attr:author"),
                FormField("space", "space", "", "of a new parameter: lr=1e-5..0.1:log"),
                FormField("choices", "choices", "", "of a new parameter: kernel=rbf|poly"),
                FormField(
                    "direction", "direction", "", "of a new study: minimize", DIRECTION_WORDS
                ),
                FormField(
                    "state", "state", "", "only these: complete, pruned", tuple(STATES_BY_WORD)
                ),
                FormField(
                    "again", "again", "no", "import rows that are already there: yes", _YES_NO
                ),
            )
        )

    def look(self, texts: Texts, marked: frozenset[str]) -> LookAhead:  # noqa: ARG002 - no marks
        """Return what the study would get."""
        from hptui.engine.studies.importing import (
            preview_import,
            require_open_to,
            require_room_for_new,
        )

        if not texts["file"].strip():
            return LookAhead(
                ("Enter a file path, relative to the folder where hptui was started.",), False
            )
        name, into = self._study(texts)
        file, request = path_of(texts["file"]), _request(texts)
        plan = preview_import(file, request, into)
        lines = (*ahead(name, len(plan.trials), plan.left_out, "get"), *plan.remarks)
        if not plan.trials:
            return LookAhead(lines, can_do=False)
        try:
            if into is None:
                require_room_for_new(name, folder=self._folder)
            else:
                require_open_to(request, *into)
        except HptuiError as error:
            return LookAhead((f"{error.message} {error.hint}".strip(), *lines), can_do=False)
        return LookAhead(lines)

    def transfer(self, texts: Texts, marked: frozenset[str], on_progress: Progress) -> Outcome:  # noqa: ARG002 - reading a text is quick
        """Take the trials over."""
        from hptui.engine.studies.importing import import_into, import_into_new

        name, into = self._study(texts)
        file, request = path_of(texts["file"]), _request(texts)
        if into is None:
            imported = import_into_new(file, request, name, folder=self._folder)
        else:
            imported = import_into(file, request, *into)
        plan = imported.plan
        text = done(name, len(plan.trials), plan.left_out, "get")
        return study_actions.Outcome(text, study=(imported.path, name))

    def _study(self, texts: Texts) -> tuple[str, StudyRef | None]:
        name = texts["study"].strip()
        row = self._rows.get(name)
        if row is not None:
            return name, StudyRef(row.path, row.name)
        try:
            check_study_name(name)
        except HptuiError as error:
            raise UsageError(f"study: {error.message}", hint=error.hint) from error
        return name, None


def _request(texts: Texts) -> ImportRequest:
    listed = {
        key: split_listed(texts[key])
        for key in ("state", "value", "map", "direction", "space", "choices")
    }
    again = texts["again"].strip() or "no"
    if again not in _YES_NO:
        raise UsageError(f"again: {safe_line(again, max_chars=40)!r} must be yes or no.")
    return read_request(
        as_what=texts["as"].strip() or "finished",
        states=listed["state"],
        values=listed["value"],
        maps=listed["map"],
        directions=listed["direction"],
        spaces=listed["space"],
        choices=listed["choices"],
        again=again == "yes",
    )

"""A study written to a file of one's own: CSV, JSON lines, or a study file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, get_args

import numpy as np

from hptui.domain.text import safe_line
from hptui.errors import UsageError
from hptui.storage.columns import StudyColumns
from hptui.storage.copying import copy_study, drafted
from hptui.storage.trial_records import write_csv, write_json_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

ExportForm = Literal["csv", "jsonl", "db"]
EXPORT_FORMS: Final[tuple[ExportForm, ...]] = get_args(ExportForm)


def form_of(target: Path) -> ExportForm:
    """Return the form that a file's name asks for.

    Raises:
        UsageError: Its ending is none of `.csv`, `.jsonl` and `.db`.
    """
    ending = target.suffix.lower().removeprefix(".")
    for form in EXPORT_FORMS:
        if form == ending:
            return form
    raise UsageError(
        f"{safe_line(target.name)} does not say in which form to export.",
        hint="Let the name end in .csv, .jsonl (a JSON object a line) or .db (a study file).",
    )


def export_study(
    path: Path,
    study_name: str,
    target: Path,
    *,
    overwrite: bool = False,
    choose: Callable[[StudyColumns], npt.NDArray[np.bool_]] | None = None,
) -> int:
    """Write a study to `target`, which appears as a whole; return how many trials are in it.

    The study may be running: what is written is one moment of it.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        target: Its ending tells the form, see `form_of`.
        overwrite: Replace a file of text at `target`; study files are never replaced.
        choose: Says which rows of the columns to write; all, where it is not given.

    Raises:
        UsageError: The ending is unknown; there is no such study; `target` exists or cannot be
            written; `choose` is given with a study file.
        HptuiError: The file is locked, or the disk refuses.
    """
    form = form_of(target)
    if form == "db":
        if choose is not None:
            raise UsageError(
                "A study file is exported with all its trials, and a filter was given.",
                hint="Filtered trials go to a .csv or .jsonl file.",
            )
        copy_study(path, study_name, target)
        with StudyColumns(target, study_name) as columns:
            columns.refresh()
            return len(columns)
    with StudyColumns(path, study_name) as columns:
        columns.refresh()
        rows = np.arange(len(columns)) if choose is None else np.flatnonzero(choose(columns))
        write = write_csv if form == "csv" else write_json_lines
        with (
            drafted(target, overwrite=overwrite) as draft,
            draft.open("w", encoding="utf-8", newline="") as stream,
        ):
            write(stream, columns, rows)
        return len(rows)

"""A study written to a file of one's own: trials as tables or as Python, or a study file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.domain.export_forms import form_of
from hptui.errors import UsageError
from hptui.storage.columns import StudyColumns
from hptui.storage.copying import copy_study, drafted
from hptui.storage.parquet import require_pyarrow, write_parquet
from hptui.storage.python_file import write_python
from hptui.storage.trial_records import write_csv, write_json_lines

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    import numpy.typing as npt

    from hptui.domain.export_forms import ExportForm
    from hptui.storage.growing_column import IntArray

    BoolArray = npt.NDArray[np.bool_]


def export_study(
    path: Path,
    study_name: str,
    target: Path,
    *,
    overwrite: bool = False,
    choose: Callable[[StudyColumns], BoolArray] | None = None,
) -> int:
    """Write a study to `target`, which appears as a whole; return how many trials are in it.

    The study may be running: what is written is one moment of it.

    Args:
        path: The study's file.
        study_name: Its name in the file.
        target: Its ending tells the form, see `form_of`.
        overwrite: Replace a file at `target`; study files are never replaced.
        choose: Says which rows of the columns to write; all, where it is not given. For `.py` it
            says which trials are best.

    Raises:
        UsageError: The ending is unknown; there is no such study; `target` exists or cannot be
            written; `choose` is given with a study file, or chooses nothing for `.py`.
        MissingExtraError: The form needs a package that is not installed.
        HptuiError: The file is locked, or the disk refuses.
    """
    form = form_of(target)
    if not form.takes_filter:
        if choose is not None:
            raise UsageError(
                "A study file is exported with all its trials, and a filter was given.",
                hint="Filtered trials go to a file of another form, like .csv.",
            )
        copy_study(path, study_name, target)
        with StudyColumns(target, study_name) as columns:
            columns.refresh()
            return len(columns)
    if form.suffix == ".parquet":
        require_pyarrow()
    with StudyColumns(path, study_name) as columns:
        columns.refresh()
        rows = np.arange(len(columns)) if choose is None else np.flatnonzero(choose(columns))
        with drafted(target, overwrite=overwrite) as draft:
            _write(form, draft, columns, rows)
        return len(rows)


def _write(form: ExportForm, draft: Path, columns: StudyColumns, rows: IntArray) -> None:
    if form.suffix == ".parquet":
        with draft.open("wb") as file:
            write_parquet(file, columns, rows)
        return
    writers = {".csv": write_csv, ".jsonl": write_json_lines, ".py": write_python}
    with draft.open("w", encoding="utf-8", newline="") as stream:
        writers[form.suffix](stream, columns, rows)

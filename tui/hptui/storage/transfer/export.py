"""A study written to a file of one's own: trials as tables or as Python, or a study file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from hptui.domain.export_forms import form_of
from hptui.domain.trial_states import RUNNING, STALE
from hptui.errors import UsageError
from hptui.storage.read.param_columns import MAX_PARAMS
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.read.trial_extras import ExtrasReader
from hptui.storage.transfer.copying import copy_study, drafted
from hptui.storage.transfer.parquet import require_pyarrow, write_parquet
from hptui.storage.transfer.python_file import write_python
from hptui.storage.transfer.trial_records import write_csv, write_json_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import numpy.typing as npt

    from hptui.domain.export_forms import ExportForm
    from hptui.trials import IntArray

    BoolArray = npt.NDArray[np.bool_]


def export_study(
    path: Path,
    study_name: str,
    target: Path,
    *,
    overwrite: bool = False,
    choose: Callable[[StudyReader], BoolArray] | None = None,
    tell: Callable[[str], None] = lambda _: None,
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
        tell: Called with a sentence for each thing that the form cannot hold.

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
        with StudyReader(target, study_name) as columns:
            columns.refresh()
            return len(columns.trials)
    if form.suffix == ".parquet":
        require_pyarrow()
    with StudyReader(path, study_name) as columns:
        columns.refresh()
        rows = np.arange(len(columns.trials)) if choose is None else np.flatnonzero(choose(columns))
        with drafted(target, overwrite=overwrite) as draft:
            reader = ExtrasReader(columns, has_everything=True)
            _write(form, draft, columns, rows, reader)
        if form.suffix != ".py":
            for sentence in _left_out(columns, rows, reader):
                tell(sentence)
        return len(rows)


def _write(
    form: ExportForm, draft: Path, columns: StudyReader, rows: IntArray, reader: ExtrasReader
) -> None:
    if form.suffix == ".parquet":
        with draft.open("wb") as file:
            write_parquet(file, columns, rows, reader)
        return
    with draft.open("w", encoding="utf-8", newline="") as stream:
        if form.suffix == ".py":
            write_python(stream, columns, rows)
        else:
            write = write_csv if form.suffix == ".csv" else write_json_lines
            write(stream, columns, rows, reader)


def _left_out(columns: StudyReader, rows: IntArray, reader: ExtrasReader) -> Iterator[str]:
    if columns.has_omitted_params:
        yield f"Only the first {MAX_PARAMS:,} parameters are in it."
    if reader.n_unreadable:
        yield f"Attributes that are no JSON are left out: {reader.n_unreadable:,}."
    for state, one, more in (
        (RUNNING, "trial still runs", "trials still run"),
        (STALE, "trial is stale (its engine died)", "trials are stale (their engine died)"),
    ):
        count = int((columns.trials.states[rows] == state).sum())
        what = one if count == 1 else more
        if count:
            yield f"{count:,} {what}; an import leaves out what has not ended."

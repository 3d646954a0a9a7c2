"""A study written to a file of one's own: trials as tables or as Python, or a study file."""

from __future__ import annotations

from typing import TYPE_CHECKING, TextIO

import numpy as np

from hptui.domain.export_forms import form_of
from hptui.domain.texts.python_text import python_literal
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import RUNNING, STALE
from hptui.errors import UsageError
from hptui.storage.read.param_columns import MAX_PARAMS
from hptui.storage.read.study_reader import StudyReader
from hptui.storage.read.trial_extras import ExtrasReader
from hptui.storage.transfer.copying import copy_study, staged_file
from hptui.storage.transfer.parquet import require_pyarrow, write_parquet
from hptui.storage.transfer.trial_records import (
    ABSENT,
    WrittenTrial,
    records_of,
    write_csv,
    write_json_lines,
)

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
                "A study file is exported with all its trials. Omit the filter.",
                hint="Write filtered trials to another format, like .csv.",
            )
        copy_study(path, study_name, target)
        with StudyReader(target, study_name) as reader:
            reader.refresh()
            return len(reader.trials)
    if form.suffix == ".parquet":
        require_pyarrow()
    with StudyReader(path, study_name) as reader:
        reader.refresh()
        rows = np.arange(len(reader.trials)) if choose is None else np.flatnonzero(choose(reader))
        with staged_file(target, overwrite=overwrite) as draft:
            extras = ExtrasReader(reader, has_everything=True)
            _write(form, draft, reader, rows, extras)
        if form.suffix != ".py":
            for sentence in _left_out(reader, rows, extras):
                tell(sentence)
        return len(rows)


def _write(
    form: ExportForm, draft: Path, reader: StudyReader, rows: IntArray, extras: ExtrasReader
) -> None:
    if form.suffix == ".parquet":
        with draft.open("wb") as file:
            write_parquet(file, reader, rows, extras)
        return
    with draft.open("w", encoding="utf-8", newline="") as stream:
        if form.suffix == ".py":
            write_python(stream, reader, rows)
        else:
            write = write_csv if form.suffix == ".csv" else write_json_lines
            write(stream, reader, rows, extras)


def _left_out(reader: StudyReader, rows: IntArray, extras: ExtrasReader) -> Iterator[str]:
    if reader.has_omitted_params:
        yield f"Only the first {MAX_PARAMS:,} parameters are in it."
    if extras.n_unreadable:
        yield f"Attributes that are not JSON are left out: {extras.n_unreadable:,}."
    for state, one, more in (
        (RUNNING, "trial still runs", "trials still run"),
        (STALE, "trial is stale (its engine died)", "trials are stale (their engine died)"),
    ):
        count = int((reader.trials.states[rows] == state).sum())
        if count:
            yield f"{plural(count, one, more)}; an import skips trials that have not ended."


NAME = "best_params"
"""What the file assigns: a dict, or for a front a list of dicts."""


def write_python(stream: TextIO, reader: StudyReader, rows: IntArray) -> None:
    """Write the parameters of the trials in `rows`; with one objective that is one trial.

    Raises:
        UsageError: There is none.
    """
    if not len(rows):
        raise UsageError(
            f"No feasible trial of {safe_line(reader.study_name, max_chars=60)!r} is complete, "
            "so there is no best one.",
            hint="If you gave a filter, it may have left it out.",
        )
    directions = reader.trials.directions
    goal = f"{safe_line(reader.study_name)} ({', '.join(directions)})"
    if len(directions) == 1:
        (record,) = records_of(reader, rows)
        stream.write(f"# {goal}: {_of(record)}\n{NAME} = {_lines(record, '')}\n")
        return
    stream.write(f"# {goal}: the Pareto front, by the first objective.\n{NAME} = [\n")
    # Trials with equal values stay in the order of their numbers.
    ordered = rows[reader.trials.values[rows, 0].argsort(kind="stable")]
    for record in records_of(reader, ordered):
        stream.write(f"    # {_of(record)}\n    {_lines(record, '    ')},\n")
    stream.write("]\n")


def _of(record: WrittenTrial) -> str:
    return f"trial {record.number}: {', '.join(map(repr, record.values))}"


def _lines(record: WrittenTrial, indent: str) -> str:
    items = [
        f"{indent}    {name!r}: {python_literal(value)},\n"
        for name, value in record.params.items()
        if value is not ABSENT
    ]
    return "{\n" + "".join(items) + indent + "}" if items else "{}"

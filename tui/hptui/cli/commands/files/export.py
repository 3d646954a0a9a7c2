"""`hptui export`: a study's trials in a file, or the study in a file of its own."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.options.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.options.option_values import require_free
from hptui.cli.output.links import file_link
from hptui.domain.export_forms import EXPORT_FORMS, form_of
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.readable import plural

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    import numpy as np
    import numpy.typing as npt

    from hptui.storage.read.study_reader import StudyReader

_EPILOG = " ".join(
    (
        "The ending of FILE chooses the format.",
        *(f"{form.suffix}: {form.summary}. {form.explanation}" for form in EXPORT_FORMS),
        "FILE is written completely or not at all. The study may be running.",
    )
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui export`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument(
        "file",
        metavar="FILE",
        type=Path,
        help="where to write; .csv, .jsonl, .parquet, .py or .db",
    )
    add_filter_option(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace FILE; study files are never replaced"
    )
    parser.add_argument("--json", action="store_true", help="print JSON: file, trials, remarks")


def run(args: argparse.Namespace) -> int:
    """Write the file and say how much is in it."""
    from hptui.storage.transfer.export import export_study

    form = form_of(args.file)
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)
    target = args.file.absolute()
    if form.takes_filter:
        require_free(target, overwrite=args.overwrite)
    remarks: list[str] = []
    count = export_study(
        place.path,
        place.study_name,
        target,
        overwrite=args.overwrite,
        choose=_chooser(args.filter, is_best=form.suffix == ".py"),
        tell=remarks.append,
    )
    for remark in remarks:
        print(remark, file=sys.stderr)
    if args.json:
        print(dump({"file": str(target), "trials": count, "remarks": remarks}))
    else:
        print(f"Wrote {plural(count, 'trial')} to {file_link(target, str(args.file))}.")
    return 0


def _chooser(
    text: str | None, *, is_best: bool
) -> Callable[[StudyReader], npt.NDArray[np.bool_]] | None:
    """Return what says which rows are written; None for all of them."""
    if text is None and not is_best:
        return None

    def choose(reader: StudyReader) -> npt.NDArray[np.bool_]:
        from hptui.analysis.objectives.best import best_trials

        among = None if text is None else chosen_rows(text, reader)
        if is_best:
            return best_trials(reader.trials, among)
        assert among is not None
        return among

    return choose

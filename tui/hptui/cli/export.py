"""`hptui export`: a study's trials in a file, or the study in a file of its own."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.locate import add_study_argument, locate_study
from hptui.domain.json_values import dump
from hptui.domain.text import safe_line

if TYPE_CHECKING:
    import argparse

_EPILOG = """\
FILE ends in .csv or .jsonl for the trials, in the forms of `hptui trials --csv` and `--json`, or in
.db for the whole study, always with all trials, as one SQLite file of Optuna. The study may be
running meanwhile.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui export`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    parser.add_argument("file", metavar="FILE", type=Path, help="where to write; .csv, .jsonl, .db")
    add_filter_option(parser)
    parser.add_argument(
        "--overwrite", action="store_true", help="replace FILE; study files are never replaced"
    )
    parser.add_argument("--json", action="store_true", help="print JSON: file, trials")


def run(args: argparse.Namespace) -> int:
    """Write the file and say how much is in it."""
    from hptui.storage.export import export_study, form_of

    form_of(args.file)
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)
    target = args.file.absolute()
    choose = None if args.filter is None else partial(chosen_rows, args.filter)
    count = export_study(
        place.path, place.study_name, target, overwrite=args.overwrite, choose=choose
    )
    if args.json:
        print(dump({"file": str(target), "trials": count}))
    else:
        print(f"{count} trial{'s' if count != 1 else ''} in {safe_line(str(args.file))}.")
    return 0

"""`hptui import`: the trials in a CSV, JSON or Parquet file, into a study."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_studies_option, locate_study, storage_file, studies_folder
from hptui.cli.output.transfer_outcome import print_outcome
from hptui.domain.study_name import check_study_name
from hptui.domain.study_ref import StudyRef
from hptui.errors import StudyFileError, UsageError
from hptui.storage.files.studies_folder import study_file
from hptui.storage.transfer.import_request import (
    AS_WORDS,
    DIRECTION_WORDS,
    STATES_BY_WORD,
    read_request,
)

if TYPE_CHECKING:
    from hptui.storage.transfer.import_request import ImportRequest

_EPILOG = """\
FILE ends in .csv, .json, .jsonl or .parquet. It may be from hptui export, from Optuna's
trials_dataframe() or `optuna trials -f json`, or any table with a column for each parameter and
value; commas, semicolons or tabs may separate the cells of a CSV file:

  hptui import other-machine.csv digits                  # results of another run, into a study
  hptui import table.csv table --value accuracy --direction maximize --space lr=1e-5..0.1:log
  hptui import good.jsonl digits --state complete --as waiting      # to try first

A file of hptui export gives the same study again, with its directions and spaces, but without what
samplers and programs keep in a study, and without trials that were still running.
An existing study defines the parameters; for a new one the file does. Trials with values outside
are left out, with the reason. If a cell cannot be read, nothing is imported. Rows that the study
already has are left out, so a file that has grown can be imported again.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui import`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument("file", metavar="FILE", type=Path, help="the file to read")
    parser.add_argument("study", metavar="STUDY", help="the study; a new name creates one")
    add_studies_option(parser)
    parser.add_argument("--storage", metavar="FILE", help="the study's file (default: STUDY.db)")
    parser.add_argument(
        "--as",
        dest="as_what",
        choices=AS_WORDS,
        default="finished",
        help="import as results (default), or as parameters to try next",
    )
    parser.add_argument(
        "--state",
        action="append",
        choices=tuple(STATES_BY_WORD),
        help="import only trials in this state",
    )
    parser.add_argument(
        "--value",
        action="append",
        default=[],
        metavar="COLUMN",
        help="the column of the value, once for each objective",
    )
    parser.add_argument(
        "--map",
        action="append",
        default=[],
        metavar="COLUMN=WHAT",
        help="what a column is: param:NAME, attr:NAME, value, state, start, complete or skip",
    )
    parser.add_argument(
        "--space",
        action="append",
        default=[],
        metavar="NAME=LOW..HIGH[:log][:step=N]",
        help="the range of a parameter that the study does not have yet",
    )
    parser.add_argument(
        "--choices",
        action="append",
        default=[],
        metavar="NAME=A|B",
        help="the choices of a parameter that the study does not have yet",
    )
    parser.add_argument(
        "--direction",
        action="append",
        choices=DIRECTION_WORDS,
        help="for a new study, once for each objective (default: as in the file, else minimize)",
    )
    parser.add_argument(
        "--again", action="store_true", help="import rows again that the study already has"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="show what would be imported; write nothing"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(args: argparse.Namespace) -> int:
    """Take the trials over, or say what would be taken."""
    from hptui.engine.studies.importing import (
        dry_import_into,
        dry_import_into_new,
        import_into,
        import_into_new,
    )

    request = _request(args)
    into = _study_that_is_there(args)
    folder = studies_folder(args.studies)
    target: Path | None = None if args.storage is None else storage_file(args.storage)
    path: Path | None = None
    if args.dry_run and into is not None:
        plan = dry_import_into(args.file, request, *into)
    elif args.dry_run:
        plan = dry_import_into_new(args.file, request, args.study, folder=folder, target=target)
    elif into is not None:
        done = import_into(args.file, request, *into)
        plan, path = done.plan, done.path
    else:
        done = import_into_new(args.file, request, args.study, folder=folder, target=target)
        plan, path = done.plan, done.path
    name = args.study if into is None else into[1]
    print_outcome(args, name, path, len(plan.trials), plan.left_out, plan.remarks, verb="get")
    return 0


def _request(args: argparse.Namespace) -> ImportRequest:
    return read_request(
        as_what=args.as_what,
        states=args.state or (),
        values=args.value,
        maps=args.map,
        directions=args.direction or (),
        spaces=args.space,
        choices=args.choices,
        again=args.again,
    )


def _study_that_is_there(args: argparse.Namespace) -> StudyRef | None:
    from hptui.storage.read.studies import study_names

    if args.storage is not None:
        path = storage_file(args.storage)
        if path.exists() and args.study in study_names(path):
            return StudyRef(path, args.study)
        check_study_name(args.study)
        return None
    is_name = "/" not in args.study and ".db" not in args.study and ":" not in args.study
    if is_name:
        check_study_name(args.study)
        if not study_file(studies_folder(args.studies), args.study).exists():
            return None
    try:
        place = locate_study(args.study, studies=args.studies)
    except UsageError as error:
        # A file that is there and refused has a remedy of its own.
        if is_name or (isinstance(error, StudyFileError) and error.hint):
            raise
        raise UsageError(
            error.message, hint="Name a new study as NAME, or as NAME with --storage FILE."
        ) from error
    return place

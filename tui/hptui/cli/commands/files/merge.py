"""`hptui merge`: one new study of the trials of several."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hptui.cli.options.locate import add_studies_option, locate_study, storage_file
from hptui.cli.output.transfer_outcome import add_outcome_options, print_outcome

if TYPE_CHECKING:
    from pathlib import Path

_EPILOG = """\
The studies are only read, so they may be running. Trials that have ended are ordered by their start
and get new numbers; hptui:forked_from holds their origin. A trial that several studies have, as
after a fork, is taken once. The first study defines the parameters: trials of the others with a
choice, a type or a scale that does not fit are left out.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui merge`."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = _EPILOG
    parser.add_argument(
        "study", metavar="STUDY", nargs="+", help="studies: names, path/to/file.db, or file.db:name"
    )
    add_studies_option(parser)
    parser.add_argument("--into", metavar="NEW_NAME", required=True, help="the new study's name")
    parser.add_argument(
        "--any-objective",
        action="store_true",
        help="merge studies although hptui ran them with different objectives",
    )
    add_outcome_options(parser)


def run(args: argparse.Namespace) -> int:
    """Merge the studies, or say what would be kept."""
    from hptui.engine.studies.merging import dry_merge, merge_studies

    places = [locate_study(text, studies=args.studies) for text in args.study]
    target: Path | None = None if args.storage is None else storage_file(args.storage)
    path: Path | None = None
    if args.dry_run:
        plan = dry_merge(places, args.into, target=target, any_objective=args.any_objective)
    else:
        merged = merge_studies(places, args.into, target=target, any_objective=args.any_objective)
        plan, path = merged.plan, merged.path
    print_outcome(args, args.into, path, plan.n_kept, plan.left_out, plan.remarks)
    return 0

"""`hptui trials`: the trials of a study as a table, JSON or CSV."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.cli.options.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.domain.texts.readable import plural
from hptui.domain.texts.text import safe_line
from hptui.domain.trial_states import FAIL, STATE_NAMES
from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from hptui.cli.output.trial_rows import TrialRows

_STATES = {name.lower(): number for number, name in enumerate(STATE_NAMES)} | {"failed": FAIL}
_EPILOG = """\
--json prints one object per line with the keys number, state, values, feasible, start, complete,
duration_s, params, last_step, last_value, user_attrs, constraints. --csv prints the columns number,
state, value (or value_0, value_1, ...), feasible, datetime_start, datetime_complete, duration_s,
then params_NAME for each parameter, user_attrs_KEY and constraints_NAME. In CSV, missing values are
empty cells, infinities are `inf` and `-inf`, and text that a spreadsheet would take for a formula
(it begins with =, +, - or @) gets a leading apostrophe; user attributes other than plain text are
JSON. A pruned trial's value is its last report.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui trials`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON, one object per line")
    form.add_argument("--csv", action="store_true", help="print CSV")
    parser.add_argument(
        "--state",
        action="append",
        choices=tuple(_STATES),
        metavar="STATE",
        help=f"only trials in this state: {', '.join(STATE_NAMES).lower()}",
    )
    add_filter_option(parser)
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        help="number (default), state, value, value_N, duration, start, or a parameter's name",
    )
    parser.add_argument("--reverse", action="store_true", help="largest first")
    parser.add_argument("--limit", type=int, metavar="N", help="at most N trials")


def run(args: argparse.Namespace) -> int:
    """Print the trials."""
    if args.limit is not None and args.limit < 0:
        raise UsageError(f"--limit is {args.limit}, but must be 0 or more.")
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)

    from hptui.cli.output.trial_rows import TrialRows
    from hptui.storage.read.study_reader import StudyReader

    with StudyReader(place.path, place.study_name) as reader:
        reader.refresh()
    rows = TrialRows(reader)
    rows.select([_STATES[state] for state in args.state or ()])
    if args.filter is not None:
        rows.keep(chosen_rows(args.filter, reader))
    rows.sort(args.sort or "number", reverse=args.reverse)
    rows.limit(args.limit)
    if args.json:
        rows.print_json()
    elif args.csv:
        rows.print_csv()
    else:
        rows.print_table()
        _tell_damage(rows)
    return 0


def _tell_damage(rows: TrialRows) -> None:
    count = int(rows.columns.trials.is_damaged.sum())
    if count:
        first = rows.columns.damaged[0]
        print(
            f"! {plural(count, 'trial is', 'trials are')} damaged; "
            f"trial {first.number}: {safe_line(first.reason)}"
        )

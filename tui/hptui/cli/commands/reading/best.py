"""`hptui best`: the best trial of a study, or the Pareto front of several objectives."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hptui.cli.main import EXIT_NOTHING_COMPLETED
from hptui.cli.options.filter_option import add_filter_option, check_filter, chosen_rows
from hptui.cli.options.locate import add_study_argument, locate_study
from hptui.cli.output.table import Column, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.spaces.choices import show_choice
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.python_text import python_literal
from hptui.domain.texts.text import safe_line
from hptui.storage.read.study_detail import read_study
from hptui.storage.read.trial_detail import TrialDetail, read_trial

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from hptui.domain.study_ref import StudyRef
    from hptui.storage.read.studies import StudySummary

_EPILOG = """\
Only feasible trials count. --json prints the keys study, directions and best, a list of objects
with number, values and params: one trial, or the Pareto front by its first objective.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui best`."""
    parser.epilog = _EPILOG
    add_study_argument(parser)
    add_filter_option(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="print JSON")
    form.add_argument(
        "--python",
        action="store_true",
        help="print the parameters as a dict to paste into code (a list of dicts for a front)",
    )


def run(args: argparse.Namespace) -> int:
    """Print the best; 3 is the exit code when no feasible trial is complete."""
    check_filter(args.filter)
    place = locate_study(args.study, studies=args.studies)
    study = read_study(place.path, place.study_name)
    summary = study.summary
    trials = _best_trials(place, summary, args.filter)
    if args.json:
        print(dump(_as_json(summary, trials)))
    elif not trials:
        name = safe_line(summary.name, max_chars=60)
        which = "yet" if args.filter is None else "among those that match the filter"
        print(f"hptui: No feasible trial of {name!r} is complete {which}.", file=sys.stderr)
    elif args.python:
        print(_as_python(trials, is_front=len(summary.directions) > 1))
    elif len(summary.directions) > 1:
        print("\n".join(_front_lines(trials, study.metric_names)))
    else:
        print("\n".join(_best_lines(trials[0])))
    return 0 if trials else EXIT_NOTHING_COMPLETED


def _best_trials(
    place: StudyRef, summary: StudySummary, filter_text: str | None
) -> list[TrialDetail]:
    if len(summary.directions) == 1 and filter_text is None:
        numbers = [] if summary.best is None else [summary.best.number]
    else:
        numbers = _best_numbers(place, filter_text)
    return [read_trial(place.path, place.study_name, number) for number in numbers]


def _best_numbers(place: StudyRef, filter_text: str | None) -> list[int]:
    import numpy as np

    from hptui.analysis.objectives.best import best_trials
    from hptui.storage.read.study_reader import StudyReader

    with StudyReader(place.path, place.study_name) as reader:
        reader.refresh()
    among = None if filter_text is None else chosen_rows(filter_text, reader)
    rows = np.flatnonzero(best_trials(reader.trials, among))
    ordered = rows[np.lexsort((reader.trials.numbers[rows], reader.trials.values[rows, 0]))]
    return reader.trials.numbers[ordered].tolist()


def _best_lines(trial: TrialDetail) -> list[str]:
    lines = [f"{trial.values[0]!r}  trial {trial.number}"]
    width = max((len(safe_line(param.name)) for param in trial.params), default=0)
    lines.extend(
        f"  {safe_line(param.name):<{width}}  {show_choice(param.value, exact=True)}"
        for param in trial.params
    )
    return lines


def _front_lines(trials: Sequence[TrialDetail], metric_names: Sequence[str]) -> list[str]:
    names = list(dict.fromkeys(param.name for trial in trials for param in trial.params))
    metrics = metric_names or [f"value {objective}" for objective in range(len(trials[0].values))]
    columns = [
        Column("trial", "right"),
        *(Column(metric, "right") for metric in metrics),
        *(Column(name, "right") for name in names),
    ]
    rows: list[list[object]] = []
    for trial in trials:
        texts = {param.name: show_choice(param.value) for param in trial.params}
        rows.append([trial.number, *trial.values, *(texts.get(name) for name in names)])
    return render_table(columns, rows, width=Terminal.of_stdout().table_width)


def _as_json(summary: StudySummary, trials: Sequence[TrialDetail]) -> dict[str, Any]:
    return {
        "study": summary.name,
        "directions": summary.directions,
        "best": [
            {"number": trial.number, "values": trial.values, "params": _params(trial)}
            for trial in trials
        ],
    }


def _params(trial: TrialDetail) -> dict[str, Any]:
    return {param.name: param.value for param in trial.params}


def _as_python(trials: Sequence[TrialDetail], *, is_front: bool) -> str:
    dicts = [python_literal(_params(trial)) for trial in trials]
    if not is_front:
        return dicts[0]
    return "[\n" + "".join(f"    {each},\n" for each in dicts) + "]"

"""`hptui compare`: up to six studies side by side."""

from __future__ import annotations

import argparse
import math
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from hptui.cli.options.filter_option import add_filter_option, check_filter
from hptui.cli.options.locate import add_studies_option, address_of
from hptui.cli.output.picture_output import (
    TITLE_LINES,
    FigureSize,
    add_size_options,
    look_of,
    picture_text,
)
from hptui.cli.output.table import cut, render_table
from hptui.cli.output.terminal import Terminal
from hptui.domain.texts.json_values import dump
from hptui.domain.texts.text import safe_line
from hptui.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.compare.comparison import ComparedStudy, Comparison, StudyResult
    from hptui.cli.output.read_plotted import ReadStudy
    from hptui.domain.texts.text_table import TextTable
    from hptui.figures.canvas.figure import Figure
    from hptui.figures.canvas.picture import Look
    from hptui.trials import FloatArray

_FEWEST: Final = 2
_EPILOG = """\
Only feasible complete trials count. Trials to reach a value include all up to the first one, by
number, that is as good; time is wall-clock time while trials ran, without the breaks between
runs. --json prints the keys directions, shared_params, studies (name, file, counts,
wall_s, trials_s, sampler, pruner, n_front, hypervolume) and objectives (objective, name,
direction, to, studies, and params with name and differs). Each study of an objective has name,
best (number, value, params), reached (n_trials, wall_s), and lists: history (number, value, best)
of all trials in their order, edf (value, share), and budget (number, value, n_trials, wall_s),
which is what each of its best values took to reach.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of `hptui compare`."""
    parser.epilog = _EPILOG
    parser.add_argument(
        "names",
        metavar="STUDY",
        nargs="+",
        help="two to six of them: a study's name, path/to/file.db, or file.db:name",
    )
    add_studies_option(parser)
    add_filter_option(parser)
    parser.add_argument(
        "--objective", type=int, metavar="N", help="compare only objective N, counted from 0"
    )
    parser.add_argument(
        "--to",
        type=_number,
        metavar="VALUE",
        help="show what it took to reach this value; write a negative one as --to=-1 (default: "
        "the worst best value, which all have reached)",
    )
    parser.add_argument("--log", action="store_true", help="use a logarithmic scale for values")
    parser.add_argument("--json", action="store_true", help="print JSON instead")
    add_size_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print figures and tables, once for each objective."""
    from hptui.analysis.compare.comparison import check_comparable, compare
    from hptui.cli.output.read_plotted import read_plotted
    from hptui.figures.request import chosen_objectives

    terminal = Terminal.of_stdout()
    size = FigureSize.asked_for(args, terminal)
    check_filter(args.filter)
    _check_number(len(args.names))
    studies = [read_plotted(text, args.studies, args.filter) for text in args.names]
    _check_different(studies)
    check_comparable([(each.name, each.trials.directions) for each in studies])
    objectives = chosen_objectives(args.objective, len(studies[0].trials.directions))
    if args.to is not None and len(objectives) > 1:
        raise UsageError(
            f"--to is for one objective, but the studies have {len(objectives)}.",
            hint="Choose one with --objective N, counted from 0.",
        )
    compared = _compared(studies)
    comparisons = [compare(compared, objective, args.to) for objective in objectives]
    if args.json:
        print(dump(_as_json(studies, comparisons)))
        return 0
    for index, comparison in enumerate(comparisons):
        if index:
            print()
        name = studies[0].value_name(comparison.objective)
        look = look_of(terminal, args.glyphs)
        _print_comparison(comparison, name, size, terminal, look, is_log=args.log)
    return 0


def _number(text: str) -> float:
    """Read a number; what is wrong becomes a complaint of the parser."""
    with suppress(ValueError):
        number = float(text)
        if not math.isnan(number):
            return number
    raise argparse.ArgumentTypeError(f"{safe_line(text)!r} is not a number.")


def _check_number(count: int) -> None:
    from hptui.analysis.compare.comparison import MAX_COMPARED

    if count < _FEWEST:
        raise UsageError(
            "A comparison needs two studies or more.",
            hint="hptui show STUDY shows one.",
        )
    if count > MAX_COMPARED:
        raise UsageError(f"Compare at most {MAX_COMPARED} studies, not {count:,}.")


def _check_different(studies: Sequence[ReadStudy]) -> None:
    seen = set[object]()
    for each in studies:
        key = each.path.resolve(), each.name
        if key in seen:
            raise UsageError(
                f"{safe_line(each.name, max_chars=60)} was given twice.",
                hint="Name each study once.",
            )
        seen.add(key)


def _compared(studies: Sequence[ReadStudy]) -> list[ComparedStudy]:
    from hptui.analysis.compare.comparison import ComparedStudy

    names = [each.name for each in studies]
    if len(set(names)) < len(names):
        # The same name in several files.
        names = [address_of(each.path, each.name) for each in studies]
    compared: list[ComparedStudy] = []
    for name, each in zip(names, studies, strict=True):
        runs = each.detail.runs
        sampler, pruner = (runs[-1].sampler, runs[-1].pruner) if runs else ("", "")
        compared.append(ComparedStudy(name, each.trials, sampler, pruner))
    return compared


def _print_comparison(
    comparison: Comparison,
    name: str,
    size: FigureSize,
    terminal: Terminal,
    look: Look,
    *,
    is_log: bool,
) -> None:
    from hptui.analysis.compare.comparison_tables import (
        bests_table,
        budget_table,
        params_sentence,
        params_table,
    )
    from hptui.figures.edf import NamedEdf, draw_edf
    from hptui.figures.overlay import NamedHistory, draw_overlay

    figures: dict[str, Figure] = {
        f"{comparison.direction} {name}: the best so far": draw_overlay(
            [NamedHistory(each.name, each.history) for each in comparison.results],
            width=size.width,
            height=size.height - TITLE_LINES,
            look=look,
            is_log=is_log,
            target=comparison.target if comparison.is_target_given else None,
        ),
        f"trials by {name}": draw_edf(
            [NamedEdf(each.name, each.edf) for each in comparison.results],
            width=size.width,
            height=size.height - TITLE_LINES,
            look=look,
            is_log=is_log,
            value_name=name,
        ),
    }
    for title, figure in figures.items():
        _print(cut(safe_line(title), size.width), terminal)
        print(figure.sentence or picture_text(figure.picture, n_colours=terminal.n_colours))
    _print_table(bests_table(comparison, name, "★" if terminal.has_unicode else "*"), terminal)
    sentence = params_sentence(comparison)
    if sentence:
        _print(f"\n{sentence}", terminal)
    else:
        different = "≠" if terminal.has_unicode else "!"
        _print_table(params_table(comparison, different), terminal)
    _print_table(budget_table(comparison), terminal)


def _print_table(table: TextTable, terminal: Terminal) -> None:
    _print(f"\n{safe_line(table.caption)}", terminal)
    for line in render_table(table.columns, table.rows, width=terminal.table_width):
        _print(line, terminal)


def _print(line: str, terminal: Terminal) -> None:
    if not terminal.has_unicode:
        line = line.encode("ascii", "replace").decode("ascii")
    print(line)


def _as_json(studies: Sequence[ReadStudy], comparisons: Sequence[Comparison]) -> dict[str, object]:
    first = comparisons[0]
    return {
        "directions": studies[0].trials.directions,
        "shared_params": first.shares_params,
        "studies": [
            _study_json(study, result) for study, result in zip(studies, first.results, strict=True)
        ],
        "objectives": [
            _objective_json(each, studies[0].value_name(each.objective)) for each in comparisons
        ],
    }


def _study_json(study: ReadStudy, result: StudyResult) -> dict[str, object]:
    is_one = len(study.trials.directions) == 1
    return {
        "name": study.name,
        "file": str(study.path),
        "counts": {state.lower(): count for state, count in result.counts.items()},
        "wall_s": result.spent.wall_s,
        "trials_s": result.spent.trials_s,
        "sampler": result.sampler or None,
        "pruner": result.pruner or None,
        "n_front": None if is_one else result.n_front,
        "hypervolume": None if math.isnan(result.hypervolume) else result.hypervolume,
    }


def _objective_json(comparison: Comparison, name: str) -> dict[str, object]:
    return {
        "objective": comparison.objective,
        "name": name,
        "direction": comparison.direction,
        "to": comparison.target,
        "studies": [
            {
                "name": each.name,
                "best": None
                if each.best is None
                else {
                    "number": each.best.number,
                    "value": each.best.value,
                    "params": dict(each.best.params),
                },
                "reached": None
                if each.reached is None
                else {"n_trials": each.reached.n_trials, "wall_s": each.reached.wall_s},
                **_curves_json(each),
            }
            for each in comparison.results
        ],
        "params": [{"name": each.name, "differs": each.differs} for each in comparison.params],
    }


def _curves_json(result: StudyResult) -> dict[str, object]:
    history, edf, budget = result.history, result.edf, result.budget
    return {
        "history": {
            "number": history.numbers.tolist(),
            "value": _numbers(history.values),
            "best": _numbers(history.best),
        },
        "edf": {"value": _numbers(edf.values), "share": _numbers(edf.shares)},
        "budget": {
            "number": budget.numbers.tolist(),
            "value": _numbers(budget.values),
            "n_trials": budget.n_trials.tolist(),
            "wall_s": _numbers(budget.wall_s),
        },
    }


def _numbers(values: FloatArray) -> list[float | None]:
    """Return numbers as JSON has them: what is none there, as a trial without a value, is null."""
    return [None if math.isnan(each) else each for each in values.tolist()]

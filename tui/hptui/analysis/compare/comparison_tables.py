"""A comparison in words and tables: bests, their parameters, and what it took to reach a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from hptui.analysis.compare.comparison import LETTERS
from hptui.domain.spaces.choices import show_choice
from hptui.domain.texts.number_column import NumberStyle, number_style
from hptui.domain.texts.readable import four_digits, show_duration
from hptui.domain.texts.text_table import Column, TextTable
from hptui.domain.trial_states import STATE_WORDS

if TYPE_CHECKING:
    from hptui.analysis.compare.comparison import Comparison, StudyResult

NOTHING: Final = "-"
_STATES: Final = ("COMPLETE", "PRUNED", "FAIL")
_OTHER_STATES: Final = ("RUNNING", "WAITING", "STALE")


def bests_table(comparison: Comparison, value_name: str, star: str = "★") -> TextTable:
    """Return a row a study: its best, trials by state, time, sampler and pruner.

    The best of all has a star.
    """
    results, leader = comparison.results, comparison.leader
    others = (state for state in _OTHER_STATES if any(each.counts[state] for each in results))
    states = (*_STATES, *others)
    several = comparison.n_objectives > 1
    style = number_style([each.best.value for each in results if each.best is not None])
    columns = [
        Column(""),
        Column("study"),
        Column(f"best {value_name}", "right"),
        Column("trial", "right"),
        *([Column("front", "right"), Column("hypervolume", "right")] if several else ()),
        *(Column(STATE_WORDS[state], "right") for state in states),
        Column("time", "right"),
        Column("of all trials", "right"),
        Column("sampler"),
        Column("pruner"),
    ]
    rows = [
        (
            LETTERS[at],
            each.name,
            _best(each, star if at == leader else "", style),
            NOTHING if each.best is None else f"#{each.best.number}",
            *((f"{each.n_front:,}", _volume(each)) if several else ()),
            *(f"{each.counts[state]:,}" for state in states),
            show_duration(each.spent.wall_s),
            show_duration(each.spent.trials_s),
            each.sampler or NOTHING,
            each.pruner or NOTHING,
        )
        for at, each in enumerate(results)
    ]
    return TextTable(tuple(columns), tuple(rows), "bests")


def budget_table(comparison: Comparison) -> TextTable:
    """Return a row a study: trials and time that it took to reach the value."""
    columns = (Column(""), Column("study"), Column("trials", "right"), Column("time", "right"))
    rows: list[tuple[str, ...]] = []
    for at, each in enumerate(comparison.results):
        reached = each.reached
        if reached is None:
            took = ("never", "never")
        else:
            wall = NOTHING if reached.wall_s is None else show_duration(reached.wall_s)
            took = (f"{reached.n_trials:,}", wall)
        rows.append((LETTERS[at], each.name, *took))
    return TextTable(columns, tuple(rows), budget_title(comparison))


def budget_title(comparison: Comparison) -> str:
    """Return what the table of budgets shows."""
    if comparison.target is None:
        return "to reach a value: no study has a best yet"
    which = "" if comparison.is_target_given else ", the worst of the best values"
    return f"to reach {four_digits(comparison.target)}{which}"


def params_table(comparison: Comparison, different: str = "≠") -> TextTable:
    """Return a row a parameter of the bests, and a column a study; differences have a mark."""
    columns = (
        Column(""),
        Column("parameter"),
        *(Column(LETTERS[at], "right") for at in range(len(comparison.results))),
    )
    rows = [
        (
            different if param.differs else "",
            param.name,
            *(
                show_choice(each.best.params[param.name])
                if each.best is not None and param.name in each.best.params
                else NOTHING
                for each in comparison.results
            ),
        )
        for param in comparison.params
    ]
    return TextTable(columns, tuple(rows), "parameters of the best trials")


def params_sentence(comparison: Comparison) -> str:
    """Return what has to be said about the parameters; nothing where the table says it all."""
    if not comparison.shares_params:
        return "The studies share no parameter, so only their values are compared."
    if not comparison.params:
        return "The best trials have no parameters."
    return ""


def _best(result: StudyResult, star: str, style: NumberStyle) -> str:
    return NOTHING if result.best is None else f"{star} {style.show(result.best.value)}".lstrip()


def _volume(result: StudyResult) -> str:
    # NaN is the only number that differs from itself.
    return four_digits(result.hypervolume) if result.hypervolume == result.hypervolume else NOTHING

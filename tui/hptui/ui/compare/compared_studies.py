"""Several studies that are followed, side by side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from hptui.analysis.compare.comparison import ComparedStudy, Comparison, check_comparable, compare
from hptui.analysis.compare.comparison_tables import (
    bests_table,
    budget_table,
    params_sentence,
    params_table,
)
from hptui.domain.texts.text import safe_line
from hptui.figures.request import value_name
from hptui.ui.widgets.text_table_model import TextTableModel

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.widgets.table_model import Role

SERIES: Final[tuple[Role, ...]] = (
    "series-1",
    "series-2",
    "series-3",
    "series-4",
    "series-5",
    "series-6",
)


@dataclass(frozen=True, slots=True, eq=False)
class ComparedStudies:
    """A comparison and its tables, ready to be shown."""

    comparison: Comparison
    value_name: str
    bests: TextTableModel
    """A row a study, by the key of its place."""
    params: TextTableModel
    """A row a parameter, by its name."""
    params_sentence: str
    """What there is to say in the place of parameters; nothing where the table says it."""
    reached: TextTableModel


def names_of(places: Sequence[tuple[Path, str]]) -> list[str]:
    """Return what studies are called among each other: with the file where names are equal."""
    names = [name for _, name in places]
    if len(set(names)) == len(names):
        return names
    return [f"{path.name}:{name}" for path, name in places]


def compare_snapshots(
    snapshots: Sequence[StudySnapshot],
    *,
    objective: int = 0,
    to: float | None = None,
    has_unicode: bool = True,
) -> ComparedStudies:
    """Return studies side by side in one objective; it takes long with many trials.

    It is the last one where others of the same names, with fewer of them, have taken their places.

    Raises:
        UsageError: They have different objectives by now.
    """
    names = names_of([(each.path, each.name) for each in snapshots])
    check_comparable(
        [(name, each.trials.directions) for name, each in zip(names, snapshots, strict=True)]
    )
    first = snapshots[0]
    objective = min(objective, len(first.trials.directions) - 1)
    comparison = compare(
        [
            ComparedStudy(name, each.trials, each.sampler, each.pruner)
            for name, each in zip(names, snapshots, strict=True)
        ],
        objective,
        to,
    )
    name = value_name(first.metric_names, len(first.trials.directions), objective)
    star, different = ("★", "≠") if has_unicode else ("*", "!")
    keys = range(len(snapshots))

    def role_of_best(row: int, column: int) -> Role:
        if column == 0:
            return SERIES[row]
        return "best" if column == 1 and row == comparison.leader else ""

    def role_of_budget(row: int, column: int) -> Role:
        if column == 0:
            return SERIES[row]
        return "dim" if comparison.results[row].reached is None else ""

    def role_of_param(row: int, _column: int) -> Role:
        return "" if comparison.params[row].differs else "dim"

    params, sentence = params_table(comparison, different), params_sentence(comparison)
    param_keys = [each.name for each in comparison.params]
    if sentence:
        params, param_keys = replace(params, rows=()), []
    return ComparedStudies(
        comparison,
        safe_line(name, max_chars=40),
        TextTableModel(bests_table(comparison, name, star), keys, role_of_best),
        TextTableModel(params, param_keys, role_of_param),
        sentence,
        TextTableModel(budget_table(comparison), keys, role_of_budget),
    )

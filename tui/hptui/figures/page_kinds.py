"""The kinds of interactive pages, and what can be asked of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from hptui.figures.kinds import Option


@dataclass(frozen=True, slots=True)
class PageKind:
    """A kind of page: one of Optuna's figures."""

    name: str
    """As `hptui plot` calls it, where it has it."""
    function: str
    """Of `optuna.visualization`."""
    options: frozenset[Option]


def _kind(name: str, function: str, *options: Option) -> PageKind:
    return PageKind(name, f"plot_{function}", frozenset(options))


PAGE_KINDS: Final = {
    kind.name: kind
    for kind in (
        _kind("history", "optimization_history", "objective", "log", "others"),
        _kind("edf", "edf", "objective", "log", "others"),
        _kind("pareto", "pareto_front", "axes", "log"),
        _kind("timeline", "timeline"),
        _kind("slice", "slice", "objective", "log", "params"),
        _kind("intermediate", "intermediate_values", "log"),
        _kind("contour", "contour", "objective", "params"),
        _kind("rank", "rank", "objective", "params"),
        _kind("parallel", "parallel_coordinate", "objective", "params"),
        _kind("hypervolume", "hypervolume_history", "reference"),
        _kind("importance", "param_importances", "objective", "params", "evaluator"),
        _kind("advice", "terminator_improvement", "objective", "log"),
    )
}

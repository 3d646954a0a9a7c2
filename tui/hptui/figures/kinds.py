"""The kinds of figures and of interactive pages there are, and what can be asked of each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.request import FigureRequest, TitledFigure

Option = Literal["objective", "log", "others", "params", "axes", "reference", "evaluator", "json"]
"""What some kinds take and others do not: parts of a `FigureRequest`, and plain data instead."""


Objectives = Literal["any", "one", "several"]


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure."""

    name: str
    summary: str
    """What it shows, in a few words."""
    module: str
    """Imported when the figure is asked for."""
    options: frozenset[Option]
    """Those that say something about it."""
    objectives: Objectives = "any"
    """Which studies have something for it to show."""
    function: str = "figures_of"
    """Of the module: it takes a request and returns the figures."""
    is_expensive: bool = False
    """Whether it takes seconds of a core, so that it is not computed anew with every trial."""

    def suits(self, n_objectives: int) -> bool:
        """Say whether a study with so many objectives has something for it to show."""
        return self.objectives == "any" or (n_objectives > 1) == (self.objectives == "several")

    def figures(self, request: FigureRequest) -> Iterator[TitledFigure]:
        """Compute what it shows: one figure or several, each when it is asked for.

        Raises:
            UsageError: The request asks for something that the study does not have.
        """
        yield from getattr(import_module(self.module), self.function)(request)

    def data(self, request: FigureRequest) -> Iterator[dict[str, Any]]:
        """Compute the same as plain data, of a kind that has the option `json`.

        Raises:
            UsageError: The request asks for something that the study does not have.
        """
        yield from import_module(self.module).data_of(request)


def _kind(
    name: str,
    summary: str,
    *options: Option,
    objectives: Objectives = "any",
    function: str = "",
    is_expensive: bool = False,
) -> Kind:
    module, _, name_there = function.rpartition(".")
    return Kind(
        name,
        summary,
        f"hptui.figures.{module or name}",
        frozenset(options),
        objectives,
        name_there or "figures_of",
        is_expensive,
    )


KINDS: Final = {
    kind.name: kind
    for kind in (
        _kind(
            "history", "the value of every trial, and the best so far", "objective", "log", "others"
        ),
        _kind("progress", "the best value over time", "objective", "log", "others"),
        _kind("edf", "the share of trials that reach each value", "objective", "log", "others"),
        _kind(
            "pareto",
            "two objectives against each other, and the front",
            "axes",
            "log",
            objectives="several",
        ),
        _kind("timeline", "which trial ran when, and idle workers"),
        _kind("slice", "the value by each parameter", "objective", "log", "params"),
        _kind("intermediate", "what all trials reported, step by step", "log"),
        _kind(
            "contour",
            "the value over two parameters",
            "objective",
            "params",
            function="heat.contours_of",
        ),
        _kind(
            "rank",
            "how trials rank over two parameters",
            "objective",
            "params",
            function="heat.ranks_of",
        ),
        _kind("parallel", "trials across all parameters", "objective", "log", "params"),
        _kind(
            "importance",
            "how much each parameter matters",
            "objective",
            "params",
            "evaluator",
            "json",
            is_expensive=True,
        ),
        _kind(
            "advice", "whether more trials are worth it", "objective", "log", "reference", "json"
        ),
        _kind(
            "hypervolume",
            "the progress of several objectives together",
            "reference",
            objectives="several",
        ),
    )
}


@dataclass(frozen=True, slots=True)
class PageKind:
    """A kind of page: one of Optuna's figures."""

    name: str
    """As `hptui plot` calls it, where it has it."""
    function: str
    """Of `optuna.visualization`."""
    options: frozenset[Option]


def _page_kind(name: str, function: str, *options: Option) -> PageKind:
    return PageKind(name, f"plot_{function}", frozenset(options))


PAGE_KINDS: Final = {
    kind.name: kind
    for kind in (
        _page_kind("history", "optimization_history", "objective", "log", "others"),
        _page_kind("edf", "edf", "objective", "log", "others"),
        _page_kind("pareto", "pareto_front", "axes", "log"),
        _page_kind("timeline", "timeline"),
        _page_kind("slice", "slice", "objective", "log", "params"),
        _page_kind("intermediate", "intermediate_values", "log"),
        _page_kind("contour", "contour", "objective", "params"),
        _page_kind("rank", "rank", "objective", "params"),
        _page_kind("parallel", "parallel_coordinate", "objective", "params"),
        _page_kind("hypervolume", "hypervolume_history", "reference"),
        _page_kind("importance", "param_importances", "objective", "params", "evaluator"),
        _page_kind("advice", "terminator_improvement", "objective", "log"),
    )
}

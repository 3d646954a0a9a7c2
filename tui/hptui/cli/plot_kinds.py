"""The figures that `hptui plot` can draw, and the options that each of them takes."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Final

from hptui.errors import UsageError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from hptui.cli.plot_request import PlotRequest, TitledFigure


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of figure."""

    name: str
    summary: str
    """What it shows, in a few words."""
    module: str
    """It has a function `draw_NAME(request)`; imported when the figure is asked for."""
    options: frozenset[str]
    """Those of OPTIONS that say something about it."""

    def draw(self, request: PlotRequest) -> Iterator[TitledFigure]:
        """Draw it: one figure or several."""
        yield from getattr(import_module(self.module), f"draw_{self.name}")(request)


OPTIONS: Final = {
    "objective": "--objective",
    "log": "--log",
    "others": "--with",
    "params": "--param",
    "axes": "--axes",
    "reference": "--reference",
}
"""Options by the name of their argument that some kinds take and others do not."""

_VALUES: Final = "hptui.cli.plot_values"
_TIMES: Final = "hptui.cli.plot_times"
_PARAMS: Final = "hptui.cli.plot_params"


def _kind(name: str, summary: str, module: str, *options: str) -> Kind:
    return Kind(name, summary, module, frozenset(options))


KINDS: Final = {
    kind.name: kind
    for kind in (
        _kind(
            "history",
            "the value of every trial, and the best so far",
            _VALUES,
            "objective",
            "log",
            "others",
        ),
        _kind("edf", "which share of trials is how good", _VALUES, "objective", "log", "others"),
        _kind("pareto", "two objectives against each other, and the front", _VALUES, "axes", "log"),
        _kind("timeline", "which trial ran when, and idle slots", _TIMES),
        _kind("slice", "the value by each parameter", _PARAMS, "objective", "log", "params"),
        _kind("intermediate", "what all trials reported, step by step", _TIMES, "log"),
        _kind("contour", "the value over two parameters", _PARAMS, "objective", "params"),
        _kind("rank", "how trials rank over two parameters", _PARAMS, "objective", "params"),
        _kind("parallel", "trials across all parameters", _PARAMS, "objective", "log", "params"),
        _kind("hypervolume", "what several objectives have gained together", _VALUES, "reference"),
    )
}


def check_options(kind: Kind, args: argparse.Namespace) -> None:
    """Refuse an option that says nothing about this kind.

    Raises:
        UsageError: One was given.
    """
    for name, option in OPTIONS.items():
        if getattr(args, name) not in (None, False, [], ()) and name not in kind.options:
            takers = [each.name for each in KINDS.values() if name in each.options]
            raise UsageError(
                f"{option} says nothing about the kind {kind.name}.",
                hint=f"It is for {', '.join(takers)}.",
            )

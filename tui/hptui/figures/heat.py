"""Two parameters against each other, as a heat map."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from hptui.analysis.grid import build_pair
from hptui.charts.heat_chart import draw_heat
from hptui.errors import UsageError
from hptui.figures.canvas.figure import Figure
from hptui.figures.chosen_params import chosen_params
from hptui.figures.request import Frame, TitledFigure

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.charts.heat_chart import HeatKind
    from hptui.figures.request import FigureRequest

_PAIR: Final = 2
_MAX_IN_PAIRS: Final = 5
"""Of more parameters than these, the first ones are drawn against each other."""


def heat_maps(request: FigureRequest, kind: HeatKind) -> Iterator[TitledFigure]:
    """Return a map of each objective over each pair of the parameters that were asked for."""
    for objective in request.objectives():
        names = chosen_params(request, objective)
        if len(names) < _PAIR:
            yield _no_pair(request, objective)
            continue
        # Without a choice the first pair is drawn: of many parameters there are too many pairs.
        shown = names[:_MAX_IN_PAIRS] if request.params else names[:_PAIR]
        more = ""
        if len(names) > len(shown):
            more = f" (of {len(names)} parameters, {request.chooser} chooses)"
        for pair in combinations(shown, _PAIR):
            yield _heat_map(request, kind, objective, pair, more)


def _heat_map(
    request: FigureRequest, kind: HeatKind, objective: int, names: tuple[str, str], more: str
) -> TitledFigure:
    study = request.study
    x_name, y_name = names
    pair = build_pair(study.trials, x_name, y_name, objective)

    def draw(frame: Frame) -> Figure:
        return draw_heat(
            pair,
            kind,
            width=frame.width,
            height=frame.height,
            unicode=frame.unicode,
            selected=frame.selected,
        )

    value = study.value_name(objective)
    what = f"rank of {value}" if kind == "rank" else value
    return TitledFigure(f"{what} by {x_name} and {y_name}{more}", draw)


def _no_pair(request: FigureRequest, objective: int) -> TitledFigure:
    if request.params:
        raise UsageError(
            "One --param was given, but a heat map is of two.",
            hint="Give --param again with another name.",
        )
    sentence = "The complete trials have fewer than two parameters."

    def draw(frame: Frame) -> Figure:
        return Figure.saying(sentence, frame.width, frame.height)

    return TitledFigure(request.study.value_name(objective), draw)

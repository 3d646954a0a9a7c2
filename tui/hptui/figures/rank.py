"""How trials rank over two parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hptui.figures.heat import heat_maps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hptui.figures.request import FigureRequest, TitledFigure


def figures_of(request: FigureRequest) -> Iterator[TitledFigure]:
    """Return the ranks of trials over two parameters."""
    return heat_maps(request, "rank")

"""Several small charts in one picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hptui.figures.canvas.figure import Figure, Spots
from hptui.figures.canvas.picture import Cells

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.figures.canvas.picture import Span


@dataclass(frozen=True, slots=True)
class PanelGrid:
    """How many panels there are in a row, how many rows, and how large each panel is."""

    n_columns: int
    n_rows: int
    width: int
    height: int
    """With its title."""

    @classmethod
    def fitting(
        cls, n_panels: int, width: int, height: int, *, min_width: int, min_height: int
    ) -> PanelGrid:
        """Return a grid for as many of `n_panels` as have room, at least one."""
        most_columns, most_rows = max(1, width // min_width), max(1, height // min_height)
        n_rows = min(most_rows, -(-n_panels // most_columns))
        n_columns = min(most_columns, -(-n_panels // n_rows))
        return cls(n_columns, n_rows, width // n_columns, height // n_rows)

    @property
    def n_panels(self) -> int:
        """How many panels it has room for."""
        return self.n_columns * self.n_rows


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """A small chart and the line above it, safe for a terminal."""

    title: str
    figure: Figure


def join_panels(
    panels: Sequence[Panel], grid: PanelGrid, width: int, height: int, legend: Sequence[Span]
) -> Figure:
    """Return the panels in one picture, row by row, over a line with the legend."""
    cells = Cells(width, height)
    spots: list[Spots] = []
    for index, panel in enumerate(panels[: grid.n_panels]):
        top, left = index // grid.n_columns * grid.height, index % grid.n_columns * grid.width
        cells.put(top, left + 1, panel.title, "label")
        for row, line in enumerate(panel.figure.picture.lines, start=top + 1):
            cells.put_spans(row, left, line)
        spots.append(panel.figure.spots.moved(left, top + 1))
    cells.put_spans(height - 1, 1, legend)
    return Figure(cells.picture(), spots=Spots.joined(spots))

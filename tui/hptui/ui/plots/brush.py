"""A region while it is marked in a plot: two corners, which stay where they are in numbers."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.analysis.region import Region
    from hptui.figures.canvas.figure import Way
    from hptui.figures.canvas.plane import Plane

Cell = tuple[int, int]
"""A column and a row of a picture."""

_AWAY = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
_FAR_PART = 8
"""A large step is this part of the plane."""


@dataclass(frozen=True, slots=True)
class Brush:
    """Two corners in a plane; pictures may be drawn anew beneath them, on other axes."""

    plane_key: tuple[object, object]
    fixed: tuple[float, float]
    """The numbers at the corner that was put down first."""
    moving: tuple[float, float]
    is_stretched: bool = False
    """Whether the first corner has been put down."""

    @classmethod
    def in_middle(cls, planes: Sequence[Plane], cell: Cell) -> Brush | None:
        """Return a brush in the middle of the plane nearest to a cell."""
        plane = _nearest(planes, cell)
        if plane is None:
            return None
        field = plane.field
        return cls.at((plane,), (field.left + field.width // 2, field.top + field.height // 2))

    @classmethod
    def at(cls, planes: Sequence[Plane], cell: Cell) -> Brush | None:
        """Return a brush at a cell, or in the plane nearest to it; None where there is none."""
        plane = _nearest(planes, cell)
        if plane is None:
            return None
        at = plane.numbers_in(*plane.clipped(*cell))
        return cls(plane.key, at, at)

    def plane_in(self, planes: Sequence[Plane]) -> Plane | None:
        """Return its plane in a picture; None where that has gone."""
        return next((plane for plane in planes if plane.key == self.plane_key), None)

    def corners(self, plane: Plane) -> tuple[Cell, Cell]:
        """Return the cells of the corners, the moving one last."""
        return plane.cell_of(*self.fixed), plane.cell_of(*self.moving)

    def stretched(self) -> Brush:
        """Return the brush with its first corner put down."""
        return replace(self, is_stretched=True)

    def to(self, plane: Plane, cell: Cell) -> Brush:
        """Return the brush with its moving corner at a cell, or the nearest one in its plane."""
        at = plane.numbers_in(*plane.clipped(*cell))
        return replace(self, moving=at, fixed=self.fixed if self.is_stretched else at)

    def step(self, planes: Sequence[Plane], way: Way, *, is_far: bool) -> Brush:
        """Return the brush a step on; before the first corner is put down, into the next plane."""
        plane = self.plane_in(planes)
        if plane is None:
            return self
        column, row = self.corners(plane)[1]
        across, down = _AWAY[way]
        field = plane.field
        by = max(2, (field.width if across else field.height) // _FAR_PART) if is_far else 1
        to = column + across * by, row + down * by
        if not self.is_stretched and plane.clipped(*to) == (column, row):
            further = [each for each in planes if _is_further(plane, each, way)]
            beside = Brush.at(further, (column, row))
            return self if beside is None else beside
        return self.to(plane, to)

    def region(self, plane: Plane, *, is_part: bool) -> Region:
        """Return what it marks; `is_part` says that the picture shows not all trials."""
        return plane.region(*self.corners(plane), is_part=is_part)


def _nearest(planes: Sequence[Plane], cell: Cell) -> Plane | None:
    def distance(plane: Plane) -> int:
        inside = plane.clipped(*cell)
        return abs(inside[0] - cell[0]) + 2 * abs(inside[1] - cell[1])

    return min(planes, key=distance, default=None)


def _is_further(plane: Plane, other: Plane, way: Way) -> bool:
    one, two = plane.field, other.field
    if way in ("left", "right"):
        return two.left > one.left if way == "right" else two.left < one.left
    return two.top > one.top if way == "down" else two.top < one.top

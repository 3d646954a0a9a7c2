"""How much of the space of objectives a study has beaten, trial by trial."""

from __future__ import annotations

import math
from bisect import bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from hptui.analysis.objectives.pareto import beaten_by, losses_of
from hptui.trials import complete_rows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.trials import FloatArray, IntArray, Trials

_BLOCK: Final = 1_000
_FLAT: Final = 2


@dataclass(frozen=True, slots=True, eq=False)
class HypervolumeHistory:
    """The volume between the front so far and a reference point, for each complete trial."""

    numbers: IntArray
    volumes: FloatArray
    reference: tuple[float, ...]
    n_beyond: int
    """Feasible trials that are worse than the reference in an objective, or infinite."""


def worst_values(trials: Trials) -> tuple[float, ...]:
    """Return the worst finite value of a feasible complete trial in each objective.

    NaN where there is none.
    """
    rows = complete_rows(trials)
    values = trials.values[rows[trials.is_feasible[rows]]]
    worst: list[float] = []
    for column, direction in enumerate(trials.directions):
        finite = values[np.isfinite(values[:, column]), column]
        extreme = np.max if direction == "minimize" else np.min
        worst.append(float(extreme(finite)) if len(finite) else math.nan)
    return tuple(worst)


def build_hypervolume(trials: Trials, reference: Sequence[float]) -> HypervolumeHistory:
    """Return the volume after each complete trial; there must be two objectives or more."""
    rows = complete_rows(trials)
    losses = losses_of(trials.values[rows], trials.directions)
    edge = losses_of(np.array([reference], np.float64), trials.directions)[0]
    is_inside = np.all((losses <= edge) & np.isfinite(losses), axis=1)
    is_feasible = trials.is_feasible[rows]
    at = np.flatnonzero(is_feasible & is_inside)
    gains = np.zeros(len(rows))
    gains[at] = _flat_gains(losses[at], edge) if len(edge) == _FLAT else _gains(losses[at], edge)
    return HypervolumeHistory(
        trials.numbers[rows],
        np.cumsum(gains),
        tuple(float(each) for each in reference),
        n_beyond=int((is_feasible & ~is_inside).sum()),
    )


class _Stairs:
    """The area between points in a plane and a corner beyond them; points come one by one."""

    def __init__(self, edge: Sequence[float]) -> None:
        self._edge_x, self._edge_y = edge[0], edge[1]
        self._xs: list[float] = []
        self._ys: list[float] = []

    def add(self, x: float, y: float) -> float:
        """Add a point and return by how much the area grew."""
        xs, ys = self._xs, self._ys
        start = bisect_right(xs, x)
        if start and ys[start - 1] <= y:
            return 0.0
        if start and xs[start - 1] == x:
            start -= 1
        stop = start
        gain, left = 0.0, x
        above = ys[start - 1] if start else self._edge_y
        while stop < len(xs) and ys[stop] >= y:
            gain += (xs[stop] - left) * (above - y)
            left, above = xs[stop], ys[stop]
            stop += 1
        right = xs[stop] if stop < len(xs) else self._edge_x
        xs[start:stop], ys[start:stop] = [x], [y]
        return gain + (right - left) * (above - y)


def _flat_gains(losses: FloatArray, edge: FloatArray) -> list[float]:
    stairs = _Stairs(edge.tolist())
    return [stairs.add(x, y) for x, y in losses.tolist()]


def _gains(losses: FloatArray, edge: FloatArray) -> FloatArray:
    """Return what each point adds; most are behind the front and add nothing."""
    gains = np.zeros(len(losses))
    front = np.empty((0, len(edge)))
    for start in range(0, len(losses), _BLOCK):
        block = losses[start : start + _BLOCK]
        for row in np.flatnonzero(~beaten_by(front, block)).tolist():
            point = block[row]
            if np.all(front <= point, axis=1).any():
                continue
            overlap = _volume(np.maximum(front, point), edge)
            gains[start + row] = math.prod((edge - point).tolist()) - overlap
            front = np.vstack([front[np.any(front < point, axis=1)], point])
    return gains


def _volume(points: FloatArray, edge: FloatArray) -> float:
    """Return the volume between points and a corner: slices along the last objective."""
    if not len(points):
        return 0.0
    ordered: FloatArray = points[np.argsort(points[:, -1], kind="stable")]
    depths = np.diff(np.append(ordered[:, -1], edge[-1]))
    if len(edge) > _FLAT + 1:
        slices: list[float] = [
            _volume(ordered[: count + 1, :-1], edge[:-1]) if depth > 0 else 0.0
            for count, depth in enumerate(depths.tolist())
        ]
        return float(np.dot(np.array(slices), depths))
    stairs = _Stairs(edge.tolist())
    areas = np.cumsum([stairs.add(x, y) for x, y in ordered[:, :-1].tolist()])
    return float(np.dot(areas, depths))

"""Planes of figures: cells are the ranges whose trials are seen in them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.made_trials import param_of, trials_of

from hptui.analysis.axis import Axis
from hptui.analysis.history import history_of
from hptui.analysis.region import Measure
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.figures.canvas.field import Field
from hptui.figures.canvas.plane import Plane, Side
from hptui.figures.heat import build_pair, draw_heat
from hptui.figures.history import draw_history
from hptui.figures.pareto import build_front, draw_front
from hptui.figures.slice import build_slices, draw_slices
from hptui.ui.plots.brush import Brush

if TYPE_CHECKING:
    from hptui.figures.canvas.figure import Figure

LR = Measure("param", "lr")
WIDTH = Measure("param", "width", is_whole=True)
KIND = Measure("param", "kind", choices=("a", "b", "c"))
N = 101


@pytest.mark.parametrize(
    ("side", "first", "last", "is_part", "low", "high"),
    [
        (Side(LR, Axis(0, 100)), 10, 20, False, 9.5, 20.5),
        (Side(LR, Axis(0, 100)), 0, 20, False, None, 20.5),
        (Side(LR, Axis(0, 100)), 0, 20, True, 0, 20.5),
        (Side(LR, Axis(0, 100)), 10, 100, False, 9.5, None),
        (Side(LR, Axis(0, 100)), 10, 100, True, 9.5, 100),
        (Side(LR, Axis(0, 100), has_more_below=True), 0, 100, False, 0, None),
        (Side(LR, Axis(1e-10, 1, is_log=True)), 10, 20, False, 0.9e-9, 1.1e-8),
        (Side(WIDTH, Axis(1, 11)), 10, 20, False, 2, 3),
        (Side(WIDTH, Axis(1, 11)), 12, 18, False, 3, 2),
        (Side(WIDTH, Axis(50, 60), has_more_below=True), 0, 10, False, 50, 51),
        (Side(WIDTH, Axis(0, 10_000), has_more_below=True), 0, 1, False, 0, 150),
    ],
)
def test_cells_are_ranges_in_round_numbers(
    side: Side, first: int, last: int, is_part: bool, low: float | None, high: float | None
) -> None:
    span = side.span(first, last, N, is_part=is_part)
    for found, wanted in ((span.low, low), (span.high, high)):
        assert found == (None if wanted is None else pytest.approx(wanted, rel=0.06))
        assert len(repr(found)) <= 8


@pytest.mark.parametrize(
    ("first", "last", "chosen"),
    [(0, 100, "abc"), (0, 49, "a"), (50, 50, "b"), (51, 100, "c"), (10, 40, "")],
)
def test_cells_are_choices(first: int, last: int, chosen: str) -> None:
    span = Side(KIND, Axis(0, 2)).span(first, last, N, is_part=False)
    assert "".join(map(str, span.chosen)) == chosen


@given(st.integers(2, 200), st.data(), st.booleans())
def test_a_cell_holds_its_own_number(n_cells: int, data: st.DataObject, is_log: bool) -> None:
    side = Side(LR, Axis(1e-3, 10, is_log=is_log))
    cell = data.draw(st.integers(0, n_cells - 1))
    number = side.number_in(cell, n_cells)
    assert side.cell_of(number, n_cells) == cell
    span = side.span(cell, cell, n_cells, is_part=False)
    assert (span.low is None) == (cell == 0)
    if math.isfinite(number):
        assert span.low is not None
        assert span.high is None or span.low < number < span.high


TRIALS = trials_of(
    np.linspace(0.1, 4, 40),
    params={
        "lr": param_of("lr", FloatParam(1e-5, 1, log=True), np.geomspace(1e-5, 1, 40)),
        "width": param_of("width", IntParam(1, 40), np.arange(1, 41)),
        "kind": param_of("kind", ChoiceParam(("a", "b")), np.arange(40) % 2),
    },
)


def figures() -> list[tuple[Figure, int]]:
    """Figures with how many planes each has to have."""
    two = trials_of(np.stack([np.linspace(0, 1, 40), np.linspace(1, 0, 40)], 1), ("minimize",) * 2)
    return [
        (draw_history(history_of(TRIALS, 0), width=100, height=30), 1),
        (draw_history(history_of(TRIALS, 0), width=100, height=30, is_log=True), 1),
        (draw_slices(build_slices(TRIALS, list(TRIALS.params), 0), width=100, height=30), 3),
        (draw_heat(build_pair(TRIALS, "lr", "width", 0), "contour", width=100, height=30), 1),
        (draw_heat(build_pair(TRIALS, "kind", "lr", 0), "rank", width=100, height=30), 1),
        (draw_front(build_front(two, (0, 1)), ("x", "y"), width=100, height=30), 1),
    ]


def test_a_region_holds_the_trials_that_are_seen_in_it() -> None:
    for figure, n_planes in figures():
        assert len(figure.planes) == n_planes
        spots, width = figure.spots, 0
        is_two = len(figure.planes) == 1 and figure.planes[0].x.measure.what == "value"
        trials = TRIALS if not is_two else None
        for plane in figure.planes if trials is not None else ():
            field = plane.field
            width += field.width
            half = (
                (field.left, field.top),
                (field.left + field.width // 2, field.top + field.height),
            )
            region = plane.region(half[0], plane.clipped(*half[1]))
            seen = (spots.columns >= field.left) & (spots.columns < half[1][0] + 1)
            seen &= (spots.rows >= field.top) & (spots.rows < field.top + field.height)
            inside = TRIALS.numbers[region.rows(TRIALS)]
            # At the edge of a cell, round numbers may take one trial more or less.
            assert len(set(inside) ^ set(spots.numbers[seen])) <= 1
            assert 10 <= len(inside) <= 30
        assert width <= 100


def test_a_zoomed_history_leaves_out_what_came_before() -> None:
    figure = draw_history(history_of(TRIALS, 0), width=80, height=20, window=(20, 39))
    plane = figure.planes[0]
    right = plane.clipped(200, 200)
    region = plane.region(plane.clipped(0, 0), right)
    assert np.flatnonzero(region.rows(TRIALS)).tolist() == list(range(20, 40))


def planes() -> tuple[Plane, Plane]:
    left = Plane(Field(5, 1, 20, 10), Side(LR, Axis(0, 1)), Side(WIDTH, Axis(0, 9)))
    right = Plane(Field(30, 1, 20, 10), Side(KIND, Axis(0, 2)), Side(WIDTH, Axis(0, 9)))
    return left, right


def test_a_brush_steps_from_plane_to_plane_until_it_is_put_down() -> None:
    left, right = both = planes()
    brush = Brush.at(both, (0, 5))
    assert brush is not None
    assert brush.corners(left) == ((5, 5), (5, 5))
    brush = brush.step(both, "right", is_far=True)
    assert brush.corners(left)[1] == (7, 5)
    for _ in range(20):
        brush = brush.step(both, "right", is_far=False)
    assert brush.plane_in(both) is right
    assert brush.step(both, "left", is_far=False).plane_in(both) in both
    brush = brush.stretched().step(both, "down", is_far=False)
    assert brush.corners(right)[0] != brush.corners(right)[1]
    for _ in range(60):
        brush = brush.step(both, "left", is_far=False)
    assert brush.plane_in(both) is right
    assert brush.corners(right)[1][0] == 30
    assert Brush.at((), (0, 0)) is None
    assert brush.plane_in((left,)) is None


def test_a_corner_stays_at_its_number_on_another_axis_and_at_an_end() -> None:
    left, _ = planes()
    brush = Brush.at((left,), (10, 5))
    assert brush is not None
    brush = brush.stretched().to(left, (100, 0))
    wider = Plane(left.field, Side(LR, Axis(0, 2)), left.y)
    (x0, _), (x1, _) = brush.corners(wider)
    assert x0 == 7 or x0 == 8
    assert x1 == 24
    assert brush.region(wider, is_part=False).spans[0].high is None

"""Medians by step, and lines thin enough to draw."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from hptui.analysis.pruning.curves import Curve, median_curve
from hptui.figures.canvas.points import Points, thin_line


def curve(*reports: tuple[int, float]) -> Curve:
    return Curve(
        np.array([step for step, _ in reports], np.int64),
        np.array([value for _, value in reports], np.float64),
    )


def test_the_median_is_that_of_the_curves_that_have_the_step():
    median = median_curve(
        [curve((0, 1.0), (1, 2.0)), curve((0, 3.0)), curve((0, 8.0), (1, 4.0), (7, 5.0))]
    )
    assert median.steps.tolist() == [0, 1, 7]
    assert median.values.tolist() == [3.0, 3.0, 5.0]


def test_what_is_not_a_number_counts_for_nothing_and_infinity_for_its_place():
    median = median_curve(
        [curve((0, math.nan), (1, math.nan)), curve((0, math.inf)), curve((0, 1.0))]
    )
    assert median.steps.tolist() == [0]
    assert median.values.tolist() == [math.inf]
    assert math.isnan(median_curve([curve((0, math.inf)), curve((0, -math.inf))]).values[0])


def test_the_greatest_floats_have_a_median():
    assert median_curve([curve((0, 1.7e308)), curve((0, 1.5e308))]).values.tolist() == [1.6e308]


def test_nothing_has_no_median():
    assert not len(median_curve([]).steps)
    assert not len(median_curve([curve()]).steps)


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 5), st.floats(-1e9, 1e9)), max_size=6), max_size=6)
)
def test_the_median_is_numpys(rows: list[list[tuple[int, float]]]):
    curves = [curve(*sorted(dict(each).items())) for each in rows]
    median = median_curve(curves)
    for step, value in zip(median.steps.tolist(), median.values.tolist(), strict=True):
        there = np.concatenate([each.values[each.steps == step] for each in curves])
        assert math.isclose(value, float(np.median(there)), rel_tol=1e-12, abs_tol=1e-9)


def test_a_line_is_thinned_to_what_can_be_seen():
    x = np.linspace(0.0, 1.0, 100_000)
    y = np.random.default_rng(0).random(100_000)
    y[[12_345, 54_321]] = 1.5, -0.5
    thin = thin_line(Points(x, y), 80)
    assert len(thin.x) <= 4 * 80
    assert (np.diff(thin.x) > 0).all()
    assert (thin.x[0], thin.x[-1]) == (0.0, 1.0)
    assert (thin.y.max(), thin.y.min()) == (1.5, -0.5)


def test_a_short_line_stays_as_it_is():
    points = Points(np.array([0.0, 0.5, 1.0]), np.array([1.0, 0.0, 1.0]))
    assert thin_line(points, 10) is points

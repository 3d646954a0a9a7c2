"""The history chart: any study, any size, and nothing that a terminal could obey."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import plotext  # pyright: ignore[reportMissingTypeStubs]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hptui.analysis.history import History, Points, build_history
from hptui.charts.canvas import MIN_HEIGHT, MIN_WIDTH, Canvas, Layer, draw
from hptui.charts.history_chart import draw_history

if TYPE_CHECKING:
    from hptui.domain.objective import Direction


def history_of(
    values: list[float],
    direction: Direction = "minimize",
    complete: list[bool] | None = None,
    feasible: list[bool] | None = None,
) -> History:
    n = len(values)
    return build_history(
        np.arange(n),
        np.array(values, np.float64),
        np.array([True] * n if complete is None else complete, np.bool_),
        np.array([True] * n if feasible is None else feasible, np.bool_),
        direction,
    )


trials = st.lists(st.tuples(st.floats(allow_nan=False), st.booleans(), st.booleans()), max_size=40)


@settings(max_examples=150, deadline=None)
@given(
    trials,
    st.sampled_from(["minimize", "maximize"]),
    st.integers(-1, 90),
    st.integers(-1, 30),
    st.booleans(),
    st.booleans(),
)
def test_every_history_at_every_size_gives_a_text(
    rows: list[tuple[float, bool, bool]],
    direction: Direction,
    width: int,
    height: int,
    is_log: bool,
    unicode: bool,
):
    history = history_of(
        [value for value, _, _ in rows],
        direction,
        [complete for _, complete, _ in rows],
        [feasible for _, _, feasible in rows],
    )
    text = draw_history(
        history, "title", width=width, height=height, is_log=is_log, unicode=unicode
    )
    *chart, notes = text.splitlines()
    assert notes
    assert len(chart) <= max(0, height - 1)
    assert all(len(line) <= width for line in chart)
    assert unicode or text.isascii()
    assert "\x1b" not in text


def test_each_trial_and_the_best_are_drawn_and_named():
    text = draw_history(
        history_of([4.0, 3.0, 5.0, 2.0], feasible=[True, True, True, False]),
        "wine: loss",
        width=50,
        height=14,
    )
    chart, notes = text.rsplit("\n", 1)
    assert "wine: loss" in chart
    assert chart.count("·") == 1
    assert chart.count("x") == 1
    assert "▀" in chart or "▄" in chart
    assert notes == "4 complete   ★ 3 at trial 1   x 1 infeasible"


def test_the_best_is_the_greatest_when_maximizing():
    assert "★ 5 at trial 0" in draw_history(
        history_of([5.0, 3.0], "maximize"), "t", width=40, height=12
    )


@pytest.mark.parametrize(
    ("history", "expected"),
    [
        (history_of([]), "t: no complete trial among 0."),
        (history_of([1.0, 2.0], complete=[False, False]), "t: no complete trial among 2."),
        (history_of([math.inf]), "t: 1 complete   ★ inf at trial 0   1 infinite, not drawn"),
    ],
)
def test_where_there_is_nothing_to_draw_a_line_says_so(history: History, expected: str):
    assert draw_history(history, "t", width=80, height=20) == expected


def test_infinite_values_are_counted_and_leave_the_rest_to_be_seen():
    text = draw_history(history_of([1.0, math.inf, 2.0, -math.inf]), "t", width=60, height=12)
    assert "2 infinite, not drawn" in text
    assert "1.5" in text


def test_what_a_log_scale_cannot_show_is_counted():
    text = draw_history(history_of([0.01, 1.0, -1.0, 0.0]), "t", width=60, height=12, is_log=True)
    assert "2 not above 0, not drawn on a log scale" in text


def test_without_unicode_the_chart_is_ascii():
    text = draw_history(
        history_of([3.0, 2.0, 1.0]), "caf\u00e9", width=60, height=14, unicode=False
    )
    assert text.isascii()
    assert "#" in text
    assert "* 1 at trial 2" in text


def test_colour_is_used_only_on_request():
    history = history_of([3.0, 2.0, 1.0])
    assert "\x1b[" in draw_history(history, "t", width=60, height=14, colour=True)
    assert "\x1b" not in draw_history(history, "t", width=60, height=14)


def test_a_title_cannot_send_escapes_to_the_terminal():
    text = draw_history(
        history_of([1.0, 2.0]), "a\x1b]52;c;x\x07\nb", width=80, height=14, colour=False
    )
    assert "\x1b" not in text
    assert "\\x1b]52" in text


def test_a_chart_leaves_nothing_in_plotexts_global_figure():
    def empty() -> Canvas:
        return Canvas("", "", (), ())

    before = draw(empty(), 40, 10, colour=False, unicode=True)
    draw_history(history_of([1.0, 2.0]), "secret", width=60, height=12)
    assert draw(empty(), 40, 10, colour=False, unicode=True) == before


def test_a_chart_is_as_wide_as_asked_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "5")
    lines = draw_history(history_of([1.0, 2.0]), "t", width=150, height=40).splitlines()
    assert max(map(len, lines)) == 150
    assert len(lines) > 30


def test_the_smallest_canvas_holds_a_layer():
    layer = Layer(Points(np.array([0.0, 1.0]), np.array([0.0, 1.0])), "hd", "red", is_line=True)
    text = draw(
        Canvas("t", "x", ((0.0, "0"),), ((1.0, "1"),), (layer,)),
        MIN_WIDTH,
        MIN_HEIGHT,
        colour=False,
        unicode=True,
    )
    assert len(text.splitlines()) == MIN_HEIGHT


def test_plotext_still_has_what_is_used_of_it():
    assert all(hasattr(plotext, name) for name in ("figure", "terminal", "marker", "pixel"))

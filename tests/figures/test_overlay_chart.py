"""Histories over each other: each study has a line, a colour and a letter of its own."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest
from tests.analysis.plain_studies import made, many
from tests.figures.looks import LOOKS

from hptui.analysis.history import history_of
from hptui.figures.canvas.picture import FINE, Look
from hptui.figures.overlay import NamedHistory, draw_overlay

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hptui.figures.canvas.figure import Figure


def overlay(*values: Sequence[float], is_log: bool = False, look: Look = FINE) -> Figure:
    studies = [NamedHistory(f"s{at}", history_of(made(each), 0)) for at, each in enumerate(values)]
    return draw_overlay(studies, width=80, height=20, is_log=is_log, look=look)


@pytest.mark.parametrize("look", LOOKS)
def test_each_study_has_its_letter_in_its_colour_where_its_line_is(look: Look):
    values = [[9.0 - at, *([8.0 - at] * (10 + 10 * at))] for at in range(6)]
    figure = overlay(*values, look=look)
    *chart, legend = figure.picture.lines
    for at, letter in enumerate("ABCDEF"):
        role = f"series-{at + 1}"
        spans = [span for line in chart for span in line if span.role == role]
        assert letter in "".join(span.text for span in spans)
        assert set("".join(span.text for span in spans)) - set("ABCDEF ")
        assert any(span.text == f"{letter} " and span.role == role for span in legend)
    assert "s0 8" in figure.picture.plain()


def test_a_line_ends_with_its_study():
    figure = overlay([1.0] * 10, [2.0, 0.0] * 20)
    assert reach(figure, "series-1") < 80 / 3
    assert reach(figure, "series-2") == 80


@pytest.mark.parametrize(("better", "is_log"), [(-math.inf, False), (-1.0, True)])
def test_a_line_ends_where_its_best_can_be_seen_no_more(better: float, is_log: bool):
    figure = overlay([2.0, 1.0, better, *[3.0] * 17], [2.0, 0.5] * 10, is_log=is_log)
    assert reach(figure, "series-1") < 80 / 3
    assert reach(figure, "series-2") == 80
    assert f"s0 {better:g}" in figure.picture.plain()


def reach(figure: Figure, role: str) -> int:
    """Return in which column the last of a role is."""
    return max(
        sum(len(other.text) for other in line[: at + 1])
        for line in figure.picture.lines[:-3]
        for at, span in enumerate(line)
        if span.role == role
    )


def test_a_bad_start_does_not_squash_the_rest():
    figure = overlay([1e9, *[3.0 - each / 20 for each in range(20)]], [2.5] * 20)
    assert "e+" not in figure.picture.plain()
    assert "2.8" in figure.picture.plain()
    assert "e+" in overlay([1e9] * 5 + [3.0] * 15, [2.5] * 20).picture.plain()


def test_it_says_why_there_is_nothing():
    assert overlay([], []).sentence == "No feasible trial has completed yet."
    assert "infinite" not in overlay([math.inf], [1.0]).sentence
    assert (
        overlay([math.inf], []).sentence == "No best value is finite, so there is nothing to draw."
    )
    assert overlay([-1.0], is_log=True).sentence.startswith("No best value is above 0")
    assert "s0 inf" in overlay([math.inf], [1.0]).picture.plain()


def test_any_size_and_very_many_trials():
    study = NamedHistory("many", history_of(many(), 0))
    for width, height in ((1, 1), (20, 6), (300, 60)):
        lines = draw_overlay([study] * 6, width=width, height=height).picture.lines
        assert len(lines) <= height
        assert all(sum(len(span.text) for span in line) <= width for line in lines)

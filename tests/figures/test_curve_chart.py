"""The chart of intermediate values: any curve, any size."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.figures.looks import LOOKS

from hptui.analysis.pruning.curves import Curve
from hptui.analysis.pruning.thresholds import Pruning, Threshold
from hptui.figures.canvas.picture import ASCII, FINE, Look
from hptui.figures.trial_curve import CurveSource, draw_curve

if TYPE_CHECKING:
    from hptui.figures.canvas.picture import Picture


def source_of(
    own: dict[int, float],
    state: str = "COMPLETE",
    median: dict[int, float] | None = None,
    n_others: int = 41,
) -> CurveSource:
    return CurveSource(7, state, curve_of(own), curve_of(median or {}), n_others)


def pruned(curve: Curve, **more: Any) -> Pruning:
    return Pruning((Threshold("it", curve, is_upper=True, **more),))


def curve_of(reports: dict[int, float]) -> Curve:
    steps = sorted(reports)
    return Curve(np.array(steps, np.int64), np.array([reports[step] for step in steps], np.float64))


def text_in(picture: Picture, role: str) -> str:
    return "".join(span.text for line in picture.lines for span in line if span.role == role)


reports = st.dictionaries(st.integers(-(2**62), 2**62), st.floats(), max_size=30)


@settings(max_examples=150, deadline=None)
@given(
    reports,
    reports,
    st.sampled_from(["COMPLETE", "RUNNING", "PRUNED", "FAIL", "WAITING"]),
    st.tuples(st.integers(-1, 90), st.integers(-1, 30)),
    st.booleans(),
    st.sampled_from(LOOKS),
    st.integers(0, 12),
)
def test_every_curve_at_every_size_gives_a_picture(
    own: dict[int, float],
    median: dict[int, float],
    state: str,
    size: tuple[int, int],
    is_log: bool,
    look: Look,
    n_others: int,
):
    width, height = size
    pruning = pruned(curve_of(median), is_rungs=look.unicode, bracket=n_others or None)
    source = replace(source_of(own, state, median), pruning=pruning)
    picture = draw_curve(source, width=width, height=height, is_log=is_log, look=look).picture
    lines = picture.plain().split("\n")
    assert len(lines) <= max(1, height)
    assert all(len(line) <= max(0, width) for line in lines)
    assert look.unicode or picture.plain().isascii()


def test_the_curve_lies_over_the_median_of_the_others():
    own = {step: 0.9 - 0.1 / (step + 1) for step in range(18)}
    median = {step: 0.8 - 0.2 / (step + 1) for step in range(40)}
    picture = draw_curve(source_of(own, "RUNNING", median), width=60, height=14).picture
    assert "⠶" in text_in(picture, "running")
    assert text_in(picture, "running").count("●") == 1
    assert any(0x2800 < ord(character) < 0x2900 for character in text_in(picture, "median"))
    legend = picture.plain().split("\n")[-1].strip()
    assert legend == "⠶ #7   0.8944 at step 17   ⠒ median of 41 complete"
    assert "30" in text_in(picture, "label")


@pytest.mark.parametrize(
    ("state", "role", "mark"),
    [("PRUNED", "pruned", "◐"), ("FAIL", "failed", "✗"), ("COMPLETE", "trial", "")],
)
def test_how_a_trial_ended_is_marked_at_its_last_report(state: str, role: str, mark: str):
    picture = draw_curve(source_of({0: 3.0, 1: 2.0}, state), width=40, height=10).picture
    text = text_in(picture, role)
    assert text
    assert mark in text


@pytest.mark.parametrize(
    ("source", "is_log", "expected"),
    [
        (source_of({}), False, "Trial 7 reported no intermediate values."),
        (source_of({}, "RUNNING"), False, "Trial 7 has not reported an intermediate value yet."),
        (source_of({}, "WAITING", {1: 2.0}), False, "Trial 7 is waiting to run."),
        (
            source_of({0: math.nan, 1: math.inf}),
            False,
            "Trial 7 reported no finite value in 2 reports.",
        ),
        (
            source_of({0: -1.0}),
            True,
            "Trial 7 reported nothing above 0, so a log axis shows nothing.",
        ),
    ],
)
def test_where_there_is_no_curve_a_sentence_says_why(
    source: CurveSource, is_log: bool, expected: str
):
    drawn = draw_curve(source, width=90, height=9, is_log=is_log)
    assert drawn.sentence == expected
    assert expected in drawn.picture.plain()


def test_what_is_not_drawn_is_counted():
    source = source_of({0: 1.0, 1: math.nan, 2: -math.inf, 3: 0.5})
    assert "2 not finite, not drawn" in draw_curve(source, width=80, height=12).picture.plain()


def test_a_single_report_is_seen():
    picture = draw_curve(source_of({5: 0.25}), width=40, height=12).picture
    assert text_in(picture, "trial").replace("⠶ ", "")


def test_without_unicode_both_lines_can_be_told_apart():
    own = {step: 1.0 + step for step in range(9)}
    median = {step: 9.0 - step for step in range(9)}
    picture = draw_curve(source_of(own, "PRUNED", median), width=60, height=14, look=ASCII).picture
    assert text_in(picture, "pruned").count("=") > 8
    assert text_in(picture, "pruned").count("P") == 1
    assert text_in(picture, "median").count("-") > 8
    assert picture.plain().isascii()


def test_many_reports_are_drawn_as_fast_as_few_can_be_seen():
    own = {step: math.sin(step / 1000) for step in range(20_000)}
    picture = draw_curve(source_of(own), width=100, height=20).picture
    assert len(text_in(picture, "trial")) > 100


def test_where_the_trial_is_pruned_is_drawn():
    level = curve_of({0: 5.0, 3: 4.0, 9: 3.0})
    own = {0: 6.0, 3: 4.5, 6: 2.0}

    def drawn(state: str, pruning: Pruning, *, look: Look = FINE) -> Picture:
        source = replace(source_of(own, state), pruning=pruning)
        return draw_curve(source, width=90, height=14, look=look).picture

    line = drawn("RUNNING", pruned(level))
    assert "pruned above: it" in line.plain()
    assert len(text_in(line, "target").strip()) > 10
    # Of a trial that has ended it is what would be so now.
    assert "pruned above now: it" in drawn("PRUNED", pruned(level)).plain()
    rungs = drawn("RUNNING", pruned(level, is_rungs=True))
    # The third rung is beyond the trial's steps.
    assert text_in(rungs, "target").count("▼") == 2 + 1
    bracket = drawn("RUNNING", pruned(level, is_rungs=True, bracket=3), look=ASCII)
    assert text_in(bracket, "target").count("3") == 2 + 1
    far = drawn("RUNNING", pruned(curve_of({0: 50.0})))
    assert "pruned above: it, out of sight" in far.plain()
    named = Pruning((Threshold("rung of halving", level, is_upper=True, is_rungs=True),))
    assert "▼ pruned above: rung " in f"{drawn('RUNNING', named).plain()} "
    assert "rung of" not in drawn("RUNNING", named).plain()
    none = drawn("RUNNING", Pruning(why_none="no pruner is recorded"))
    assert "no threshold: no pruner is recorded" in none.plain()

"""The history chart: any study, any size, and nothing that a terminal could obey."""

from __future__ import annotations

import math
import subprocess
import sys
from typing import TYPE_CHECKING

import numpy as np
import plotext  # pyright: ignore[reportMissingTypeStubs]
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.figures.histories import MIXED_STATES, source_of
from tests.figures.looks import LOOKS
from tests.made_trials import trials_of
from tests.waiting import DEADLINE_S

from hptui.domain.study_changes import StudyChange
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING, STALE, WAITING
from hptui.figures.canvas.chart import MIN_HEIGHT, MIN_WIDTH, Canvas, draw
from hptui.figures.canvas.lines import Line
from hptui.figures.canvas.picture import ASCII, FINE, Look
from hptui.figures.canvas.points import Points
from hptui.figures.history import draw_history
from hptui.figures.study_events import StudyEvents, first_numbers
from hptui.storage.read.study_detail import runs_of

if TYPE_CHECKING:
    from hptui.analysis.history import History
    from hptui.domain.objective import Direction
    from hptui.figures.canvas.picture import Picture


def text_in(picture: Picture, role: str) -> str:
    return "".join(span.text for line in picture.lines for span in line if span.role == role)


trials = st.lists(
    st.tuples(st.floats(), st.sampled_from([COMPLETE, COMPLETE, PRUNED, RUNNING, FAIL, STALE])),
    max_size=40,
)


@settings(max_examples=150, deadline=None)
@given(
    trials,
    st.sampled_from(["minimize", "maximize"]),
    st.tuples(st.integers(-1, 90), st.integers(-1, 30)),
    st.booleans(),
    st.sampled_from(LOOKS),
    st.none() | st.floats(allow_nan=False),
    st.none() | st.tuples(st.integers(0, 20), st.integers(20, 40)),
)
def test_every_history_at_every_size_gives_a_picture(
    rows: list[tuple[float, int]],
    direction: Direction,
    size: tuple[int, int],
    is_log: bool,
    look: Look,
    target: float | None,
    window: tuple[int, int] | None,
):
    width, height = size
    drawn = draw_history(
        source_of([value for value, _ in rows], direction, states=[state for _, state in rows]),
        width=width,
        height=height,
        is_log=is_log,
        look=look,
        target=target,
        selected=3,
        window=window,
    )
    lines = drawn.picture.plain().split("\n")
    assert len(lines) <= max(1, height)
    assert all(len(line) <= max(0, width) for line in lines)
    assert look.unicode or drawn.picture.plain().isascii()
    assert "\x1b" not in drawn.picture.plain()


def test_each_trial_and_the_best_are_drawn_and_counted():
    drawn = draw_history(
        source_of([4.0, 3.0, 5.0, 2.0], infeasible=[3]), width=60, height=14
    ).picture
    *chart, legend = drawn.plain().split("\n")
    assert "\n".join(chart).count("⊘") == 1
    assert "\n".join(chart).count("★") == 1
    assert "⣤" in text_in(drawn, "best")
    assert legend.strip() == "★ 3 #1   ⠛ 3 complete   ⊘ 1 infeasible"


def test_pruned_and_running_trials_stand_where_they_reported_last():
    drawn = draw_history(
        source_of([4.0, 3.0, 3.5, 3.0, 4.5, 3.9], states=MIXED_STATES), width=70, height=16
    ).picture
    assert text_in(drawn, "pruned").count("·") == 2 + 1
    assert text_in(drawn, "running").count("●") == 1 + 1
    assert "2 pruned" in drawn.plain()


def test_a_report_far_from_the_values_is_counted_and_does_not_squash_them():
    drawn = draw_history(
        source_of([4.0, 3.0, 900.0], states=[COMPLETE, COMPLETE, PRUNED]), width=60, height=14
    ).picture
    assert "▴ 1 far above" in drawn.plain()
    assert text_in(drawn, "pruned").count("▴") == 1
    assert "900" not in text_in(drawn, "label")


def test_a_report_far_better_than_any_value_is_counted_alone():
    drawn = draw_history(
        source_of([4.0, 3.0, -900.0], states=[COMPLETE, COMPLETE, PRUNED]), width=60, height=14
    ).picture
    assert "1 out of sight" in drawn.plain()
    assert "900" not in text_in(drawn, "label")


def test_reports_of_stale_trials_are_seen():
    states = [COMPLETE, COMPLETE, STALE, RUNNING]
    picture = draw_history(source_of([1.0, 2.0, 1.5, 1.2], states=states), width=60, height=12)
    assert text_in(picture.picture, "stale").count("◌") == 2
    assert "◌ 1 stale" in picture.picture.plain()


@pytest.mark.parametrize(("direction", "mark"), [("minimize", "▴"), ("maximize", "▾")])
def test_a_few_values_far_worse_than_most_stand_at_the_edge(direction: Direction, mark: str):
    sign = 1.0 if direction == "minimize" else -1.0
    values = [sign * value for value in (500.0, *range(1, 12), 90.0, 3.0)]
    drawn = draw_history(source_of(values, direction), width=70, height=16)
    rows = drawn.picture.plain().split("\n")
    edge = 0 if direction == "minimize" else 12
    assert [rows[edge].count(mark), drawn.picture.plain().count(mark)] == [2, 2 + 1]
    assert f"{mark} 2 far" in rows[-1]
    assert drawn.number_at(rows[edge].index(mark), edge) == 0
    log = draw_history(source_of(values), width=70, height=16, is_log=True)
    assert "far" not in log.picture.plain()


@pytest.mark.parametrize(
    "values", [[1.0] * 20 + [9.0], [5.0, 1.0, 1.1], [2.0**n for n in range(4)]]
)
def test_where_there_is_no_bulk_every_value_is_in_sight(values: list[float]):
    assert "far" not in draw_history(source_of(values), width=70, height=16).picture.plain()


@pytest.mark.parametrize(
    ("target", "expected"), [(2.5, "┄ target 2.5"), (1e9, "┄ target 1e+09, out of sight")]
)
def test_the_target_is_drawn_or_said_to_be_elsewhere(target: float, expected: str):
    drawn = draw_history(source_of([4.0, 3.0, 2.9]), width=76, height=14, target=target).picture
    assert expected in drawn.plain()
    assert (text_in(drawn, "target").count("┄") > 40) == (target == 2.5)


def test_the_selected_trial_is_marked_at_its_value_and_on_the_axis():
    source = source_of([4.0, 3.0, 2.0, 5.0], states=[COMPLETE, COMPLETE, COMPLETE, FAIL])
    assert text_in(draw_history(source, width=40, height=12, selected=1).picture, "selected") == (
        "◆▲"
    )
    assert text_in(draw_history(source, width=40, height=12, selected=3).picture, "selected") == (
        "▲"
    )
    assert not text_in(draw_history(source, width=40, height=12, selected=99).picture, "selected")


@pytest.mark.parametrize("selected", [0, 17, 20, 39])
@pytest.mark.parametrize("height", [9, 14])
def test_the_pointer_on_the_axis_never_cuts_a_label(selected: int, height: int):
    source = source_of([float(value) for value in range(40)])
    drawn = draw_history(source, width=60, height=height, selected=selected).picture
    labels = [span.text.strip() for line in drawn.lines for span in line if span.role == "label"]
    words = " ".join(labels).split()
    assert set(words) <= {"trial", *map(str, range(0, 41, 5)), *map(str, range(0, 41, 2))}


def test_a_window_shows_its_trials_alone_and_the_best_so_far():
    source = source_of([1.0, *(float(value) for value in range(50, 10, -1))])
    drawn = draw_history(source, width=60, height=14, window=(30, 40)).picture
    *_, legend = drawn.plain().split("\n")
    assert legend.strip() == "★ 1   ⠛ 11 complete"
    assert "30" in text_in(drawn, "label")
    # The best came before the part, and is far below all in it.
    assert text_in(drawn, "best").count("⠛") > 50
    assert "10" in text_in(drawn, "label")


CHANGES = (
    StudyChange(4, "workers", "2 to 4 workers", 0.0, "jo"),
    StudyChange(9, "space", "x low 0.5", None, ""),
)


@pytest.mark.parametrize(("look", "marks"), [(FINE, "◇▸┃"), (ASCII, "~>!")])
def test_what_happened_between_trials_is_marked_on_the_axis(look: Look, marks: str):
    source = source_of([float(value) for value in range(20, 0, -1)])
    events = StudyEvents(runs=(12,), changes=CHANGES, first_unseen=16)
    drawn = draw_history(source, width=120, height=14, look=look, events=events).picture
    *_, axis, labels, legend = drawn.plain().split("\n")
    at = [at for at, char in enumerate(axis) if char in marks]
    assert [axis[each] for each in at] == [marks[0], marks[0], marks[1], marks[2]]
    assert np.diff(at).tolist() == pytest.approx(np.array([5, 3, 4]) * 117 / 19, abs=1)
    assert f"{marks[1]} 1 later run   {marks[0]} 2 changes   #9 x low 0.5" in legend
    assert f"{marks[2]} 4 new since you last looked" in legend
    assert set(labels.split()) <= {*map(str, range(21)), "trial"}


def test_of_a_part_only_what_happened_in_it_is_told():
    source = source_of([float(value) for value in range(20, 0, -1)])
    events = StudyEvents(runs=(12,), changes=CHANGES)
    drawn = draw_history(source, width=120, height=14, events=events, window=(3, 7)).picture
    text = drawn.plain()
    assert "◇ 1 change   #4 2 to 4 workers (jo, 01-01 " in text
    assert "▸" not in text


def test_a_run_begins_with_the_first_trial_that_started_in_it():
    starts_s = np.array([10.0, 12.0, 11.0, 50.0, 49.0, np.nan, 90.0])
    trials = trials_of([1.0] * 7, starts_s=starts_s)
    moments = (10, 48, 60, 95)
    runs = runs_of([{"started": f"1970-01-01T00:0{s // 60}:{s % 60:02}"} for s in moments])
    assert first_numbers(trials, runs) == (3, 6)
    assert first_numbers(trials_of([]), runs) == ()


def test_the_best_is_the_greatest_when_maximizing():
    assert (
        "★ 5 #0"
        in draw_history(source_of([5.0, 3.0], "maximize"), width=40, height=12).picture.plain()
    )


@pytest.mark.parametrize(
    ("source", "is_log", "expected"),
    [
        (source_of([]), False, "No trial yet."),
        (
            source_of([math.nan] * 3, states=[FAIL, FAIL, PRUNED]),
            False,
            "No trial has completed: 1 pruned, 2 failed.",
        ),
        (
            source_of([math.nan], states=[RUNNING]),
            False,
            "No trial has completed yet; 1 is running.",
        ),
        (source_of([math.nan], states=[STALE]), False, "No trial has completed: 1 stale."),
        (
            source_of([math.nan] * 2, states=[WAITING] * 2),
            False,
            "No trial has completed yet; 2 are waiting.",
        ),
        (source_of([math.inf]), False, "No value is finite, so there is nothing to draw."),
        (source_of([-1.0, 0.0]), True, "No value is above 0, so a log axis shows none."),
    ],
)
def test_where_there_is_nothing_to_draw_a_sentence_says_why(
    source: History, is_log: bool, expected: str
):
    drawn = draw_history(source, width=80, height=20, is_log=is_log)
    assert drawn.sentence == expected
    assert expected in drawn.picture.plain()
    assert drawn.number_at(40, 10) is None


def test_infinite_values_are_counted_and_leave_the_rest_to_be_seen():
    text = draw_history(
        source_of([1.0, math.inf, 2.0, -math.inf]), width=60, height=12
    ).picture.plain()
    assert "2 infinite, not drawn" in text
    assert "1.5" in text


@pytest.mark.parametrize(("better", "is_log"), [(-math.inf, False), (-1.0, True)])
def test_the_line_of_the_best_ends_where_that_can_be_seen_no_more(better: float, is_log: bool):
    values = [2.0, 1.0, better, *[3.0] * 17]
    drawn = draw_history(source_of(values), width=60, height=12, is_log=is_log).picture
    ends = [
        sum(len(other.text) for other in line[: at + 1])
        for line in drawn.lines[:-1]
        for at, span in enumerate(line)
        if span.role == "best"
    ]
    assert 0 < max(ends) < 60 / 3


def test_what_a_log_scale_cannot_show_is_counted():
    text = draw_history(
        source_of([0.01, 1.0, -1.0, 0.0]), width=60, height=12, is_log=True
    ).picture.plain()
    assert "2 not above 0, not drawn" in text


@pytest.mark.parametrize("values", [[7.0] * 5, [7.0], [-1.7e308, 1.7e308], [5e-324, 1e-320]])
@pytest.mark.parametrize("size", [(20, 6), (160, 40)])
def test_the_hardest_ranges_have_labels(values: list[float], size: tuple[int, int]):
    width, height = size
    drawn = draw_history(source_of(values), width=width, height=height).picture
    assert text_in(drawn, "label").replace("trial", "").strip(" 0")
    assert "★" in drawn.plain()


def test_close_numbers_leave_room_for_the_chart():
    source = source_of([1e15 + 0.125, 1e15 + 0.25, 1e15 + 0.5])
    drawn = draw_history(source, width=30, height=10)
    assert drawn.area is not None
    assert drawn.area.width >= 18


def test_without_unicode_the_chart_is_ascii():
    text = draw_history(
        source_of([3.0, 2.0, 2.5, 1.0]), width=60, height=14, look=ASCII
    ).picture.plain()
    assert text.isascii()
    assert "|" in text
    assert "=" in text
    assert "* 1 #3" in text


def test_a_click_finds_the_trial_that_is_seen_there():
    source = source_of([4.0, 3.0, 2.5, 2.0, 1.0], states=[COMPLETE, FAIL, *[COMPLETE] * 3])
    drawn = draw_history(source, width=60, height=16, selected=2)
    rows = drawn.picture.plain().split("\n")
    y = next(index for index, row in enumerate(rows) if "◆" in row)
    assert drawn.number_at(rows[y].index("◆"), y) == 2
    assert drawn.number_at(0, 0) is None
    assert drawn.number_at(59, 12) == 4


def test_a_hundred_thousand_trials_reach_plotext_as_few_points(monkeypatch: pytest.MonkeyPatch):
    rng = np.random.default_rng(0)
    values = rng.random(100_000) + np.linspace(1.0, 0.0, 100_000)
    figure = plotext.figure  # pyright: ignore
    seen: list[int] = []
    signal = figure.signal  # pyright: ignore

    def counting(x: list[float], y: list[float], **options: object) -> object:
        seen.append(len(x))
        return signal(x, y, **options)  # pyright: ignore

    monkeypatch.setattr(figure, "signal", counting)  # pyright: ignore
    drawn = draw_history(source_of(values.tolist()), width=160, height=40)
    assert 0 < sum(seen) < 2_000
    assert "100000 complete" in drawn.picture.plain()


def test_a_chart_leaves_nothing_in_plotexts_global_figure():
    corners = Points(np.array([0.0, 1.0]), np.array([0.0, 1.0]))
    canvas = Canvas("", (), (), lines=(Line(corners, "best"),))
    before = draw(canvas, 40, 10, look=FINE)[0]
    draw_history(source_of([1.0, 2.0]), width=60, height=12)
    assert draw(canvas, 40, 10, look=FINE)[0] == before


def test_a_chart_is_as_wide_as_asked_whatever_the_terminal(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("COLUMNS", "20")
    monkeypatch.setenv("LINES", "5")
    lines = draw_history(source_of([1.0, 2.0]), width=150, height=40).picture.plain().split("\n")
    assert max(map(len, lines)) == 150
    assert len(lines) == 40


@pytest.mark.parametrize("is_fine", [False, True])
def test_the_smallest_canvas_holds_a_line(is_fine: bool):
    line = Line(Points(np.array([0.0, 1.0]), np.array([0.0, 1.0])), "median", is_fine=is_fine)
    canvas = Canvas("x", ((0.0, "0"),), ((1.0, "1"),), lines=(line,))
    picture = draw(canvas, MIN_WIDTH, MIN_HEIGHT, look=FINE)[0]
    assert len(picture.lines) == MIN_HEIGHT
    assert len(text_in(picture, "median").replace(" ", "")) >= MIN_WIDTH - 3


def test_plotexts_manual_is_not_loaded():
    script = (
        "import sys, numpy; from tests.figures.histories import source_of; "
        "from hptui.figures.history import draw_history; "
        "print(draw_history(source_of([2.0, 1.0]), width=40, height=9).picture.plain()); "
        "print([name for name in sys.modules if name.startswith('plotext._doc.sections')])"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=True,
        timeout=DEADLINE_S,
    )
    assert "★ 1 #1" in done.stdout
    assert done.stdout.endswith("[]\n")

"""The spread of repeated trials in the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.figures.histories import source_of
from tests.storage.study_file import FLOAT, StudyFile

from hptui.analysis.axis import Axis
from hptui.analysis.history import history_of
from hptui.domain.repeats import Repeats
from hptui.figures.canvas.picture import ASCII, FINE, Look
from hptui.figures.history import draw_history
from hptui.figures.repeat_whiskers import Spreads, spreads_of, whiskers_of
from hptui.figures.request import PlottedStudy
from hptui.storage.read.study_detail import runs_of
from hptui.storage.read.study_reader import StudyReader

if TYPE_CHECKING:
    from pathlib import Path

SPREADS = Spreads(np.array([1, 3, 9]), np.array([0.5, 2.0, 1.0]))


@pytest.mark.parametrize(("look", "mark"), [(FINE, "│"), (ASCII, "|")])
def test_repeated_trials_have_a_line_and_the_legend_says_so(look: Look, mark: str) -> None:
    history = source_of([1.0, 2.0, 3.0, 4.0, 5.0])
    drawn = draw_history(history, width=60, height=15, look=look, spreads=SPREADS)
    text = drawn.picture.plain()
    assert f"{mark} spread of repetitions" in text
    plain = draw_history(history, width=60, height=15, look=look)
    assert "repetitions" not in plain.picture.plain()
    assert text.count(mark) > plain.picture.plain().count(mark) + 4


def test_lines_go_a_deviation_to_both_sides_and_end_with_the_axes() -> None:
    numbers, values = np.arange(5), np.arange(1.0, 6.0)
    x_axis, y_axis = Axis.around(numbers / 1), Axis.around(values)
    whiskers = whiskers_of(SPREADS, numbers, values, x_axis, y_axis)
    assert whiskers is not None
    low, high = y_axis.place(np.array([1.5, 2.0])), y_axis.place(np.array([2.5, y_axis.high]))
    assert np.allclose(whiskers.low, low)
    assert np.allclose(whiskers.high, high)
    points = whiskers.points(40, 10)
    assert len(set(points.x.tolist())) == 2
    first = points.y[points.x == points.x.min()]
    assert not np.any(np.abs(first - whiskers.middle[0]) < 0.04), "the trial is hidden"
    assert (first.min() >= low[0] - 0.05, first.max() <= high[0] + 0.05) == (True, True)
    assert whiskers_of(None, numbers, values, x_axis, y_axis) is None
    assert whiskers_of(SPREADS, numbers[:1], values[:1], x_axis, y_axis) is None


def test_spreads_are_read_where_trials_are_repeated(tmp_path: Path) -> None:
    stored = [
        Repeats(((1.0,), (3.0,))).to_json(),
        Repeats(((1.0,),)).to_json(),
        {"values": "damaged"},
        Repeats(((float("inf"),), (1.0,))).to_json(),
        None,
    ]
    with StudyFile(tmp_path / "s.db") as built:
        built.add_study("s")
        for number, each in enumerate(stored):
            attributes = {} if each is None else {"hptui:repeats": each}
            params = {"x": (0.5, FLOAT)}
            built.add_trial(float(number), params=params, attributes=attributes)
    with StudyReader(tmp_path / "s.db", "s") as reader:
        reader.refresh()
        trials = reader.trials
    runs = runs_of([{"id": "r", "repeat": 3}])
    study = PlottedStudy(tmp_path / "s.db", "s", trials, (), runs=runs)
    spreads = spreads_of(study, 0)
    assert spreads is not None
    assert (spreads.numbers.tolist(), spreads.deviations.tolist()) == ([0], [2**0.5])
    assert spreads_of(study, 1) is None
    never = PlottedStudy(tmp_path / "s.db", "s", trials, ())
    assert spreads_of(never, 0) is None
    gone = PlottedStudy(tmp_path / "gone.db", "s", trials, (), runs=runs)
    assert spreads_of(gone, 0) is None
    assert len(history_of(trials, 0).numbers) == len(stored)

"""A trial's parameters as gauges, and what stands beside them in the detail column."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from tests.made_trials import param_of, trials_of
from tests.ui.snapshots import snapshot_of

from hptui.analysis.objectives.best import leading_rows
from hptui.domain.spaces.space import ChoiceParam, FloatParam, IntParam
from hptui.domain.trial_states import COMPLETE, FAIL, PRUNED, RUNNING
from hptui.trials import UNKEPT
from hptui.ui.trial.gauges import GaugeMaker, gauge_lines
from hptui.ui.trial.side_lines import side_lines, side_title

if TYPE_CHECKING:
    from hptui.trials import ParamColumn
    from hptui.ui.study.snapshot import StudySnapshot
    from hptui.ui.trial.trial_lines import Line

NO_FRONT = np.zeros(0, np.int64)


def study(*params: ParamColumn, values: list[float] | None = None) -> StudySnapshot:
    given = values or [float(at) for at in range(len(params[0].values))]
    trials = trials_of(given, params={each.name: each for each in params})
    return replace(snapshot_of(given), trials=trials)


def drawn(snapshot: StudySnapshot, number: int, width: int, *, has_unicode: bool = True):
    lines = gauge_lines(GaugeMaker().make(snapshot, number), width, has_unicode=has_unicode)
    return [text_of(line) for line in lines]


def text_of(line: Line) -> str:
    return "".join(part for part, _ in line)


@pytest.mark.parametrize(
    ("spec", "values", "place"),
    [
        (FloatParam(0.0, 10.0), [5.0], 0.5),
        (FloatParam(1e-4, 1.0, log=True), [1e-2], 0.5),
        (FloatParam(1e-4, 1.0, log=True), [1.0], 1.0),
        (IntParam(2, 4), [2.0], 0.0),
        (IntParam(3, 3), [3.0], 0.5),
        (FloatParam(0.0, 1.0), [7.0], None),
        (ChoiceParam(("a", "b", "c", "d")), [2.0], 0.625),
    ],
)
def test_a_dot_stands_in_its_range(
    spec: FloatParam | IntParam | ChoiceParam, values: list[float], place: float | None
) -> None:
    (gauge,) = GaugeMaker().make(study(param_of("p", spec, values)), 0)
    assert gauge.place == pytest.approx(place)


def test_the_best_tenth_stands_behind_the_dot_in_the_range_of_the_trial() -> None:
    # 20 trials, of which the best two are the first: at 0.9, and outside of the new range.
    numbers = [0.9, 9.0, *(0.1 for _ in range(18))]
    indices = [1, 0, *(1 for _ in range(18))]
    old, new = FloatParam(0.0, 10.0), FloatParam(0.0, 1.0)
    snapshot = study(param_of("x", (old, new), numbers, np.array(indices)))  # pyright: ignore[reportArgumentType]
    (gauge,) = GaugeMaker().make(snapshot, 19)
    assert gauge.leading.tolist() == [0.9]
    assert drawn(snapshot, 19, 30) == ["x  0 ▁▁●▁▁▁▁▁▁▁▁▁▁▃▅▇▅▃ 1  0.1"]
    assert drawn(snapshot, 19, 30, has_unicode=False) == ["x  0 ..O..........-+#+- 1  0.1"]


def test_choices_stand_at_their_places_though_a_list_has_grown() -> None:
    specs = (ChoiceParam(("a", "b")), ChoiceParam(("b", "a", "c")))
    values, indices = [1.0] + [2.0] * 9, [0] + [1] * 9
    snapshot = study(param_of("kind", specs, values, np.array(indices)))  # pyright: ignore[reportArgumentType]
    (gauge,) = GaugeMaker().make(snapshot, 5)
    # The best one has `b`, which is the first choice now.
    assert gauge.leading.tolist() == pytest.approx([1 / 6])
    assert drawn(snapshot, 5, 20) == ["kind  ▇▇▇▇▁▁▁▁▁●▁  c"]


def test_ends_of_ranges_are_told_where_there_is_room_and_long_names_are_cut() -> None:
    snapshot = study(param_of("learning rate of all", FloatParam(1e-4, 0.1, log=True), [0.01]))
    assert drawn(snapshot, 0, 60)[0].startswith("learning rate o…  0.0001 ▁")
    assert drawn(snapshot, 0, 60)[0].endswith(" 0.1  0.01")
    assert drawn(snapshot, 0, 24) == ["learnin…  ▁▁▁▃▅●▅▃  0.01"]
    assert all(len(line) <= 12 for line in drawn(snapshot, 0, 12))


def test_a_parameter_without_a_known_range_has_its_value_alone() -> None:
    column = param_of("x", FloatParam(0.0, 1.0), [0.5])
    column = replace(column, spec_indices=np.array([UNKEPT], np.int32))
    assert drawn(study(column), 0, 20) == ["x" + " " * 16 + "0.5"]
    assert drawn(study(param_of("x", FloatParam(0.0, 1.0), [math.nan])), 0, 20) == []


def test_who_leads() -> None:
    values = [float(at) for at in range(25)]
    assert sorted(leading_rows(trials_of(values), NO_FRONT)) == [0, 1, 2]
    assert sorted(leading_rows(trials_of(values, ("maximize",)), NO_FRONT)) == [22, 23, 24]
    broken = np.array([False] * 2 + [True] * 23)
    assert sorted(leading_rows(trials_of(values, is_feasible=broken), NO_FRONT)) == [2, 3, 4]
    assert not len(leading_rows(trials_of([], ("minimize",)), NO_FRONT))
    several = trials_of([[1.0, 2.0], [2.0, 1.0], [3.0, 3.0]], ("minimize", "minimize"))
    assert sorted(leading_rows(several, np.array([0, 1]))) == [0, 1]


@pytest.mark.parametrize(
    ("state", "title", "told"),
    [
        (COMPLETE, "#1 complete", ["value  1  rank 2 of 2"]),
        (FAIL, "#1 failed", ["ValueError: no", "", "last report  1  at step 0"]),
        (
            PRUNED,
            "#1 pruned",
            ["It was pruned after step 0, where it reported 1.", "", "last report  1  at step 0"],
        ),
        (RUNNING, "#1 running", ["last report  1  at step 0", "worker       2"]),
    ],
)
def test_the_column_says_at_once_what_the_snapshot_has(
    state: int, title: str, told: list[str]
) -> None:
    snapshot = replace(snapshot_of([0.0, 1.0], [COMPLETE, state]), causes={1: "ValueError: no"})
    if state == RUNNING:
        snapshot = replace(snapshot, engine=an_engine())
    assert side_title(snapshot, 1) == title
    assert [text_of(line).rstrip() for line in side_lines(snapshot, 1, 60, 0.0)] == told


def an_engine():
    from hptui.ui.study.snapshot import EngineState, WorkerStatus

    worker = WorkerStatus(1, 1, 2.0, 0, 1.0, is_ending=False)
    return EngineState(
        "running", 1, 0, 0, 2, 1.0, None, 1.0, "tpe", "none", None, "loky", "", (worker,)
    )

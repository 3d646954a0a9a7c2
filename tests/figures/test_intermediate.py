"""The intermediate values of a study are those that Optuna draws."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import optuna.visualization._intermediate_values as reference
import pytest
from tests.analysis.plain_studies import made, tuned
from tests.figures.looks import LOOKS
from tests.storage.study_file import StudyFile

from hptui.cli.main import main
from hptui.domain.trial_states import COMPLETE, PRUNED, RUNNING, STALE
from hptui.figures.canvas.field import Field, strokes
from hptui.figures.canvas.points import Points
from hptui.figures.intermediate import Curves, build_curves, draw_intermediate
from hptui.storage.read.study_reports import read_reports

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from hptui.figures.canvas.picture import Look


def curves_of(
    *reports: Mapping[int, float], states: Sequence[int] = (), values: Sequence[float] = ()
) -> Curves:
    """Curves of trials 0, 1, 2 ... with these reports by step."""
    trials = made(values or [0.0] * len(reports), states=states or None)
    return build_curves(
        trials,
        np.array([row for row, each in enumerate(reports) for _ in each], np.int64),
        np.array([step for each in reports for step in each], np.int64),
        np.array([value for each in reports for value in each.values()], np.float64),
    )


def test_it_agrees_with_optuna(tmp_path: Path):
    plain = tuned(tmp_path / "a.db")
    info = reference._get_intermediate_plot_info(plain.study)  # pyright: ignore[reportPrivateUsage]
    reports = read_reports(plain.path, "plain")
    rows = np.searchsorted(plain.trials.trial_ids, reports.trial_ids)
    curves = build_curves(plain.trials, rows, reports.steps, reports.values)
    assert curves.n_trials == len(info.trial_infos)
    for theirs in info.trial_infos:
        ours = curves.of(theirs.trial_number)
        assert (
            list(zip(ours.steps.tolist(), ours.values.tolist(), strict=True))
            == theirs.sorted_intermediate_values
        )
        is_feasible = curves.is_feasible[curves.numbers == theirs.trial_number]
        assert set(is_feasible.tolist()) == {theirs.feasible}
    assert curves.best == plain.study.best_trial.number
    assert not reports.has_more


def test_of_very_many_reports_whole_new_trials_are_read(tmp_path: Path):
    path = tmp_path / "many.db"
    with StudyFile(path) as file:
        file.add_study("many")
        for index in range(4):
            file.add_trial(1.0, reports={step: float(index) for step in range(5)})
        file.add_study("other")
        file.add_trial(1.0, study_id=2, reports={0: 9.0})
    reports = read_reports(path, "many", max_reports=12)
    assert reports.has_more
    assert reports.trial_ids.tolist() == [3] * 5 + [4] * 5
    assert reports.values.tolist() == [2.0] * 5 + [3.0] * 5
    assert reports.steps.tolist() == [0, 1, 2, 3, 4] * 2
    assert len(read_reports(path, "many", max_reports=3).steps) == 4
    assert len(read_reports(path, "many", max_reports=20).steps) == 20


def test_states_have_looks_of_their_own():
    curves = curves_of(
        {0: 1.0, 10: 5.0},
        {0: 0.0, 10: 0.0},
        {0: 8.0, 5: 8.0},
        {0: 10.0, 2: 10.0},
        {0: 6.0, 3: 6.0},
        states=[COMPLETE, COMPLETE, PRUNED, RUNNING, STALE],
        values=[5.0, 0.0, math.nan, math.nan, math.nan],
    )
    figure = draw_intermediate(curves, width=100, height=16, selected=2)
    text = figure.picture.plain()
    assert "⠶ #1, the best   ⠒ 2 complete   · 1 pruned   ⠒ 1 running   ◌ 1 stale" in text
    assert text.count("◆") == 2
    assert figure.number_at(4, 0) == 3
    roles = {span.role for line in figure.picture.lines[:-1] for span in line}
    assert {"best", "trial", "pruned", "running", "stale", "median"} <= roles


def test_a_report_that_is_no_number_makes_a_gap():
    curves = curves_of({0: 1.0, 5: math.nan, 10: 1.0}, states=[PRUNED], values=[math.nan])
    text = draw_intermediate(curves, width=60, height=12).picture.plain()
    assert text.count("·") == 2 + 1
    assert "1 report not finite" in text


def test_a_line_goes_through_every_dot_between_its_ends():
    field = Field(0, 0, 40, 20)
    start = Points(np.array([0.0, 1.0]), np.array([0.0, 0.5]))
    end = Points(np.array([1.0, 1.0]), np.array([1.0, 0.5]))
    found = strokes(start, end, field, (2, 2))
    columns, rows = field.columns(found.x, 2), field.rows(found.y, 2)
    order = np.lexsort((-rows, columns))
    line = np.stack([columns, rows], axis=1)[order]
    assert set(range(1, 79)) <= set(columns.tolist())
    assert set(range(1, 39)) <= set(rows.tolist())
    assert len(line) == 78 + 1 + 1


@pytest.mark.parametrize("size", [(1, 1), (16, 4), (40, 9), (130, 40)])
@pytest.mark.parametrize("look", LOOKS)
def test_any_size_gives_a_picture(size: tuple[int, int], look: Look):
    for curves in (curves_of({3: 1.0}), curves_of({0: -1e308, 1: 1e308}, {0: 2.0, 2**62: 3.0})):
        figure = draw_intermediate(curves, width=size[0], height=size[1], look=look)
        lines = figure.picture.plain().split("\n")
        assert len(lines) <= size[1]
        assert max(map(len, lines)) <= size[0]
        assert look.unicode or "\n".join(lines).isascii()


def test_nothing_to_draw_is_a_sentence():
    for curves, sentence in (
        (curves_of({}), "No trial has reported an intermediate value."),
        (curves_of({0: math.inf}), "No report is finite, so there is nothing to draw."),
        (curves_of({0: -1.0}), "No report is above 0, so a log axis shows none."),
    ):
        assert draw_intermediate(curves, width=60, height=9, is_log=True).sentence == sentence


def test_very_many_reports_are_drawn():
    rng = np.random.default_rng(0)
    n_trials, n_steps = 5_000, 20
    trials = made(rng.random(n_trials))
    curves = build_curves(
        trials,
        np.repeat(np.arange(n_trials), n_steps),
        np.tile(np.arange(n_steps), n_trials),
        rng.random(n_trials * n_steps),
    )
    assert "5000 complete" in draw_intermediate(curves, width=90, height=20).picture.plain()


def test_it_is_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    path = tmp_path / "a.db"
    with StudyFile(path) as file:
        file.add_study("a")
        file.add_trial(1.0, reports={0: 3.0, 1: 2.0})
    assert main(["plot", str(path), "intermediate", "--width", "70", "--log"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("a: intermediate values\n")
    assert "#0, the best" in text
